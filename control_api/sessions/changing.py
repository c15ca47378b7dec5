"""What people change about stored sessions, one or many: names, tags, where they are put, whether they are there.

States are archived and taken back by name, never set: completed ⇄ archived is all that a person may do to a status.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Literal, cast
from uuid import UUID

from aiohttp import web
from pydantic import ConfigDict, Field

from control_api.access import as_member, changeable_session, locked_session
from control_api.auth import member
from control_api.errors import NothingToChangeError, code_of
from control_api.etags import check_if_match, respond_tagged
from control_api.http import Body, View, body, path_id, respond
from control_api.sessions.models import SessionEdit, SessionView
from db import audit, session_changes, sessions
from db.pool import Connection
from db.records import Member
from db.session_changes import SessionChanges

MAX_BULK = 100


class Bulk(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"action": "archive", "ids": ["6f6a1c0e-58d5-4d6e-9c5b-0d4f2f0f7a11"]}]}
    )

    action: Literal["archive", "unarchive", "delete", "restore"]
    ids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_BULK)]


class BulkOutcome(View):
    id: UUID
    is_done: bool
    code: str | None = Field(description="Why not: the code of the problem that it would have been alone")


class BulkResult(View):
    items: list[BulkOutcome]


async def update_session(request: web.Request) -> web.Response:
    changes = body(request, SessionEdit).model_dump(exclude_unset=True)
    if not changes:
        raise NothingToChangeError
    who = member(request)
    async with as_member(request) as conn:
        before = await locked_session(conn, who, path_id(request))
        check_if_match(request, SessionView.of(before))
        after = await session_changes.update_session(
            conn, who.organization_id, before.id, cast("SessionChanges", changes)
        )
        await audit.write(conn, who.organization_id, "sessions.updated", before.id, {"fields": sorted(changes)})
    return respond_tagged(SessionView.of(after))


async def archive_session(request: web.Request) -> web.Response:
    return await _one(request, _archive)


async def unarchive_session(request: web.Request) -> web.Response:
    return await _one(request, _unarchive)


async def restore_session(request: web.Request) -> web.Response:
    """Until it is erased for good."""
    return await _one(request, _restore)


async def delete_session(request: web.Request) -> web.Response:
    """It is not there any more; for thirty days it can be restored."""
    async with as_member(request) as conn:
        await _delete(conn, member(request), path_id(request))
    return respond(None)


async def change_many(request: web.Request) -> web.Response:
    """Each by itself: what cannot be done to one keeps no other from it."""
    sent = body(request, Bulk)
    items = []
    for session_id in dict.fromkeys(sent.ids):
        code = await code_of(_apply(request, CHANGES[sent.action], session_id))
        items.append(BulkOutcome(id=session_id, is_done=code is None, code=code))
    return respond(BulkResult(items=items))


Change = Callable[[Connection, Member, UUID], Awaitable[None]]


async def _one(request: web.Request, change: Change) -> web.Response:
    who, session_id = member(request), path_id(request)
    async with as_member(request) as conn:
        await change(conn, who, session_id)
        session = await sessions.get_session(conn, who.organization_id, session_id)
    return respond_tagged(SessionView.of(session))


async def _apply(request: web.Request, change: Change, session_id: UUID) -> None:
    async with as_member(request) as conn:
        await change(conn, member(request), session_id)


async def _archive(conn: Connection, who: Member, session_id: UUID) -> None:
    await changeable_session(conn, who, session_id)
    await session_changes.archive_session(conn, who.organization_id, session_id)
    await audit.write(conn, who.organization_id, "sessions.archived", session_id)


async def _unarchive(conn: Connection, who: Member, session_id: UUID) -> None:
    await changeable_session(conn, who, session_id)
    await session_changes.unarchive_session(conn, who.organization_id, session_id)
    await audit.write(conn, who.organization_id, "sessions.unarchived", session_id)


async def _delete(conn: Connection, who: Member, session_id: UUID) -> None:
    await changeable_session(conn, who, session_id)
    await session_changes.delete_session(conn, who.organization_id, session_id)


async def _restore(conn: Connection, who: Member, session_id: UUID) -> None:
    await session_changes.restore_session(conn, who.organization_id, session_id)


CHANGES: dict[str, Change] = {
    "archive": _archive,
    "unarchive": _unarchive,
    "delete": _delete,
    "restore": _restore,
}
