"""Recordings of a session: pieces of its call, or what was given after the fact. The files lie elsewhere.

Rules:
- The media node notes a file once it is whole: it is ready. One that was given is processing until it is written down,
  then ready or failed. Erasing a session takes the rows away and leaves the files to a job.
- One is given to a session that had no call, one at a time; it belongs to a participant whose source is `upload`.
- Whoever deletes one queues the job that removes it for good: its row, its file, and of one that was given also what
  was written down of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import orjson

from db import jobs, sessions
from db.erasure import REMOVE_FILES
from db.errors import NotFoundError
from db.pool import Connection

TRANSCRIBE_RECORDING = "transcribe_recording"
"""The job for one that was given; its payload is the id as text, as of the next one."""
ERASE_RECORDING = "erase_recording"
TIDY_RECORDING = "tidy_recording"
"""The job that looks, an hour after an upload began, whether its file came to belong to a recording; its payload is
the key."""
TIDY_AFTER = timedelta(hours=1)


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
    status: str = "ready"


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
    status: str
    error_code: str | None


@dataclass(frozen=True, slots=True)
class Given:
    """One that was given and waits to be written down."""

    id: UUID
    session_id: UUID
    organization_id: UUID
    participant_id: UUID
    storage_key: str
    media_type: str
    has_consent: bool
    """Nobody took it back meanwhile."""


@dataclass(frozen=True, slots=True)
class Held:
    """What there is, without what was deleted."""

    in_session: int
    processing_in_session: int
    bytes_in_organization: int


async def insert_recording(conn: Connection, recording: NewRecording) -> bool:
    """False if it is there already. A deleted session keeps what comes late until it is erased, files and all.

    Raises:
        ConflictError: "session_erased": the file must go; or its storage key is another recording's.
    """
    status = await conn.execute(
        """
        INSERT INTO recordings (
            id, session_id, organization_id, participant_id, storage_key, media_type, started_at_ms, duration_ms,
            size_bytes, sha256, status
        )
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
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
        recording.status,
    )
    return status == "INSERT 0 1"


