"""Moments of a session worth finding again: noted by the call, each once, and never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from db.pool import Connection


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    id: UUID
    """Made by the media node, so that noting a moment twice is harmless."""
    session_id: UUID
    organization_id: UUID
    event_timestamp: datetime
    title: str
    description: str | None
    type: str
    importance: str


async def insert_events(conn: Connection, rows: Sequence[TimelineEvent]) -> int:
    """How many were new. For the media role, in sessions that have had a call.

    Raises:
        NotFoundError: a session without a call, or of another organization.
        InvalidError
    """
    status = await conn.execute(
        """
        INSERT INTO session_timeline_events (
            id, session_id, organization_id, event_timestamp, title, description, type, importance
        )
        SELECT id, session_id, organization_id, event_timestamp, left(title, 255), description, type, importance
        FROM unnest(
            $1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::text[]
        ) AS moment (id, session_id, organization_id, event_timestamp, title, description, type, importance)
        ON CONFLICT (id) DO NOTHING
        """,
        [row.id for row in rows],
        [row.session_id for row in rows],
        [row.organization_id for row in rows],
        [row.event_timestamp for row in rows],
        [row.title for row in rows],
        [row.description for row in rows],
        [row.type for row in rows],
        [row.importance for row in rows],
    )
    return int(status.split()[-1])


async def list_events(
    conn: Connection, session_id: UUID, *, limit: int = 200, after: tuple[datetime, UUID] | None = None
) -> list[TimelineEvent]:
    """As they happened, those that come after `after` (event_timestamp and id of the last one seen)."""
    happened_after, id_after = after or (None, None)
    rows = await conn.fetch(
        """
        SELECT id, session_id, organization_id, event_timestamp, title, description, type, importance
        FROM session_timeline_events
        WHERE session_id = $1
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
            AND ($2::timestamptz IS NULL OR (event_timestamp, id) > ($2, $3))
        ORDER BY event_timestamp, id
        LIMIT $4
        """,
        session_id,
        happened_after,
        id_after,
        limit,
    )
    return [TimelineEvent(**row) for row in rows]
