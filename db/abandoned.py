"""Sessions that were left behind: active, and nobody has held their call for a while."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from db.pool import Connection


async def list_abandoned(conn: Connection, after_s: float, limit: int) -> list[tuple[UUID, datetime]]:
    """Session and end of its last lease, the oldest first; for the jobs role."""
    rows = await conn.fetch(
        """
        SELECT sessions.id, calls.lease_until
        FROM calls
        JOIN sessions ON sessions.id = calls.session_id
        WHERE calls.lease_until < now() - $1::interval
            AND sessions.status = 'active'
            AND sessions.deleted_at IS NULL
        ORDER BY calls.lease_until
        LIMIT $2
        """,
        timedelta(seconds=after_s),
        limit,
    )
    return [(row["id"], row["lease_until"]) for row in rows]
