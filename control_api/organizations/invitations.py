"""Asking somebody to become a member: by a link that is good for seven days, and for one address.

Rules:
- Reading a link changes nothing, however often it is opened; accepting and declining are POSTs.
- The token is told to whoever invites, once, and mailed; the database has its hash. Resending makes a new one.
- Whoever accepts is signed in with the address that was invited, and has proven it.
"""

from __future__ import annotations

from aiohttp import web

from control_api.access import as_member, as_nobody, as_person, manager_of
from control_api.auth import member
from control_api.errors import ForbiddenError, NotFoundError
from control_api.http import body, from_cursor, path_id, query, respond, to_cursor
from control_api.organizations.invitation_models import (
    Accepted,
    InvitationList,
    InvitationMade,
    InvitationPage,
    InvitationView,
    NewInvitation,
    OfferView,
    OwnOffers,
    OwnOfferView,
)
from control_api.organizations.letters import send_invitation
from control_api.state import state
from control_api.tokens import new_token, token_hash
from db import invitations, members, organizations


async def create_invitation(request: web.Request) -> web.Response:
    organization_id = path_id(request)
    sent = body(request, NewInvitation)
    who = member(request)
    token, url = _new_link(request)
    async with as_member(request) as conn:
        standing = await manager_of(conn, who, organization_id)
        if sent.role == "owner" and standing.role != "owner":
            raise ForbiddenError("Only an owner invites owners.")
        await members.require_stranger(conn, organization_id, sent.email)
        made = await invitations.create(
            conn,
            organization_id=organization_id,
            invited_by_user_id=who.user_id,
            email=sent.email,
            role=sent.role,
            token_hash=token_hash(token),
            personal_message=sent.message,
        )
        organization = await organizations.get_organization(conn, organization_id)
        await send_invitation(request, conn, made, organization.name, url)
    return respond(InvitationMade.made(made, url), 201)


async def list_invitations(request: web.Request) -> web.Response:
    organization_id = path_id(request)
    asked = query(request, InvitationList)
    before = from_cursor(asked.cursor)
    async with as_member(request) as conn:
        await manager_of(conn, member(request), organization_id)
        rows = await invitations.list_invitations(
            conn, organization_id, status=asked.status, limit=asked.limit + 1, before=before
        )
    page = rows[: asked.limit]
    more = to_cursor(page[-1].created_at, page[-1].id) if len(rows) > len(page) else None
    return respond(InvitationPage(items=[InvitationView.of(row) for row in page], next_cursor=more))


async def resend_invitation(request: web.Request) -> web.Response:
    """Another link, and seven days more; the one before opens nothing."""
    organization_id = path_id(request)
    token, url = _new_link(request)
    async with as_member(request) as conn:
        await manager_of(conn, member(request), organization_id)
        sent = await invitations.resend(conn, organization_id, path_id(request, "invitation_id"), token_hash(token))
        organization = await organizations.get_organization(conn, organization_id)
        await send_invitation(request, conn, sent, organization.name, url)
    return respond(InvitationMade.made(sent, url))


async def cancel_invitation(request: web.Request) -> web.Response:
    organization_id = path_id(request)
    async with as_member(request) as conn:
        await manager_of(conn, member(request), organization_id)
        await invitations.cancel(conn, organization_id, path_id(request, "invitation_id"))
    return respond(None)


async def list_own_invitations(request: web.Request) -> web.Response:
    """Those that wait for the one who asks; none while their address is not proven."""
    async with as_person(request) as conn:
        found = await invitations.list_mine(conn)
    return respond(OwnOffers(items=[OwnOfferView.of(each) for each in found]))


async def get_invitation(request: web.Request) -> web.Response:
    """Unknown, expired and answered links look the same."""
    async with as_nobody(request) as conn:
        offer = await invitations.find(conn, token_hash(request.match_info["token"]))
    if offer is None:
        raise NotFoundError("This invitation is unknown, used up or expired.")
    return respond(OfferView.of(offer))


async def accept_invitation(request: web.Request) -> web.Response:
    """Once more by the same person changes nothing."""
    async with as_person(request) as conn:
        organization_id = await invitations.accept(conn, token_hash(request.match_info["token"]))
    return respond(Accepted(organization_id=organization_id))


async def accept_own_invitation(request: web.Request) -> web.Response:
    """One of those that wait for their proven address, without the link."""
    async with as_person(request) as conn:
        organization_id = await invitations.answer_mine(conn, path_id(request), is_accepted=True)
    return respond(Accepted(organization_id=organization_id))


async def decline_own_invitation(request: web.Request) -> web.Response:
    async with as_person(request) as conn:
        await invitations.answer_mine(conn, path_id(request), is_accepted=False)
    return respond(None)


async def decline_invitation(request: web.Request) -> web.Response:
    """By whoever holds the link, signed in or not."""
    async with as_nobody(request) as conn:
        await invitations.decline(conn, token_hash(request.match_info["token"]))
    return respond(None)


def _new_link(request: web.Request) -> tuple[str, str]:
    token = new_token()
    return token, f"{state(request).settings.public_origin}/#/invitation/{token}"
