"""Sessions: create, list, read, join, end; and what was said and advised in them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from aiohttp import web

from control_api.access import as_member, changeable_session, check_permission, check_role, readable_session
from control_api.audiences import my_audiences
from control_api.auth import member
from control_api.errors import InvalidBodyError
from control_api.etags import etag_of
from control_api.http import body, from_cursor, path_id, query, respond, to_cursor
from control_api.sessions.joining import ENDED, Admission, admit
from control_api.sessions.models import (
    Ended,
    GuidanceList,
    GuidanceView,
    JoiningMember,
    NewSession,
    SessionCounts,
    SessionDetail,
    SessionList,
    SessionPage,
    SessionView,
    State,
    TranscriptList,
    TranscriptPage,
    TranscriptView,
)
from control_api.sessions.preparing import LINKED, write_context
from control_api.state import state
from db import calls, commands, guidance, sessions, transcripts
from db.pool import Connection
from db.records import Call, Member, Session

END = "end"
STORED: dict[State, dict[str, Any]] = {
    "draft": {"status": "draft"},
    "active": {"status": "active", "is_paused": False},
    "paused": {"status": "active", "is_paused": True},
    "finalizing": {"status": "completed", "is_finalized": False},
    "completed": {"status": "completed", "is_finalized": True},
    "archived": {"status": "archived"},
}
"""How a state of the wire is stored."""


async def create_session(request: web.Request) -> web.Response:
    sent = body(request, NewSession)
    who = member(request)
    async with as_member(request) as conn:
        await check_permission(conn, who, "sessions.create")
        session = await sessions.insert_session(
            conn,
            user_id=who.user_id,
            organization_id=who.organization_id,
            title=sent.title,
            conversation_type=sent.conversation_type,
            selected_template_id=sent.selected_template_id,
            tags=sent.tags,
        )
        if sent.context is not None:
            await write_context(conn, session, who.user_id, sent.context, field=f"context.{LINKED}")
    return respond(SessionView.of(session), 201)


async def list_sessions(request: web.Request) -> web.Response:
    """Newest first; one row more than asked for tells whether there is a next page."""
    asked = query(request, SessionList)
    before = from_cursor(asked.cursor)
    if asked.status is not None and asked.state is not None:
        raise InvalidBodyError("Ask for a status or for a state.")
    stored = STORED[asked.state] if asked.state is not None else {"status": asked.status}
    async with as_member(request) as conn:
        rows = await sessions.list_sessions(
            conn,
            member(request).organization_id,
            conversation_type=asked.conversation_type,
            title_part=asked.q,
            created_from=asked.created_from,
            created_to=asked.created_to,
            participant_part=asked.participant,
            tag=asked.tag,
            user_id=asked.user_id,
            limit=asked.limit + 1,
            before=before,
            **stored,
        )
    page = rows[: asked.limit]
    more = to_cursor(page[-1].created_at, page[-1].id) if len(rows) > len(page) else None
    return respond(SessionPage(items=[SessionView.of(row) for row in page], next_cursor=more))


async def count_sessions(request: web.Request) -> web.Response:
    async with as_member(request) as conn:
        counted = await sessions.count_sessions(conn, member(request).organization_id)
    return respond(SessionCounts(**counted))


async def get_session(request: web.Request) -> web.Response:
    async with as_member(request) as conn:
        session = await readable_session(conn, member(request), path_id(request))
        people = await sessions.list_participants(conn, session.id)
        call = await calls.current_call(conn, session.id)
    is_paused = call is not None and call.paused
    response = respond(SessionDetail.with_participants(session, people, is_paused=is_paused))
    response.headers["ETag"] = etag_of(SessionView.of(session))
    return response


async def join_session(request: web.Request) -> web.Response:
    sent = body(request, JoiningMember)
    who = member(request)
    async with as_member(request) as conn:
        session = await readable_session(conn, who, path_id(request))
        check_role(session, who, sent.role)
        coached = tuple(session.coached_roles)
        admission = Admission(session.id, session.organization_id, session.status, sent.role, who.user_id, coached)
        joined = await admit(request, conn, admission, sent)
    return respond(joined)


async def end_session(request: web.Request) -> web.Response:
    """A live call ends itself, by order; a session without one is completed here. Ending twice is ending once."""
    who = member(request)
    async with as_member(request) as conn:
        session = await changeable_session(conn, who, path_id(request))
        call = await calls.current_call(conn, session.id)
        if session.status in ENDED:
            return respond(Ended(state=SessionView.of(session).state), 202)
        if call is None:
            await sessions.complete_session(conn, session.id, datetime.now(UTC))
        else:
            await _order_end(conn, session, call, who)
    if call is not None:
        await state(request).live.wake_node(call.node)
    return respond(Ended(state="finalizing"), 202)


async def list_transcript(request: web.Request) -> web.Response:
    asked = query(request, TranscriptPage)
    async with as_member(request) as conn:
        session = await readable_session(conn, member(request), path_id(request))
        rows = await transcripts.list_transcripts(conn, session.id, since=asked.since, limit=asked.limit)
        latest = await transcripts.latest_sequence_number(conn, session.id)
    last = rows[-1].sequence_number if rows else asked.since
    return respond(
        TranscriptList(
            items=[TranscriptView.of(row) for row in rows],
            latest_sequence_number=latest,
            next_since=last if last < latest else None,
        )
    )


async def list_guidance(request: web.Request) -> web.Response:
    who = member(request)
    async with as_member(request) as conn:
        session = await readable_session(conn, who, path_id(request))
        rows = await guidance.list_guidance(conn, session.id, audiences=await my_audiences(conn, who, session))
    return respond(GuidanceList(items=[GuidanceView.of(row) for row in rows]))


async def _order_end(conn: Connection, session: Session, call: Call, who: Member) -> None:
    """One order for each epoch of a call, however often it is asked for."""
    await commands.insert_command(
        conn,
        id=uuid5(_ORDERS, f"{END}:{session.id}:{call.epoch}"),
        session_id=session.id,
        organization_id=session.organization_id,
        kind=END,
        payload={},
        created_by=who.user_id,
    )


_ORDERS = UUID("6f6a1c0e-58d5-4d6e-9c5b-0d4f2f0f7a11")
"""Namespace of order ids."""
