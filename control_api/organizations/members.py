"""Who belongs to an organization: as what, allowed what, within which limits, and until when.

Who is paused, removed or leaves is nobody there from the next request on, and is sent out of live calls: the order to
do so lies in the transaction of the removal, and their tickets of before open nothing.
"""

from __future__ import annotations

from uuid import UUID, uuid4

from aiohttp import web

from control_api.access import as_member, manager_of, member_of, owner_of
from control_api.auth import member
from control_api.errors import ForbiddenError, NothingToChangeError
from control_api.etags import check_if_match, respond_tagged
from control_api.http import body, from_cursor, path_id, query, respond, to_cursor
from control_api.organizations.models import MemberEdit, MemberList, MemberPage, MemberView, Transfer
from control_api.state import state
from db import commands, members, organizations
from db.members import Colleague, Standing
from db.pool import Connection


async def list_members(request: web.Request) -> web.Response:
    organization_id = path_id(request)
    asked = query(request, MemberList)
    after = from_cursor(asked.cursor)
    async with as_member(request) as conn:
        await member_of(conn, member(request), organization_id)
        rows = await members.list_members(conn, organization_id, limit=asked.limit + 1, after=after)
    page = rows[: asked.limit]
    more = to_cursor(page[-1].created_at, page[-1].id) if len(rows) > len(page) else None
    return respond(MemberPage(items=[MemberView.of(row) for row in page], next_cursor=more))


async def get_member(request: web.Request) -> web.Response:
    organization_id, user_id = path_id(request), path_id(request, "user_id")
    async with as_member(request) as conn:
        await member_of(conn, member(request), organization_id)
        found = await members.get_member(conn, organization_id, user_id)
    return respond_tagged(MemberView.of(found))


async def update_member(request: web.Request) -> web.Response:
    """Owners change everybody, admins everybody who is no owner; one always stays an owner."""
    organization_id, user_id = path_id(request), path_id(request, "user_id")
    sent = body(request, MemberEdit)
    if not sent.model_fields_set:
        raise NothingToChangeError
    nodes: set[str] = set()
    async with as_member(request) as conn:
        standing = await manager_of(conn, member(request), organization_id)
        await organizations.lock_organization(conn, organization_id)
        before = await members.get_member(conn, organization_id, user_id)
        check_if_match(request, MemberView.of(before))
        _check_rank(standing, before, sent)
        if "status" in sent.model_fields_set and sent.status == "inactive":
            if user_id == member(request).user_id:
                raise ForbiddenError("Nobody pauses themselves; leave, or let another one do it.")
            nodes = await _hang_up(conn, organization_id, user_id, by=member(request).user_id)
        await _apply(conn, organization_id, before, sent)
        after = await members.get_member(conn, organization_id, user_id)
    await _wake(request, nodes)
    return respond_tagged(MemberView.of(after))


async def remove_member(request: web.Request) -> web.Response:
    """By those who manage it, or by oneself, who leaves."""
    organization_id, user_id = path_id(request), path_id(request, "user_id")
    who = member(request)
    async with as_member(request) as conn:
        standing = await member_of(conn, who, organization_id)
        found = await members.get_member(conn, organization_id, user_id)
        if user_id != who.user_id:
            standing = await manager_of(conn, who, organization_id)
            _check_rank(standing, found)
        nodes = await _hang_up(conn, organization_id, user_id, by=who.user_id)
        if user_id == who.user_id:
            await members.leave(conn, organization_id)
        else:
            await members.remove(conn, organization_id, user_id)
    await _wake(request, nodes)
    return respond(None)


async def transfer_ownership(request: web.Request) -> web.Response:
    """The owner becomes an admin, and an active member the owner."""
    organization_id = path_id(request)
    sent = body(request, Transfer)
    async with as_member(request) as conn:
        await owner_of(conn, member(request), organization_id)
        await members.transfer_ownership(conn, organization_id, sent.user_id)
        found = await members.get_member(conn, organization_id, sent.user_id)
    return respond(MemberView.of(found))


def _check_rank(standing: Standing, found: Colleague, sent: MemberEdit | None = None) -> None:
    """
    Raises:
        ForbiddenError: whoever is an owner, or becomes one, is an owner's to change.
    """
    becomes_owner = sent is not None and "role" in sent.model_fields_set and sent.role == "owner"
    if standing.role != "owner" and (found.role == "owner" or becomes_owner):
        raise ForbiddenError("Only an owner changes owners.")


async def _apply(conn: Connection, organization_id: UUID, before: Colleague, sent: MemberEdit) -> None:
    fields, user_id = sent.model_fields_set, before.user_id
    if "role" in fields and sent.role != before.role:
        await members.set_role(conn, organization_id, user_id, sent.role)
    if "permissions" in fields:
        await members.set_permissions(conn, organization_id, user_id, sorted(set(sent.permissions)))
    if fields & {"monthly_audio_hours_limit", "max_sessions_per_month"}:
        limits = {
            name: getattr(sent if name in fields else before, name)
            for name in ("monthly_audio_hours_limit", "max_sessions_per_month")
        }
        await members.set_limits(conn, organization_id, user_id, **limits)
    if "status" in fields and sent.status != before.status:
        await members.set_status(conn, organization_id, user_id, sent.status)


async def _hang_up(conn: Connection, organization_id: UUID, user_id: UUID, *, by: UUID) -> set[str]:
    """Order the live calls they are in to send them away; the nodes to wake once that is committed."""
    places = await members.list_attendances(conn, organization_id, user_id)
    for place in places:
        await commands.insert_command(
            conn,
            id=uuid4(),
            session_id=place.session_id,
            organization_id=organization_id,
            kind=commands.REMOVE_PARTICIPANT,
            payload={"participant_id": str(place.participant_id)},
            created_by=by,
        )
    return {place.node for place in places}


async def _wake(request: web.Request, nodes: set[str]) -> None:
    for node in nodes:
        await state(request).live.wake_node(node)
