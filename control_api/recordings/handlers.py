"""What was recorded of a session, and its files: taken along, never shown by a browser on this origin.

Rules:
- Everybody who reads a session may hear it. A foreign session, a recording of another one and none are the same 404.
- No transaction is open while a file is sent.
"""

from __future__ import annotations

from datetime import datetime
from typing import Self
from uuid import UUID

from aiohttp import web
from pydantic import Field

from control_api.access import as_member, readable_session
from control_api.auth import member
from control_api.errors import FileNotReadyError, NotFoundError, RangeError, RecordingMissingError
from control_api.http import View, path_id, respond
from control_api.recordings.kinds import KINDS
from control_api.recordings.ranges import Part, UnsatisfiableError, part_of
from control_api.recordings.reasons import REASONS
from control_api.state import state
from control_api.storage import FileMissingError
from db import recordings
from db.recordings import Recording

SUFFIXES = {kind.media_type: kind.suffix for kind in KINDS.values()}
"""What a file is said to be; anything else is bytes."""
UNKNOWN = "application/octet-stream"


class RecordingView(View):
    id: UUID
    participant_id: UUID | None
    """Of whose track; null: of everybody."""
    media_type: str
    started_at_ms: int
    duration_ms: int
    size_bytes: int
    created_at: datetime
    status: str = Field(description="processing, ready, failed; what a call recorded is ready")
    error_code: str | None = Field(description="Why it was not written down")
    error: str | None = Field(description="The same in words")

    @classmethod
    def of(cls, recording: Recording) -> Self:
        code = recording.error_code
        return cls(
            id=recording.id,
            participant_id=recording.participant_id,
            media_type=recording.media_type,
            started_at_ms=recording.started_at_ms,
            duration_ms=recording.duration_ms,
            size_bytes=recording.size_bytes,
            created_at=recording.created_at,
            status=recording.status,
            error_code=code,
            error=REASONS.get(code, code) if code else None,
        )


class RecordingList(View):
    items: list[RecordingView]


async def list_recordings(request: web.Request) -> web.Response:
    async with as_member(request) as conn:
        session = await readable_session(conn, member(request), path_id(request))
        rows = await recordings.list_recordings(conn, session.id)
    return respond(RecordingList(items=[RecordingView.of(row) for row in rows]))


async def get_recording(request: web.Request) -> web.StreamResponse:
    async with as_member(request) as conn:
        session = await readable_session(conn, member(request), path_id(request))
        recording = await recordings.find_recording(conn, session.id, path_id(request, "recording_id"))
    if recording is None:
        raise NotFoundError
    scanner = state(request).settings.scanner
    if (scanner.clamd or scanner.command) and recording.status == "processing":
        raise FileNotReadyError(retry_after_s=2)
    if recording.error_code == "infected":
        raise RecordingMissingError
    etag = f'"{recording.sha256.hex()}"'
    try:
        asked = request.headers
        part = part_of(recording.size_bytes, etag, asked.get("Range"), asked.get("If-Range"))
    except UnsatisfiableError:
        raise RangeError(headers={"Content-Range": f"bytes */{recording.size_bytes}"}) from None
    return await _send(request, recording, etag, part)


async def _send(request: web.Request, recording: Recording, etag: str, part: Part | None) -> web.StreamResponse:
    whole = part or Part(0, recording.size_bytes, recording.size_bytes)
    storage = state(request).storage
    if storage is None:
        raise RecordingMissingError
    pieces = storage.read(recording.storage_key, (whole.begin, whole.end))
    try:
        first = await anext(pieces, b"")
    except FileMissingError:
        raise RecordingMissingError from None
    response = web.StreamResponse(status=206 if part else 200, headers=_headers(recording, etag))
    response.content_length = whole.end - whole.begin
    if part:
        response.headers["Content-Range"] = part.content_range
    await response.prepare(request)
    await response.write(first)
    async for piece in pieces:
        await response.write(piece)
    await response.write_eof()
    return response


def _headers(recording: Recording, etag: str) -> dict[str, str]:
    suffix = SUFFIXES.get(recording.media_type)
    return {
        "Content-Type": recording.media_type if suffix else UNKNOWN,
        "Content-Disposition": f'attachment; filename="recording-{recording.id}.{suffix or "bin"}"',
        "Accept-Ranges": "bytes",
        "ETag": etag,
    }
