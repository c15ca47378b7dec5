"""What every way of signing in ends with."""

from __future__ import annotations

from uuid import UUID

from aiohttp import web

from control_api.accounts.models import SignedIn
from control_api.auth import cookie_token, set_cookie
from control_api.devices import looks_of
from control_api.errors import NotSignedInError
from control_api.http import respond
from control_api.state import state
from control_api.tokens import new_token, token_hash
from control_api.visitors import address_of
from db import accounts, users
from db.pool import Connection, act_as

MAX_USER_AGENT = 400


async def new_sign_in(request: web.Request, conn: Connection, user_id: UUID) -> str:
    """A fresh token for every sign-in, so that nobody can plant one beforehand; what this browser had before ends."""
    before = cookie_token(request)
    if before is not None:
        await accounts.end_app_session(conn, token_hash(before))
    token = new_token()
    await act_as(conn, user_id)
    user_agent = request.headers.get("User-Agent", "")[:MAX_USER_AGENT]
    looks = looks_of(user_agent)
    await accounts.create_app_session(
        conn,
        user_id,
        token_hash(token),
        address_of(request) or None,
        user_agent,
        device_type=looks.device_type,
        browser=looks.browser,
        os=looks.os,
    )
    await users.note_sign_in(conn, user_id)
    return token


async def signed_in(request: web.Request, conn: Connection, user_id: UUID) -> web.Response:
    token = await new_sign_in(request, conn, user_id)
    who = await accounts.authenticate_person(conn, token_hash(token))
    if who is None:
        raise NotSignedInError
    response = respond(SignedIn.of(token, who))
    set_cookie(response, state(request).settings, token)
    return response
