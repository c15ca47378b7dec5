"""Sessions: the stored conversation and its states draft → active → completed (⇄ archived).

Rules:
- Anything else is ConflictError("session_state"); repeating the step one is in is not.
- A soft-deleted session is not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from db import jobs
from db.errors import ConflictError, NotFoundError
from db.pool import Connection
from db.records import Participant, Session

__all__ = ["Participant", "Session"]

FINALIZE_SESSION = "finalize_session"
"""The job that a completed session waits for; its payload is the session's id as text."""


async def insert_session(
    conn: Connection,
    *,
    user_id: UUID,
    organization_id: UUID,
    title: str,
    conversation_type: str,
    selected_template_id: UUID | None = None,
    tags: Sequence[str] = (),
) -> Session:
    """
    Raises:
        NotFoundError: `user_id` is not the one who acts, or may not use that template there.
    """
    row = await conn.fetchrow(
        """
        INSERT INTO sessions (user_id, organization_id, title, conversation_type, selected_template_id, tags)
        VALUES ($1, $2, $3, $4, $5, $6)
        RETURNING
            id, user_id, organization_id, title, conversation_type, status, selected_template_id,
            recording_duration_seconds, recording_started_at, recording_ended_at, total_words_spoken,
            user_talk_time_seconds, silence_periods_count, data_retention_days, tags, coached_roles, finalized_at,
            created_at
        """,
        user_id,
        organization_id,
        title,
        conversation_type,
        selected_template_id,
        list(tags),
    )
    assert row is not None  # noqa: S101  an INSERT of one row returns one row
    return Session(**row)


async def get_session(conn: Connection, organization_id: UUID, session_id: UUID) -> Session:
    """
    Raises:
        NotFoundError: no such session in this organization.
    """
    row = await conn.fetchrow(
        """
        SELECT
            id, user_id, organization_id, title, conversation_type, status, selected_template_id,
            recording_duration_seconds, recording_started_at, recording_ended_at, total_words_spoken,
            user_talk_time_seconds, silence_periods_count, data_retention_days, tags, coached_roles, finalized_at,
            created_at
        FROM sessions
        WHERE id = $1
            AND organization_id = $2
            AND deleted_at IS NULL
        """,
        session_id,
        organization_id,
    )
    if row is None:
        raise NotFoundError("session_not_found")
    return Session(**row)


async def find_session(conn: Connection, session_id: UUID) -> Session | None:
    """For the roles that are bound to no tenant (media, jobs)."""
    row = await conn.fetchrow(
        """
        SELECT
            id, user_id, organization_id, title, conversation_type, status, selected_template_id,
            recording_duration_seconds, recording_started_at, recording_ended_at, total_words_spoken,
            user_talk_time_seconds, silence_periods_count, data_retention_days, tags, coached_roles, finalized_at,
            created_at
        FROM sessions
        WHERE id = $1
            AND deleted_at IS NULL
        """,
        session_id,
    )
    return Session(**row) if row else None


async def list_sessions(
    conn: Connection,
    organization_id: UUID,
    *,
    status: str | None = None,
    conversation_type: str | None = None,
    title_part: str | None = None,
    is_finalized: bool | None = None,
    is_paused: bool | None = None,
    created_from: datetime | None = None,
    created_to: datetime | None = None,
    participant_part: str | None = None,
    tag: str | None = None,
    user_id: UUID | None = None,
    limit: int = 20,
    before: tuple[datetime, UUID] | None = None,
) -> list[Session]:
    """Newest first, those that come after `before` (created_at and id of the last one seen).

    `title_part` is found wherever it stands in a title, in whichever case; `participant_part` in the name of somebody
    who was admitted to the call. `created_to` is the first moment that is too late.
    """
    created_before, id_before = before or (None, None)
    # The organization's index gives them in order; the rest sifts them. A policy lets no index for titles be used.
    rows = await conn.fetch(
        """
        SELECT
            id, user_id, organization_id, title, conversation_type, status, selected_template_id,
            recording_duration_seconds, recording_started_at, recording_ended_at, total_words_spoken,
            user_talk_time_seconds, silence_periods_count, data_retention_days, tags, coached_roles, finalized_at,
            created_at
        FROM sessions
        WHERE organization_id = $1
            AND deleted_at IS NULL
            AND ($2::text IS NULL OR status = $2)
            AND ($3::text IS NULL OR conversation_type = $3)
            AND ($4::text IS NULL OR strpos(lower(title), lower($4)) > 0)
            AND ($5::timestamptz IS NULL OR (created_at, id) < ($5, $6))
            AND ($8::boolean IS NULL OR (finalized_at IS NOT NULL) = $8)
            AND ($9::boolean IS NULL OR $9 = EXISTS (
                SELECT FROM calls WHERE calls.session_id = sessions.id AND paused AND lease_until > now()
            ))
            AND ($10::timestamptz IS NULL OR created_at >= $10)
            AND ($11::timestamptz IS NULL OR created_at < $11)
            AND ($12::text IS NULL OR EXISTS (
                SELECT FROM session_participants AS people
                WHERE people.session_id = sessions.id
                    AND strpos(lower(people.name), lower($12)) > 0
            ))
            AND ($13::text IS NULL OR $13 = ANY (tags))
            AND ($14::uuid IS NULL OR user_id = $14)
        ORDER BY created_at DESC, id DESC
        LIMIT $7
        """,
        organization_id,
        status,
        conversation_type,
        title_part,
        created_before,
        id_before,
        limit,
        is_finalized,
        is_paused,
        created_from,
        created_to,
        participant_part,
        tag,
        user_id,
    )
    return [Session(**row) for row in rows]


