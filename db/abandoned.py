"""What was left behind: sessions that nobody holds any more, summaries that nobody writes. For the jobs role."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from db.pool import Connection


async def list_abandoned(conn: Connection, after_s: float, limit: int) -> list[tuple[UUID, datetime]]:
    """Active sessions without a lease for so long, with the end of the last one; the oldest first."""
    rows = await conn.fetch(
        """
        SELECT sessions.id, call.lease_until
        FROM sessions
        -- The limit keeps it a look-up for each: active sessions are few, and calls are all there ever were.
        CROSS JOIN LATERAL (
            SELECT lease_until
            FROM calls
            WHERE session_id = sessions.id
            LIMIT 1
        ) AS call
        WHERE sessions.status = 'active'
            AND sessions.deleted_at IS NULL
            AND call.lease_until < now() - $1::interval
        ORDER BY call.lease_until
        LIMIT $2
        """,
        timedelta(seconds=after_s),
        limit,
    )
    return [(row["id"], row["lease_until"]) for row in rows]


async def list_unwritten(conn: Connection, after_s: float, limit: int) -> list[UUID]:
    """Completed sessions whose summary has been pending or under way for so long; the oldest first."""
    rows = await conn.fetch(
        """
        SELECT summaries.session_id
        FROM summaries
        JOIN sessions ON sessions.id = summaries.session_id
        WHERE summaries.generation_status IN ('pending', 'generating')
            AND summaries.updated_at < now() - $1::interval
            AND summaries.deleted_at IS NULL
            AND sessions.deleted_at IS NULL
        ORDER BY summaries.updated_at
        LIMIT $2
        """,
        timedelta(seconds=after_s),
        limit,
    )
    return [row["session_id"] for row in rows]
