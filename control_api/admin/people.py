"""Accounts: find, look at, deactivate and take back, sign out, ask for a proof of the address."""

from __future__ import annotations

from aiohttp import web

from control_api.accounts import requests
from control_api.accounts.models import MailSent
from control_api.admin.listing import as_admin, page_of
from control_api.admin.models import Because, ListedUserView, SignedOut, UserDetail, UserPage, UserQuery
from control_api.http import body, from_cursor, path_id, query, respond
from control_api.state import state
from db import administration


async def list_users(request: web.Request) -> web.Response:
    asked = query(request, UserQuery)
    before = from_cursor(asked.cursor)
    async with as_admin(request) as conn:
        rows = await administration.list_users(
            conn,
            text=asked.q,
            is_active=asked.is_active,
            is_admin=asked.is_admin,
            before=before,
            limit=asked.limit + 1,
        )
    page, more = page_of(rows, asked.limit)
    return respond(UserPage(items=[ListedUserView.model_validate(row) for row in page], next_cursor=more))


async def get_user(request: web.Request) -> web.Response:
    async with as_admin(request) as conn:
        found = await administration.get_user(conn, path_id(request))
    return respond(UserDetail.model_validate(found))


async def deactivate_user(request: web.Request) -> web.Response:
    """Signed out and out of live calls at once; nothing of theirs is deleted."""
    return await _set_active(request, is_active=False)


async def reactivate_user(request: web.Request) -> web.Response:
    return await _set_active(request, is_active=True)


async def sign_user_out(request: web.Request) -> web.Response:
    async with as_admin(request) as conn:
        ended = await administration.end_sign_ins(conn, path_id(request))
    return respond(SignedOut(sign_ins=ended))


async def send_user_verification(request: web.Request) -> web.Response:
    async with as_admin(request) as conn:
        email = await administration.unproven_email(conn, path_id(request))
        await requests.ask(conn, state(request).mail.sealer, "verify_email", email)
    return respond(MailSent(), 202)


async def _set_active(request: web.Request, *, is_active: bool) -> web.Response:
    sent = body(request, Because)
    async with as_admin(request) as conn:
        await administration.set_user_active(conn, path_id(request), is_active=is_active, reason=sent.reason)
    return respond(None)
