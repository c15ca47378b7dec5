"""Guests without an account: a link that is good for seven days, and the same way into the call as for members."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from aiohttp import web

from control_api.access import as_member, as_nobody, as_user, changeable_session, check_permission, check_role
from control_api.auth import member
from control_api.errors import NotFoundError, SessionCompletedError
from control_api.http import body, from_cursor, path_id, query, respond, to_cursor
from control_api.paging import Page
from control_api.sessions.joining import ENDED, Admission, admit
from control_api.sessions.models import (
    GuestJoinView,
    GuestLinkPage,
    GuestLinkView,
    InviteOffer,
    InviteView,
    Joining,
    NewInvite,
)
from control_api.state import state
from control_api.tokens import new_token, token_hash
from db import sessions, tickets
from db.records import Invite


async def create_invite(request: web.Request) -> web.Response:
    sent = body(request, NewInvite)
    who = member(request)
    settings = state(request).settings
    token = new_token()
    expires_at = datetime.now(UTC) + timedelta(seconds=settings.invite_lifetime_s)
    async with as_member(request) as conn:
        session = await changeable_session(conn, who, path_id(request))
        await check_permission(conn, who, "guests.invite")
        check_role(session, who, sent.role)
        if session.status in ENDED:
            raise SessionCompletedError
        invite_id = await tickets.insert_invite(
            conn,
            token_hash=token_hash(token),
            session_id=session.id,
            organization_id=session.organization_id,
            role=sent.role,
            name=sent.name,
            created_by=who.user_id,
            expires_at=expires_at,
        )
    url = f"{settings.public_origin}/#/invite/{token}"
    return respond(InviteView(id=invite_id, url=url, token=token, role=sent.role, expires_at=expires_at), 201)


async def list_invites(request: web.Request) -> web.Response:
    asked = query(request, Page)
    async with as_member(request) as conn:
        session = await changeable_session(conn, member(request), path_id(request))
        rows = await tickets.list_invites(conn, session.id, limit=asked.limit + 1, before=from_cursor(asked.cursor))
    page = rows[: asked.limit]
    more = to_cursor(page[-1].created_at, page[-1].id) if len(rows) > len(page) else None
    return respond(GuestLinkPage(items=[GuestLinkView.of(row) for row in page], next_cursor=more))


async def revoke_invite(request: web.Request) -> web.Response:
    """At once, and for good; once more is not found."""
    async with as_member(request) as conn:
        session = await changeable_session(conn, member(request), path_id(request))
        if not await tickets.revoke_invite(conn, session.id, path_id(request, "invite_id")):
            raise NotFoundError
    return respond(None)


async def get_invite(request: web.Request) -> web.Response:
    return respond(InviteOffer.of(await _invite(request)))


async def join_by_invite(request: web.Request) -> web.Response:
    """A guest comes in on the rights of the member who made the link, in that member's transaction."""
    sent = body(request, Joining)
    invite = await _invite(request)
    async with as_user(request, invite.created_by) as conn:
        session = await sessions.get_session(conn, invite.organization_id, invite.session_id)
        coached = tuple(session.coached_roles)
        admission = Admission(session.id, session.organization_id, session.status, invite.role, None, coached)
        joined = await admit(request, conn, admission, sent)
    return respond(GuestJoinView(**joined.model_dump(), session_id=invite.session_id, role=invite.role))


async def _invite(request: web.Request) -> Invite:
    """Unknown, revoked and expired links look the same."""
    async with as_nobody(request) as conn:
        invite = await tickets.find_invite(conn, token_hash(request.match_info["token"]))
    if invite is None:
        raise NotFoundError("This invitation is unknown, used up or expired.")
    return invite
