"""Taking one's data along, and going: in two weeks, so that there is time to change one's mind."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from aiohttp import web

from control_api.access import as_person, as_user
from control_api.account_zip import account_zip
from control_api.accounts.handlers import confirm_password
from control_api.accounts.models import Deletion, DeletionOrdered
from control_api.auth import person
from control_api.http import body, respond
from control_api.state import state
from db import deletion


async def export_account(request: web.Request) -> web.StreamResponse:
    """Written as it is read: nothing of it is kept on the server, and so it cannot get lost there."""
    who = person(request)
    day = datetime.now(UTC).date().isoformat()
    response = web.StreamResponse(
        headers={
            "Content-Type": "application/zip",
            "Content-Disposition": f'attachment; filename="liveconvo-{day}.zip"',
        }
    )
    opened = partial(as_user, request, who.user_id)
    await response.prepare(request)
    async for piece in account_zip(opened, who.user_id, state(request).storage):
        await response.write(piece)
    await response.write_eof()
    return response


async def order_deletion(request: web.Request) -> web.Response:
    sent = body(request, Deletion)
    st, who = state(request), person(request)
    await confirm_password(request, sent.password)
    async with as_person(request) as conn:
        due_at = await deletion.order_account_deletion(conn, st.settings.deletion_grace_days)
        await st.mail.enqueue(
            conn,
            "account_deletion",
            who.email,
            {"date": f"{due_at:%d %B %Y}", "link": f"{st.settings.public_origin}/#/settings"},
            key=f"{who.user_id} {due_at.isoformat()}",
        )
    return respond(DeletionOrdered(due_at=due_at), 202)


async def cancel_deletion(request: web.Request) -> web.Response:
    """Without a deletion that was ordered nothing changes."""
    async with as_person(request) as conn:
        await deletion.cancel_account_deletion(conn, person(request).user_id)
    return respond(None)