async def list_recordings(conn: Connection, session_id: UUID) -> list[Recording]:
    """In media time, those whose file is there."""
    rows = await conn.fetch(
        """
        SELECT
            id, session_id, participant_id, storage_key, media_type, started_at_ms, duration_ms, size_bytes, sha256,
            created_at, status, error_code
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
            created_at, status, error_code
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


async def hold_count(conn: Connection, organization_id: UUID) -> None:
    """Until the end of the transaction nobody else gives the organization a recording."""
    await conn.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('recordings of ' || $1::uuid, 0))", organization_id
    )


async def count_held(conn: Connection, organization_id: UUID, session_id: UUID) -> Held:
    row = await conn.fetchrow(
        """
        SELECT of_session.in_session, of_session.processing_in_session, of_organization.bytes_in_organization
        FROM (
            SELECT count(*) AS in_session, count(*) FILTER (WHERE status = 'processing') AS processing_in_session
            FROM recordings
            WHERE session_id = $2
                AND deleted_at IS NULL
        ) AS of_session
        CROSS JOIN (
            SELECT coalesce(sum(size_bytes), 0)::bigint AS bytes_in_organization
            FROM recordings
            WHERE organization_id = $1
                AND deleted_at IS NULL
        ) AS of_organization
        """,
        organization_id,
        session_id,
    )
    assert row is not None  # noqa: S101 -- an aggregate has a row
    return Held(**row)


async def is_processing(conn: Connection, organization_id: UUID, session_id: UUID) -> bool:
    """Whether one of the session is being written down."""
    return bool(
        await conn.fetchval(
            """
            SELECT EXISTS (
                SELECT
                FROM recordings
                WHERE organization_id = $1
                    AND session_id = $2
                    AND status = 'processing'
                    AND deleted_at IS NULL
                    AND EXISTS (SELECT FROM sessions WHERE id = $2 AND deleted_at IS NULL)
            )
            """,
            organization_id,
            session_id,
        )
    )


async def expect_upload(conn: Connection, key: str) -> None:
    """A file is about to be written; if no recording comes of it, a job removes it."""
    await jobs.enqueue(conn, TIDY_RECORDING, key.encode(), after=TIDY_AFTER)


async def is_known_file(conn: Connection, key: str) -> bool:
    """Whether a recording, deleted or not, has this file. For jobs."""
    return bool(await conn.fetchval("SELECT EXISTS (SELECT FROM recordings WHERE storage_key = $1)", key))


async def resume(conn: Connection, session_id: UUID) -> None:
    """Of a session that was restored: while it was deleted, its recording was not there for the job."""
    rows = await conn.fetch(
        "SELECT id FROM recordings WHERE session_id = $1 AND status = 'processing' AND deleted_at IS NULL", session_id
    )
    for row in rows:
        await jobs.enqueue(conn, TRANSCRIBE_RECORDING, str(row["id"]).encode())


async def delete_recording(conn: Connection, session_id: UUID, recording_id: UUID) -> None:
    """
    Raises:
        NotFoundError
    """
    status = await conn.execute(
        """
        UPDATE recordings
        SET deleted_at = now()
        WHERE id = $2
            AND session_id = $1
            AND deleted_at IS NULL
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        """,
        session_id,
        recording_id,
    )
    if status != "UPDATE 1":
        raise NotFoundError("recording_not_found")
    await jobs.enqueue(conn, ERASE_RECORDING, str(recording_id).encode())


async def find_given(conn: Connection, recording_id: UUID) -> Given | None:
    """None: there is nothing to write down, or it is written down already. For jobs."""
    row = await conn.fetchrow(
        """
        SELECT
            id, session_id, organization_id, participant_id, storage_key, media_type,
            EXISTS (
                SELECT FROM consents WHERE participant_id = recordings.participant_id AND withdrawn_at IS NULL
            ) AS has_consent
        FROM recordings
        WHERE id = $1
            AND status = 'processing'
            AND participant_id IS NOT NULL
            AND deleted_at IS NULL
            AND EXISTS (SELECT FROM sessions WHERE id = recordings.session_id AND deleted_at IS NULL)
        """,
        recording_id,
    )
    return Given(**row) if row else None


async def set_ready(conn: Connection, recording_id: UUID, duration_ms: int) -> bool:
    """processing → ready; False if others were quicker, or it was deleted meanwhile. For jobs."""
    status = await conn.execute(
        """
        UPDATE recordings
        SET status = 'ready',
            duration_ms = $2
        WHERE id = $1
            AND status = 'processing'
            AND deleted_at IS NULL
            AND EXISTS (SELECT FROM sessions WHERE id = recordings.session_id AND deleted_at IS NULL)
        """,
        recording_id,
        duration_ms,
    )
    return status == "UPDATE 1"


async def set_failed(conn: Connection, recording_id: UUID, error_code: str) -> bool:
    """processing → failed; False if it was not processing. For jobs."""
    status = await conn.execute(
        """
        UPDATE recordings
        SET status = 'failed',
            error_code = $2
        WHERE id = $1
            AND status = 'processing'
            AND deleted_at IS NULL
            AND EXISTS (SELECT FROM sessions WHERE id = recordings.session_id AND deleted_at IS NULL)
        """,
        recording_id,
        error_code,
    )
    return status == "UPDATE 1"


async def remove_file(conn: Connection, recording_id: UUID) -> None:
    """Its file is queued to go; the row stays, and says why. For jobs."""
    key = await conn.fetchval("SELECT storage_key FROM recordings WHERE id = $1", recording_id)
    await jobs.enqueue(conn, REMOVE_FILES, orjson.dumps([key]))


async def erase_recording(conn: Connection, recording_id: UUID) -> UUID | None:
    """A deleted one goes, and its file is queued to go; of one that was given also what was written down of it: its
    words, what its session's log says of them, and the summary. Usage stays. Its session, or None. For jobs."""
    session_id: UUID | None = await conn.fetchval(
        "SELECT session_id FROM recordings WHERE id = $1 AND deleted_at IS NOT NULL", recording_id
    )
    if session_id is None:
        return None
    # The session first, as whoever writes to it does.
    await conn.execute("SELECT FROM sessions WHERE id = $1 FOR NO KEY UPDATE", session_id)
    row = await conn.fetchrow(
        "DELETE FROM recordings WHERE id = $1 RETURNING storage_key, participant_id", recording_id
    )
    if row is None:
        return None
    await jobs.enqueue(conn, REMOVE_FILES, orjson.dumps([row["storage_key"]]))
    is_given = await conn.fetchval(
        "SELECT EXISTS (SELECT FROM session_participants WHERE id = $1 AND source = 'upload')", row["participant_id"]
    )
    if is_given:
        await _forget_words(conn, session_id, row["participant_id"])
    return session_id


async def _forget_words(conn: Connection, session_id: UUID, participant_id: UUID) -> None:
    status = await conn.execute(
        "DELETE FROM transcripts WHERE session_id = $1 AND participant_id = $2", session_id, participant_id
    )
    if status == "DELETE 0":
        return
    # A session whose words are those of a recording has no others.
    await conn.execute("DELETE FROM session_events WHERE session_id = $1 AND type LIKE 'transcript.%'", session_id)
    await conn.execute("DELETE FROM summaries WHERE session_id = $1", session_id)
    await conn.execute("UPDATE sessions SET realtime_summary_cache = NULL WHERE id = $1", session_id)
    await sessions.recount(conn, session_id)
