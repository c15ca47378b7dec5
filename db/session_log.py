"""The log of a session: what was published, in order, exactly once.

Rules:
- An entry is new, or there already, word for word, or refused with a reason: nothing is left out without a word.
- Whoever appends holds the session's row until the end of the transaction. So an erasure is either seen here, or waits
  and then takes away what was stored here; and two nodes with entries of one session take turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from db.pool import Connection
from db.records import LogEntry

__all__ = ["SESSION_ERASED", "Appended", "LogEntry"]

Key = tuple[UUID, int]
"""(session_id, seq)"""

SESSION_ERASED = "session_erased"
"""The reason that is final: what was erased must not come back."""


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of some entries; those that are in neither were there already."""

    new: frozenset[Key]
    refused: dict[Key, str]
    """session_unknown, session_foreign (of another organization), session_erased, epoch_unknown (to `calls`), seq_taken
    (by another entry)."""
    late: frozenset[UUID]
    """Sessions that were completed before and got something new."""


async def append(conn: Connection, entries: Sequence[LogEntry]) -> Appended:
    """Store what is new; no two of the entries may have one key."""
    rows = await conn.fetch(
        """
        WITH sent AS (
            SELECT session_id, organization_id, seq, epoch, type, at_ms, audience, payload
            FROM unnest(
                $1::uuid[], $2::uuid[], $3::bigint[], $4::integer[], $5::text[], $6::bigint[], $7::text[], $8::jsonb[]
            ) AS sent (session_id, organization_id, seq, epoch, type, at_ms, audience, payload)
        ),
        held AS (
            SELECT
                id, organization_id, status, erased_at,
                -- Not a join: with a full batch the planner would read all calls there ever were.
                (SELECT epoch FROM calls WHERE calls.session_id = sessions.id) AS reached_epoch
            FROM sessions
            WHERE id = ANY ($9::uuid[])
            ORDER BY id
            FOR NO KEY UPDATE
        ),
        judged AS (
            SELECT
                sent.session_id, sent.organization_id, sent.seq, sent.epoch, sent.type, sent.at_ms, sent.audience,
                sent.payload,
                CASE
                    WHEN held.id IS NULL THEN 'session_unknown'
                    WHEN held.organization_id <> sent.organization_id THEN 'session_foreign'
                    WHEN held.erased_at IS NOT NULL THEN 'session_erased'
                    WHEN held.reached_epoch IS NULL OR held.reached_epoch < sent.epoch THEN 'epoch_unknown'
                    WHEN (there.epoch, there.type, there.at_ms, there.audience, there.payload)
                        <> (sent.epoch, sent.type, sent.at_ms, sent.audience, sent.payload) THEN 'seq_taken'
                END AS refusal
            FROM sent
            LEFT JOIN held ON held.id = sent.session_id
            LEFT JOIN session_events AS there ON there.session_id = sent.session_id AND there.seq = sent.seq
        ),
        stored AS (
            INSERT INTO session_events (session_id, organization_id, seq, epoch, type, at_ms, audience, payload)
            SELECT session_id, organization_id, seq, epoch, type, at_ms, audience, payload
            FROM judged
            WHERE refusal IS NULL
            ON CONFLICT (session_id, seq) DO NOTHING
            RETURNING session_id, seq
        )
        SELECT session_id, seq, NULL AS refusal, (
            SELECT held.status IN ('completed', 'archived')
            FROM held
            WHERE held.id = stored.session_id
        ) AS is_late
        FROM stored
        UNION ALL
        SELECT session_id, seq, refusal, NULL
        FROM judged
        WHERE refusal IS NOT NULL
        """,
        [entry.session_id for entry in entries],
        [entry.organization_id for entry in entries],
        [entry.seq for entry in entries],
        [entry.epoch for entry in entries],
        [entry.type for entry in entries],
        [entry.at_ms for entry in entries],
        [entry.audience for entry in entries],
        [entry.payload.decode() for entry in entries],
        list({entry.session_id for entry in entries}),
    )
    return Appended(
        new=frozenset((row["session_id"], row["seq"]) for row in rows if row["refusal"] is None),
        refused={(row["session_id"], row["seq"]): row["refusal"] for row in rows if row["refusal"] is not None},
        late=frozenset(row["session_id"] for row in rows if row["refusal"] is None and row["is_late"]),
    )


async def read(
    conn: Connection, session_id: UUID, *, after_seq: int, audiences: Sequence[str] | None, limit: int = 1000
) -> list[LogEntry]:
    """In order, what one of `audiences` may read; None: all there is, for whoever filters it again."""
    rows = await conn.fetch(
        """
        SELECT session_id, organization_id, seq, epoch, type, at_ms, audience, payload
        FROM session_events
        WHERE session_id = $1
            AND seq > $2
            AND ($3::text[] IS NULL OR audience = ANY ($3::text[]))
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        ORDER BY seq
        LIMIT $4
        """,
        session_id,
        after_seq,
        None if audiences is None else list(audiences),
        limit,
    )
    return [LogEntry(**{**row, "payload": row["payload"].encode()}) for row in rows]


async def newest_seq(conn: Connection, session_id: UUID) -> int:
    """Of what is stored so far; 0: nothing is."""
    seq: int | None = await conn.fetchval(
        """
        SELECT max(seq)
        FROM session_events
        WHERE session_id = $1
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        """,
        session_id,
    )
    return seq or 0


async def read_last(conn: Connection, session_id: UUID) -> LogEntry | None:
    """The entry that everybody reads last; None: there is none for everybody."""
    row = await conn.fetchrow(
        """
        SELECT session_id, organization_id, seq, epoch, type, at_ms, audience, payload
        FROM session_events
        WHERE session_id = $1
            AND audience = 'everyone'
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        ORDER BY seq DESC
        LIMIT 1
        """,
        session_id,
    )
    return LogEntry(**{**row, "payload": row["payload"].encode()}) if row else None
