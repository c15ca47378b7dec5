"""The one live summary of a session: pending → generating → completed or failed.

`sessions.complete_session` makes the pending row. A failed one, or one whose worker died, may be claimed again; a
completed one stays as it is until somebody asks for it anew.
"""

from __future__ import annotations

from uuid import UUID

import orjson

from db.pool import Connection
from db.records import Summary, SummaryContent

__all__ = ["Summary", "SummaryContent"]


async def claim(conn: Connection, session_id: UUID) -> bool:
    """Begin to write it; False if there is nothing to write: it is completed, or the session is not."""
    status = await conn.execute(
        """
        INSERT INTO summaries AS live (session_id, user_id, organization_id, title, generation_status)
        SELECT id, user_id, organization_id, title, 'generating'
        FROM sessions
        WHERE id = $1
            AND status IN ('completed', 'archived')
            AND deleted_at IS NULL
        ON CONFLICT (session_id) WHERE deleted_at IS NULL DO UPDATE
        SET generation_status = 'generating',
            generation_error = NULL
        WHERE live.generation_status <> 'completed'
        """,
        session_id,
    )
    return status == "INSERT 0 1"


async def store(conn: Connection, session_id: UUID, content: SummaryContent) -> bool:
    """generating → completed; False if nobody claimed it."""
    status = await conn.execute(
        """
        UPDATE summaries
        SET generation_status = 'completed',
            generation_error = NULL,
            title = left($2, 255),
            tldr = $3,
            key_decisions = $4,
            action_items = $5,
            follow_up_questions = $6,
            conversation_highlights = $7,
            full_transcript = $8,
            structured_notes = $9,
            model_used = left($10, 50),
            generation_time_seconds = $11,
            corrected_at = NULL
        WHERE session_id = $1
            AND deleted_at IS NULL
            AND generation_status = 'generating'
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        """,
        session_id,
        content.title,
        content.tldr,
        orjson.dumps(content.key_decisions).decode(),
        orjson.dumps(content.action_items).decode(),
        orjson.dumps(content.follow_up_questions).decode(),
        orjson.dumps(content.conversation_highlights).decode(),
        content.full_transcript,
        content.structured_notes,
        content.model_used,
        content.generation_time_seconds,
    )
    return status == "UPDATE 1"


async def fail(conn: Connection, session_id: UUID, error: str) -> bool:
    """generating → failed, with the reason for people to read; False if nobody claimed it."""
    status = await conn.execute(
        """
        UPDATE summaries
        SET generation_status = 'failed',
            generation_error = $2
        WHERE session_id = $1
            AND deleted_at IS NULL
            AND generation_status = 'generating'
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        """,
        session_id,
        error,
    )
    return status == "UPDATE 1"


async def get(conn: Connection, session_id: UUID) -> Summary | None:
    """None before the session is completed."""
    row = await conn.fetchrow(
        """
        SELECT
            id, session_id, user_id, organization_id, title, tldr, key_decisions, action_items, follow_up_questions,
            conversation_highlights, full_transcript, structured_notes, generation_status, generation_error,
            model_used, generation_time_seconds, is_marked_done, export_count, last_exported_at, created_at, updated_at
        FROM summaries
        WHERE session_id = $1
            AND deleted_at IS NULL
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        """,
        session_id,
    )
    if row is None:
        return None
    json_columns = ("key_decisions", "action_items", "follow_up_questions", "conversation_highlights")
    return Summary(**{**row, **{name: row[name] and orjson.loads(row[name]) for name in json_columns}})


async def reader_to_tell(conn: Connection, session_id: UUID) -> str | None:
    """For the jobs role: the proven address of the session's creator, if the organization's plan sends summaries."""
    email: str | None = await conn.fetchval(
        """
        SELECT users.email
        FROM sessions
        JOIN users ON users.id = sessions.user_id
        JOIN subscriptions
            ON subscriptions.organization_id = sessions.organization_id
            AND subscriptions.status IN ('active', 'trialing', 'past_due')
        JOIN plans ON plans.id = subscriptions.plan_id
        WHERE sessions.id = $1
            AND sessions.deleted_at IS NULL
            AND users.email_verified
            AND users.is_active
            AND users.deleted_at IS NULL
            AND plans.has_email_summaries
        """,
        session_id,
    )
    return email
