"""Giving a session a recording after the fact, and taking one away.

Rules:
- Whoever may change the session does both. It must have had no call: a recording takes a call's place.
- The file is the body, and goes from the socket to where files are kept. It is written down by the worker.
- Who gives one says that everybody heard in it agreed: that is kept like the consent of a call, with their name.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID, uuid4

from aiohttp import web
from pydantic import Field, StringConstraints

from control_api import idempotency
from control_api.access import as_member, as_user, changeable_session
from control_api.auth import member
from control_api.errors import (
    AudioLimitError,
    NoFilesError,
    NotFoundError,
    RecordingLimitError,
    RecordingProcessingError,
    SessionNotDraftError,
    UnsupportedRecordingError,
)
from control_api.fields import Line
from control_api.http import Query, path_id, query, respond
from control_api.recordings.conversation import NAME, ROLE, SOURCE
from control_api.recordings.handlers import RecordingView
from control_api.recordings.kinds import Kind, kind_of
from control_api.state import state
from control_api.storage import Storage
from control_api.taking import MEGABYTE, Upload
from db import audit, calls, documents, jobs, participants, recordings, session_changes, usage
from db.documents import Limits
from db.pool import Connection
from db.recordings import NewRecording, Recording
from db.records import NewParticipant, Session


class RecordingQuery(Query):
    consent: Annotated[Line, StringConstraints(min_length=1, max_length=50)] = Field(
        description="Which text everybody who is heard agreed to; without it no recording is taken", examples=["1"]
    )


async def give_recording(request: web.Request) -> web.Response:
    asked, who, storage = query(request, RecordingQuery), member(request), _storage(request)
    settings, key = state(request).settings, f"recordings/{uuid4()}"
    async with as_user(request, who.user_id) as conn:
        session = await changeable_session(conn, who, path_id(request))
        if not idempotency.has_key(request):
            await _check_room(conn, request, session, 0)
        limits = await documents.get_limits(conn, who.organization_id, session.user_id)
        upload = Upload(
            kind_of, _limit_bytes(limits, settings.uploads.file_mb), settings.uploads, UnsupportedRecordingError
        )
        upload.check(request)
        await recordings.expect_upload(conn, key)
    try:
        await storage.write(key, upload.pieces(request))
        idempotency.note_file(request, upload.digest)
        given = await _give(request, session.id, upload, asked.consent, key)
    except BaseException:
        await storage.remove(key)
        raise
    return respond(RecordingView.of(given), 202)


async def delete_recording(request: web.Request) -> web.Response:
    async with as_member(request) as conn:
        session = await changeable_session(conn, member(request), path_id(request))
        recording_id = path_id(request, "recording_id")
        await recordings.delete_recording(conn, session.id, recording_id)
        await audit.write(conn, session.organization_id, "recordings.deleted", recording_id)
    return respond(None)


async def _give(request: web.Request, session_id: UUID, upload: Upload[Kind], consent: str, key: str) -> Recording:
    """The rows and the job that writes it down; looked at again, for others may have been quicker."""
    who = member(request)
    if upload.kind is None:
        raise TypeError("the upload was not read")
    async with as_member(request) as conn:
        await recordings.hold_count(conn, who.organization_id)
        await changeable_session(conn, who, session_id)
        session = await session_changes.lock_session(conn, who.organization_id, session_id)
        await _check_room(conn, request, session, upload.size_bytes)
        heard = NewParticipant(
            id=uuid4(),
            session_id=session_id,
            organization_id=session.organization_id,
            name=NAME,
            role=ROLE,
            source=SOURCE,
            user_id=who.user_id,
            shared_mic=True,
            consent_version=consent,
            consented_at=datetime.now(UTC),
        )
        await participants.insert_participant(conn, heard)
        new = NewRecording(
            uuid4(),
            session_id,
            session.organization_id,
            key,
            upload.kind.media_type,
            started_at_ms=0,
            duration_ms=0,
            size_bytes=upload.size_bytes,
            sha256=upload.digest,
            participant_id=heard.id,
            status="processing",
        )
        await recordings.insert_recording(conn, new)
        await jobs.enqueue(conn, recordings.TRANSCRIBE_RECORDING, str(new.id).encode())
        given = await recordings.find_recording(conn, session_id, new.id)
        await audit.write(conn, session.organization_id, "recordings.given", new.id, {"size_bytes": new.size_bytes})
    if given is None:
        raise NotFoundError  # the session was deleted just now
    return given


async def _check_room(conn: Connection, request: web.Request, session: Session, size_bytes: int) -> None:
    """
    Raises:
        SessionNotDraftError, RecordingProcessingError, RecordingLimitError, AudioLimitError
    """
    who, settings = member(request), state(request).settings.transcribe
    if session.status != "draft" or await calls.current_call(conn, session.id) is not None:
        raise SessionNotDraftError
    limits = await documents.get_limits(conn, who.organization_id, session.user_id)
    held = await recordings.count_held(conn, who.organization_id, session.id)
    if held.processing_in_session:
        raise RecordingProcessingError
    if limits.per_session is not None and held.in_session >= limits.per_session:
        raise RecordingLimitError(f"This plan allows {limits.per_session} recordings a session; delete one.")
    if held.bytes_in_organization + size_bytes > settings.mb_per_organization * MEGABYTE:
        raise RecordingLimitError(f"An organization's recordings have {settings.mb_per_organization} MB at most.")
    used, limit = await usage.session_minutes(conn, session.id)
    if limit is not None and used >= limit:
        raise AudioLimitError(numbers={"used": used, "limit": limit})


def _limit_bytes(limits: Limits, file_mb: int) -> int:
    return MEGABYTE * (file_mb if limits.file_mb is None else min(file_mb, limits.file_mb))


def _storage(request: web.Request) -> Storage:
    storage = state(request).storage
    if storage is None:
        raise NoFilesError
    return storage
