"""Pieces of recorded audio: one participant, or the mix, in one epoch of a call. The files lie elsewhere.

The media node notes a file once it is whole. Erasing a session takes the rows away and leaves the files to a job.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from db.pool import Connection


@dataclass(frozen=True, slots=True)
class NewRecording:
    id: UUID
    session_id: UUID
    organization_id: UUID
    storage_key: str
    """Below the folder or bucket of recordings; no absolute path."""
    media_type: str
    started_at_ms: int
    duration_ms: int
    size_bytes: int
    sha256: bytes
    participant_id: UUID | None = None
    """None: the mix."""


@dataclass(frozen=True, slots=True)
class Recording:
    id: UUID
    session_id: UUID
    participant_id: UUID | None
    storage_key: str
    media_type: str
    started_at_ms: int
    duration_ms: int
    size_bytes: int
    sha256: bytes
    created_at: datetime


async def insert_recording(conn: Connection, recording: NewRecording) -> bool:
    """False if it is there already. A deleted session keeps what comes late until it is erased, files and all.

    Raises:
        ConflictError: "session_erased": the file must go; or its storage key is another recording's.
    """
    status = await conn.execute(
        """
        INSERT INTO recordings (
            id, session_id, organization_id, participant_id, storage_key, media_type, started_at_ms, duration_ms,
            size_bytes, sha256
        )
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (id) DO NOTHING
        """,
        recording.id,
        recording.session_id,
        recording.organization_id,
        recording.participant_id,
        recording.storage_key,
        recording.media_type,
        recording.started_at_ms,
        recording.duration_ms,
        recording.size_bytes,
        recording.sha256,
    )
    return status == "INSERT 0 1"


async def list_recordings(conn: Connection, session_id: UUID) -> list[Recording]:
    """In media time, those whose file is there."""
    rows = await conn.fetch(
        """
        SELECT
            id, session_id, participant_id, storage_key, media_type, started_at_ms, duration_ms, size_bytes, sha256,
            created_at
        FROM recordings
        WHERE session_id = $1
            AND deleted_at IS NULL
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        ORDER BY started_at_ms, id
        """,
        session_id,
    )
    return [Recording(**row) for row in rows]


async def find_recording(conn: Connection, session_id: UUID, recording_id: UUID) -> Recording | None:
    """One of this session whose file is there."""
    row = await conn.fetchrow(
        """
        SELECT
            id, session_id, participant_id, storage_key, media_type, started_at_ms, duration_ms, size_bytes, sha256,
            created_at
        FROM recordings
        WHERE id = $2
            AND session_id = $1
            AND deleted_at IS NULL
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        """,
        session_id,
        recording_id,
    )
    return Recording(**row) if row else None
