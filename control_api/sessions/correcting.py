"""Correcting what was understood: one line at a time, on what was read, with everything it said before kept."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from aiohttp import web
from pydantic import ConfigDict, StringConstraints

from control_api.access import as_member, changeable_session, readable_session
from control_api.auth import member
from control_api.errors import NothingToChangeError, PreconditionError, VersionNeededError
from control_api.fields import Line, Prose
from control_api.http import Body, View, body, path_id, respond
from control_api.sessions.joining import ENDED
from control_api.sessions.models import TranscriptView
from control_api.state import state
from db import audit, calls, session_log, sessions, transcripts
from db.records import Transcript
from db.transcripts import TranscriptRevision

REVISED = "transcript.revised"
_VERSION = re.compile(r'"(\d{1,9})"')


class LineEdit(Body):
    """What is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text": "The budget is forty thousand."}]})

    text: Annotated[Prose, StringConstraints(min_length=1, max_length=10_000)] = ""
    speaker: Annotated[Line, StringConstraints(max_length=50)] = ""


class RevisionView(View):
    revision: int
    text: str
    speaker: str
    replaced_by: UUID | None
    replaced_at: datetime

    @classmethod
    def of(cls, row: TranscriptRevision) -> Self:
        return cls(
            revision=row.revision,
            text=row.content,
            speaker=row.speaker,
            replaced_by=row.replaced_by,
            replaced_at=row.replaced_at,
        )


class LineHistory(View):
    items: list[RevisionView]


async def get_line(request: web.Request) -> web.Response:
    async with as_member(request) as conn:
        session = await readable_session(conn, member(request), path_id(request))
        row = await transcripts.get_transcript(conn, session.id, path_id(request, "transcript_id"))
    return _line(row)


async def correct_line(request: web.Request) -> web.Response:
    """If-Match is a must: two people who correct one line do not undo each other's work unseen."""
    sent = body(request, LineEdit)
    if not sent.model_fields_set:
        raise NothingToChangeError
    seen = _seen_revision(request)
    transcript_id = path_id(request, "transcript_id")
    async with as_member(request) as conn:
        session = await changeable_session(conn, member(request), path_id(request))
        before = await transcripts.get_transcript(conn, session.id, transcript_id)
        if seen != before.revision:
            raise PreconditionError
        revision = await transcripts.revise(
            conn,
            session.id,
            transcript_id,
            seen_revision=seen,
            content=sent.text if "text" in sent.model_fields_set else before.content,
            speaker=sent.speaker if "speaker" in sent.model_fields_set else before.speaker,
        )
        if session.status in ENDED:
            await sessions.recount(conn, session.id)
        after = await transcripts.get_transcript(conn, session.id, transcript_id)
        details = {"revision": revision}
        await audit.write(conn, session.organization_id, "transcripts.corrected", transcript_id, details)
        call = await calls.current_call(conn, session.id)
        last = await session_log.read_last(conn, session.id)
    if call is not None:
        await state(request).live.wake_node(call.node)
    elif revision != seen and last is not None and last.type == REVISED:
        await state(request).live.publish_entries([last])
    return _line(after)


async def list_line_history(request: web.Request) -> web.Response:
    transcript_id = path_id(request, "transcript_id")
    async with as_member(request) as conn:
        session = await readable_session(conn, member(request), path_id(request))
        await transcripts.get_transcript(conn, session.id, transcript_id)
        rows = await transcripts.list_revisions(conn, session.id, transcript_id)
    return respond(LineHistory(items=[RevisionView.of(row) for row in rows]))


def _line(row: Transcript) -> web.Response:
    """Its revision is its version."""
    response = respond(TranscriptView.of(row))
    response.headers["ETag"] = f'"{row.revision}"'
    return response


def _seen_revision(request: web.Request) -> int:
    header = request.headers.get("If-Match")
    if header is None:
        raise VersionNeededError
    match = _VERSION.fullmatch(header.strip())
    if match is None:
        raise PreconditionError
    return int(match[1])
