"""The log of a session: what was published, in order, exactly once."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from db.pool import Connection
from db.records import LogEntry

__all__ = ["LogEntry"]


async def append(conn: Connection, entries: Sequence[LogEntry]) -> set[tuple[UUID, int]]:
    """Insert what is new; (session_id, seq) of the entries that really were.

    Left out are entries that are there already, and entries of a session or epoch that `calls` does not know.
    """
    rows = await conn.fetch(
        """
        INSERT INTO session_events (session_id, organization_id, seq, epoch, type, at_ms, audience, payload)
        SELECT
            entry.session_id, entry.organization_id, entry.seq, entry.epoch, entry.type, entry.at_ms, entry.audience,
            entry.payload
        FROM unnest(
            $1::uuid[], $2::uuid[], $3::bigint[], $4::integer[], $5::text[], $6::bigint[], $7::text[], $8::jsonb[]
        ) AS entry (session_id, organization_id, seq, epoch, type, at_ms, audience, payload)
        JOIN calls
            ON calls.session_id = entry.session_id
            AND calls.organization_id = entry.organization_id
            AND calls.epoch >= entry.epoch
        ON CONFLICT (session_id, seq) DO NOTHING
        RETURNING session_id, seq
        """,
        [entry.session_id for entry in entries],
        [entry.organization_id for entry in entries],
        [entry.seq for entry in entries],
        [entry.epoch for entry in entries],
        [entry.type for entry in entries],
        [entry.at_ms for entry in entries],
        [entry.audience for entry in entries],
        [entry.payload.decode() for entry in entries],
    )
    return {(row["session_id"], row["seq"]) for row in rows}


async def read(
    conn: Connection, session_id: UUID, *, after_seq: int, audiences: Sequence[str], limit: int = 1000
) -> list[LogEntry]:
    """In order, what one of `audiences` may read."""
    rows = await conn.fetch(
        """
        SELECT session_id, organization_id, seq, epoch, type, at_ms, audience, payload
        FROM session_events
        WHERE session_id = $1
            AND seq > $2
            AND audience = ANY ($3::text[])
        ORDER BY seq
        LIMIT $4
        """,
        session_id,
        after_seq,
        list(audiences),
        limit,
    )
    return [LogEntry(**{**row, "payload": row["payload"].encode()}) for row in rows]
