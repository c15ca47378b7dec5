"""What people change about a stored conversation: what it is called, where it is put, and whether it is there at all.

Rules:
- Row level security decides whose it is to change: its creator's, and the organization's owner's and admins'. For
  anybody else there is nothing to change.
- A deleted session is not there, and neither is anything of it. Until it is erased it can be restored, by its id.
- Nothing is deleted while somebody speaks in it: the call is ended first.
"""

from __future__ import annotations

from typing import TypedDict
from uuid import UUID

from db import audit, recordings
from db.changes import assignments
from db.errors import ConflictError, NotFoundError
from db.pool import Connection
from db.records import Session


class SessionChanges(TypedDict, total=False):
    """What people may change of a session; what is left out stays."""

    title: str
    conversation_type: str | None
    selected_template_id: UUID | None
    data_retention_days: int
    tags: list[str]
    coached_roles: list[str]


_CHANGEABLE = frozenset(SessionChanges.__annotations__)


async def update_session(conn: Connection, organization_id: UUID, session_id: UUID, changes: SessionChanges) -> Session:
    """
    Raises:
        NotFoundError: session_not_found, template_not_found
        InvalidError: a value, or nothing to change.
    """
    columns, values = assignments(changes, _CHANGEABLE, first=3)
    row = await conn.fetchrow(
        f"""
        UPDATE sessions
        SET {columns}
        WHERE id = $1
            AND organization_id = $2
            AND deleted_at IS NULL
        RETURNING
            id, user_id, organization_id, title, conversation_type, status, selected_template_id,
            recording_duration_seconds, recording_started_at, recording_ended_at, total_words_spoken,
            user_talk_time_seconds, silence_periods_count, data_retention_days, tags, coached_roles, finalized_at,
            created_at
        """,  # noqa: S608  the columns are those of SessionChanges
        session_id,
        organization_id,
        *values,
    )
    if row is None:
        raise NotFoundError("session_not_found")
    return Session(**row)


async def lock_session(conn: Connection, organization_id: UUID, session_id: UUID) -> Session:
    """As it is, and as nobody else changes it until the end of the transaction.

    Raises:
        NotFoundError: there is none that the one who acts may change.
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
        FOR NO KEY UPDATE
        """,
        session_id,
        organization_id,
    )
    if row is None:
        raise NotFoundError("session_not_found")
    return Session(**row)


async def archive_session(conn: Connection, organization_id: UUID, session_id: UUID) -> None:
    """completed → archived; doing it again changes nothing.

    Raises:
        NotFoundError, ConflictError("session_state")
    """
    await _set_status(conn, organization_id, session_id, "archived")


async def unarchive_session(conn: Connection, organization_id: UUID, session_id: UUID) -> None:
    """archived → completed; doing it again changes nothing.

    Raises:
        NotFoundError, ConflictError("session_state")
    """
    await _set_status(conn, organization_id, session_id, "completed")


async def delete_session(conn: Connection, organization_id: UUID, session_id: UUID) -> None:
    """It is not there any more, until it is restored or erased.

    Raises:
        NotFoundError: also when it was deleted before.
        ConflictError: "session_live"
    """
    # Locked first: whoever takes the lease now waits and finds it deleted, and whoever has it is seen below.
    locked = await conn.fetchval(
        "SELECT id FROM sessions WHERE id = $1 AND organization_id = $2 AND deleted_at IS NULL FOR UPDATE",
        session_id,
        organization_id,
    )
    if locked is None:
        raise NotFoundError("session_not_found")
    status = await conn.execute(
        """
        UPDATE sessions
        SET deleted_at = now()
        WHERE id = $1
            AND NOT EXISTS (SELECT FROM calls WHERE session_id = $1 AND lease_until > now())
        """,
        session_id,
    )
    if status != "UPDATE 1":
        raise ConflictError("session_live")
    await audit.write(conn, organization_id, "sessions.deleted", session_id)


async def restore_session(conn: Connection, organization_id: UUID, session_id: UUID) -> None:
    """Take a deletion back; of one that is not deleted, or erased, there is nothing to restore.

    Raises:
        NotFoundError
    """
    status = await conn.execute(
        """
        UPDATE sessions
        SET deleted_at = NULL
        WHERE id = $1
            AND organization_id = $2
            AND deleted_at IS NOT NULL
            AND erased_at IS NULL
        """,
        session_id,
        organization_id,
    )
    if status != "UPDATE 1":
        raise NotFoundError("session_not_found")
    await recordings.resume(conn, session_id)
    await audit.write(conn, organization_id, "sessions.restored", session_id)


async def _set_status(conn: Connection, organization_id: UUID, session_id: UUID, wanted: str) -> None:
    # From `active` the table itself would let a session become completed, without its counters and its summary.
    status = await conn.execute(
        """
        UPDATE sessions
        SET status = $3
        WHERE id = $1
            AND organization_id = $2
            AND status IN ('completed', 'archived')
            AND deleted_at IS NULL
        """,
        session_id,
        organization_id,
        wanted,
    )
    if status == "UPDATE 1":
        return
    found = await conn.fetchval(
        "SELECT status FROM sessions WHERE id = $1 AND organization_id = $2 AND deleted_at IS NULL",
        session_id,
        organization_id,
    )
    if found in {"draft", "active"}:
        raise ConflictError("session_state")
    raise NotFoundError("session_not_found")