async def list_known(conn: Connection, organization_id: UUID, session_ids: Sequence[UUID]) -> list[Session]:
    """Those of the ids that are sessions of this organization, newest first."""
    rows = await conn.fetch(
        """
        SELECT
            id, user_id, organization_id, title, conversation_type, status, selected_template_id,
            recording_duration_seconds, recording_started_at, recording_ended_at, total_words_spoken,
            user_talk_time_seconds, silence_periods_count, data_retention_days, tags, coached_roles, finalized_at,
            created_at
        FROM sessions
        WHERE id = ANY ($2::uuid[])
            AND organization_id = $1
            AND deleted_at IS NULL
        ORDER BY created_at DESC, id DESC
        """,
        organization_id,
        list(session_ids),
    )
    return [Session(**row) for row in rows]


async def count_sessions(conn: Connection, organization_id: UUID) -> dict[str, int]:
    """How many there are in each stored state."""
    rows = await conn.fetch(
        """
        SELECT status, count(*) AS number
        FROM sessions
        WHERE organization_id = $1
            AND deleted_at IS NULL
        GROUP BY status
        """,
        organization_id,
    )
    return {row["status"]: row["number"] for row in rows}


async def list_participants(conn: Connection, session_id: UUID) -> list[Participant]:
    """In the order in which they were admitted."""
    rows = await conn.fetch(
        """
        SELECT
            id, session_id, organization_id, user_id, name, role, source, shared_mic, coached, consent_version,
            consented_at, joined_at, left_at, created_at
        FROM session_participants
        WHERE session_id = $1
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        ORDER BY created_at, id
        """,
        session_id,
    )
    return [Participant(**row) for row in rows]


async def activate_session(conn: Connection, session_id: UUID, started_at: datetime) -> None:
    """draft → active, at the first audio packet; later calls keep the first `recording_started_at`.

    Raises:
        NotFoundError, ConflictError("session_state")
    """
    status = await conn.execute(
        """
        UPDATE sessions
        SET status = 'active',
            recording_started_at = coalesce(recording_started_at, $2)
        WHERE id = $1
            AND status IN ('draft', 'active')
            AND deleted_at IS NULL
        """,
        session_id,
        started_at,
    )
    if status != "UPDATE 1":
        await _refuse(conn, session_id)


async def complete_session(conn: Connection, session_id: UUID, ended_at: datetime) -> bool:
    """active → completed, with its counters, its pending summary and the job that writes it.

    Its duration is not among them: that follows its usage, now and later. False if it was completed before: then
    nothing happens a second time.

    Raises:
        NotFoundError, ConflictError("session_state")
    """
    row = await conn.fetchrow(
        """
        UPDATE sessions
        SET status = 'completed',
            -- The clocks of two machines: never before its beginning.
            recording_ended_at = greatest($2, recording_started_at)
        WHERE id = $1
            AND status = 'active'
            AND deleted_at IS NULL
        RETURNING user_id, organization_id, title
        """,
        session_id,
        ended_at,
    )
    if row is None:
        await _refuse(conn, session_id, repeated="completed")
        return False
    await recount(conn, session_id)
    await conn.execute(
        """
        INSERT INTO summaries (session_id, user_id, organization_id, title)
        VALUES ($1, $2, $3, $4)
        ON CONFLICT DO NOTHING
        """,
        session_id,
        row["user_id"],
        row["organization_id"],
        row["title"],
    )
    await jobs.enqueue(conn, FINALIZE_SESSION, str(session_id).encode(), dedupe_key=str(session_id))
    return True


async def recount(conn: Connection, session_id: UUID) -> None:
    """The counters that follow from what was said: when the session is completed, and when words come later."""
    await conn.execute(
        """
        WITH finals AS (
            SELECT
                content,
                participant_id,
                start_time_seconds AS start_s,
                coalesce(end_time_seconds, start_time_seconds) AS end_s
            FROM transcripts
            WHERE session_id = $1
                AND is_final
        ),
        waits AS (
            SELECT start_s - max(end_s) OVER (
                ORDER BY start_s, end_s ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS wait_s
            FROM finals
        )
        UPDATE sessions
        SET total_words_spoken = (
                SELECT coalesce(sum(cardinality(regexp_split_to_array(btrim(content), '\\s+'))), 0)
                FROM finals
                WHERE btrim(content) <> ''
            ),
            user_talk_time_seconds = (
                SELECT coalesce(round(sum(end_s - start_s)), 0)
                FROM finals
                JOIN session_participants ON session_participants.id = finals.participant_id
                WHERE session_participants.session_id = $1
                    AND session_participants.role = 'host'
            ),
            silence_periods_count = (SELECT count(*) FROM waits WHERE wait_s >= $2)
        WHERE id = $1
        """,
        session_id,
        SILENCE_PERIOD_S,
    )


SILENCE_PERIOD_S = 3
"""Nobody speaks for at least this long: a silence period."""


async def mark_finalized(conn: Connection, session_id: UUID) -> bool:
    """The summary is settled; False if it was before."""
    status = await conn.execute(
        """
        UPDATE sessions
        SET finalized_at = now()
        WHERE id = $1
            AND status = 'completed'
            AND finalized_at IS NULL
            AND deleted_at IS NULL
        """,
        session_id,
    )
    return status == "UPDATE 1"


async def _refuse(conn: Connection, session_id: UUID, *, repeated: str | None = None) -> None:
    status = await conn.fetchval("SELECT status FROM sessions WHERE id = $1 AND deleted_at IS NULL", session_id)
    if status is None:
        raise NotFoundError("session_not_found")
    if status != repeated:
        raise ConflictError("session_state")
