"""What Stripe tells us: each event once, kept before it is answered, applied by a job in the order of their making."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from db.pool import Connection


@dataclass(frozen=True, slots=True)
class StripeEvent:
    id: str
    type: str
    payload: dict[str, Any]
    created_at: datetime
    """At Stripe."""
    received_at: datetime


async def receive_event(
    conn: Connection, event_id: str, event_type: str, payload: dict[str, Any], created_at: datetime
) -> bool:
    """Keep one whose signature was right; False if it was delivered before. By the api role, for nobody."""
    received: bool = await conn.fetchval(
        "SELECT receive_stripe_event($1, $2, $3, $4)",
        event_id,
        event_type,
        orjson.dumps(payload).decode(),
        created_at,
    )
    return received


async def take_event(conn: Connection) -> StripeEvent | None:
    """The oldest that waits and that no other worker holds, until the end of the transaction. For jobs."""
    row = await conn.fetchrow(
        """
        SELECT id, type, payload, created_at, received_at
        FROM stripe_events
        WHERE processed_at IS NULL
        ORDER BY created_at, id
        LIMIT 1
        FOR UPDATE SKIP LOCKED
        """
    )
    return StripeEvent(**{**row, "payload": orjson.loads(row["payload"])}) if row else None


async def mark_processed(conn: Connection, event_id: str, outcome: str) -> bool:
    """What came of it, as a code; False if it was processed before. For jobs."""
    status = await conn.execute(
        """
        UPDATE stripe_events
        SET processed_at = now(),
            outcome = $2
        WHERE id = $1
            AND processed_at IS NULL
        """,
        event_id,
        outcome,
    )
    return status == "UPDATE 1"
