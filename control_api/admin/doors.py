"""Looking into an organization: through a door that was opened with a reason, for an hour at most; and its audit log.

Rules:
- Without an open door nothing that anybody said, titled or wrote is shown: 403 `door_needed`.
- Doors open reading. There is no acting as somebody else.
- Each read is in the organization's own audit log, where those who manage it see it.
"""

from __future__ import annotations

from uuid import UUID

from aiohttp import web

from control_api.admin.listing import as_admin, page_of
from control_api.admin.models import ChainCheck, DoorOpened, Doors, DoorView, NewDoor
from control_api.auth import person
from control_api.errors import DoorNeededError, NotFoundError
from control_api.http import body, from_cursor, path_id, query, respond
from control_api.organizations.models import AuditEntryView, AuditPage, AuditQuery
from control_api.paging import Page
from control_api.sessions.models import SessionPage, SessionView, TranscriptList, TranscriptPage, TranscriptView
from db import admin_door, audit, sessions, transcripts
from db.pool import Connection


async def open_door(request: web.Request) -> web.Response:
    sent = body(request, NewDoor)
    async with as_admin(request) as conn:
        door_id = await admin_door.open_door(conn, path_id(request), sent.reason, sent.minutes)
    return respond(DoorOpened(id=door_id), 201)


async def list_doors(request: web.Request) -> web.Response:
    """Those that the one who asks opened here; who manages the organization sees everybody's, in its audit log."""
    organization_id = path_id(request)
    async with as_admin(request) as conn:
        found = await admin_door.list_doors(conn, organization_id)
        await audit.write_admin(conn, organization_id, "admin_door.listed", organization_id)
    return respond(Doors(items=[DoorView.model_validate(door) for door in found]))


async def close_door(request: web.Request) -> web.Response:
    async with as_admin(request) as conn:
        if not await admin_door.close_door(conn, path_id(request)):
            raise NotFoundError
    return respond(None)


async def list_their_sessions(request: web.Request) -> web.Response:
    organization_id = path_id(request)
    asked = query(request, Page)
    before = from_cursor(asked.cursor)
    async with as_admin(request) as conn:
        await _check_door(request, conn, organization_id)
        rows = await sessions.list_sessions(conn, organization_id, limit=asked.limit + 1, before=before)
        await audit.write_admin(conn, organization_id, "sessions.listed", organization_id)
    page, more = page_of(rows, asked.limit)
    return respond(SessionPage(items=[SessionView.of(row) for row in page], next_cursor=more))


async def read_their_transcript(request: web.Request) -> web.Response:
    organization_id, session_id = path_id(request), path_id(request, "session_id")
    asked = query(request, TranscriptPage)
    async with as_admin(request) as conn:
        await _check_door(request, conn, organization_id)
        session = await sessions.get_session(conn, organization_id, session_id)
        rows = await transcripts.list_transcripts(conn, session.id, since=asked.since, limit=asked.limit)
        latest = await transcripts.latest_sequence_number(conn, session.id)
        await audit.write_admin(conn, organization_id, "transcripts.read", session.id)
    last = rows[-1].sequence_number if rows else asked.since
    return respond(
        TranscriptList(
            items=[TranscriptView.of(row) for row in rows],
            latest_sequence_number=latest,
            next_since=last if last < latest else None,
        )
    )


async def read_their_audit_log(request: web.Request) -> web.Response:
    """Ids and codes: no door is needed."""
    return await _audit_page(request, path_id(request))


async def check_their_audit_log(request: web.Request) -> web.Response:
    return await _check_chain(request, path_id(request))


async def read_audit_log(request: web.Request) -> web.Response:
    """The installation's own."""
    return await _audit_page(request, None)


async def check_audit_log(request: web.Request) -> web.Response:
    return await _check_chain(request, None)


async def _audit_page(request: web.Request, organization_id: UUID | None) -> web.Response:
    asked = query(request, AuditQuery)
    async with as_admin(request) as conn:
        await audit.write_admin(conn, organization_id, "audit_log.read", organization_id)
        rows = await audit.list_entries(
            conn,
            organization_id,
            action=asked.action,
            actor_id=asked.actor_id,
            target_id=asked.target_id,
            before=asked.before,
            limit=asked.limit + 1,
        )
    page = rows[: asked.limit]
    more = page[-1].id if len(rows) > len(page) else None
    return respond(AuditPage(items=[AuditEntryView.of(row) for row in page], next_before=more))


async def _check_chain(request: web.Request, organization_id: UUID | None) -> web.Response:
    """Every entry of the chain is hashed again, so a broken one is found whoever made it so."""
    async with as_admin(request) as conn:
        broken = await audit.first_broken(conn, organization_id)
        await audit.write_admin(conn, organization_id, "audit_log.checked", organization_id)
    return respond(ChainCheck(is_whole=broken is None, first_broken=broken))


async def _check_door(request: web.Request, conn: Connection, organization_id: UUID) -> None:
    """An organization that is not there has no door either."""
    if not await admin_door.is_open(conn, organization_id, person(request).user_id):
        raise DoorNeededError
