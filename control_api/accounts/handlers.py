"""Signing in, out, and who I am."""

from __future__ import annotations

from uuid import UUID

from aiohttp import web

from control_api import limits
from control_api.access import as_member, as_nobody
from control_api.accounts.models import Me, NewPassword, RedeemLink, SignedIn, SignIn
from control_api.auth import clear_cookie, credential, member, set_cookie
from control_api.errors import InvalidLinkError, NotSignedInError, WrongCredentialsError
from control_api.http import body, respond
from control_api.state import state
from control_api.tokens import new_token, token_hash
from db import accounts
from db.pool import Connection, act_as


async def redeem_link(request: web.Request) -> web.Response:
    """A one-time link becomes a sign-in; the second use of it does not."""
    sent = body(request, RedeemLink)
    async with as_nobody(request) as conn:
        user_id = await accounts.redeem_sign_in_link(conn, token_hash(sent.token))
        if user_id is None:
            raise InvalidLinkError
        return await _signed_in(request, conn, user_id)


async def sign_in(request: web.Request) -> web.Response:
    """E-mail and password; an unknown e-mail costs the same work and gets the same answer."""
    sent = body(request, SignIn)
    st = state(request)
    await st.limiter.check(limits.SIGN_IN_ACCOUNT, request.remote or "", sent.email)
    async with as_nobody(request) as conn:
        found = await accounts.find_credentials(conn, sent.email)
    is_right = await st.passwords.matches(sent.password, found.password_hash if found else None)
    if found is None or not is_right:
        raise WrongCredentialsError
    async with as_nobody(request) as conn:
        return await _signed_in(request, conn, found.user_id)


async def sign_out(request: web.Request) -> web.Response:
    token, _ = credential(request)
    async with as_nobody(request) as conn:
        await accounts.end_app_session(conn, token_hash(token))
    response = respond(None)
    clear_cookie(response, state(request).settings)
    return response


async def get_me(request: web.Request) -> web.Response:
    return respond(Me.of(member(request)))


async def set_password(request: web.Request) -> web.Response:
    """Whoever has a password proves it before changing it."""
    sent = body(request, NewPassword)
    who = member(request)
    st = state(request)
    async with as_nobody(request) as conn:
        found = await accounts.find_credentials(conn, who.email)
    if found is not None and found.password_hash is not None:
        is_right = await st.passwords.matches(sent.current_password or "", found.password_hash)
        if not is_right:
            raise WrongCredentialsError("The current password is not right.")
    password_hash = await st.passwords.hash(sent.password)
    async with as_member(request) as conn:
        await accounts.set_password(conn, who.user_id, password_hash)
    return respond(None)


async def _signed_in(request: web.Request, conn: Connection, user_id: UUID) -> web.Response:
    """A fresh token for every sign-in, so that nobody can plant one beforehand."""
    token = new_token()
    await act_as(conn, user_id)
    user_agent = request.headers.get("User-Agent", "")[:400]
    await accounts.create_app_session(conn, user_id, token_hash(token), request.remote, user_agent)
    who = await accounts.authenticate(conn, token_hash(token))
    if who is None:
        raise NotSignedInError
    response = respond(SignedIn(token=token, me=Me.of(who)))
    set_cookie(response, state(request).settings, token)
    return response
