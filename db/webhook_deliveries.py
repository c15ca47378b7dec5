"""What other systems are told, one delivery for each endpoint and event: a queue that the jobs role works off.

Rules:
- The database puts an event in the queue in the transaction of what happens; its triggers say which (`announce`).
- A payload holds ids and codes, no speech.
- A delivery is claimed before it is sent, and is due again when its sender is silent for too long: it may arrive
  twice, with the same id.
- What is due is looked for an endpoint at a time: the backlog of one is in nobody's way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from db.pool import Connection

CLAIMED_FOR = timedelta(minutes=2)
"""A sender that has not said what became of a delivery by then is taken for dead."""
KEPT_ATTEMPTS = 20
"""Of one delivery, the newest: the schedule's ten, and as many again after replays."""


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """What is to be sent where, and signed with what."""

    id: UUID
    endpoint_id: UUID
    organization_id: UUID
    url: str
    signing_secret: bytes
    """Sealed, as all secrets here."""
    previous_secret: bytes | None
    """The one before, while it still signs."""
    event_type: str
    payload: dict[str, Any]
    attempts: int
    """With this one."""
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of one."""

    at: datetime
    duration_ms: int
    status: int | None
    """What was answered; None: nothing."""
    error: str | None
    """Why there was no answer that counts, as a code; None: it arrived."""
    body: str
    """The beginning of the answer."""


async def tell(conn: Connection, organization_id: UUID, event_type: str, payload: dict[str, Any]) -> int:
    """One delivery for each active endpoint that wants this type of event; how many. For the jobs role."""
    count: int = await conn.fetchval(
        "SELECT tell_webhooks($1, $2, $3)", organization_id, event_type, orjson.dumps(payload).decode()
    )
    return count


async def claim_due(
    conn: Connection, *, limit: int = 10, per_endpoint: int = 2, busy: Sequence[UUID] = ()
) -> list[DueDelivery]:
    """Those that are due, the oldest first, each for one sender alone. For the jobs role.

    Of an endpoint there are `per_endpoint`, one while it fails, and none if it is one of `busy`. Committed before
    anything is sent: no transaction waits for somebody else's server.
    """
    rows = await conn.fetch(
        """
        WITH RECURSIVE waiting AS (
            (
                SELECT endpoint_id
                FROM webhook_deliveries
                WHERE status = 'pending'
                ORDER BY endpoint_id
                LIMIT 1
            )
            UNION ALL
            SELECT (
                SELECT webhook_deliveries.endpoint_id
                FROM webhook_deliveries
                WHERE webhook_deliveries.status = 'pending'
                    AND webhook_deliveries.endpoint_id > waiting.endpoint_id
                ORDER BY webhook_deliveries.endpoint_id
                LIMIT 1
            )
            FROM waiting
            WHERE waiting.endpoint_id IS NOT NULL
        ),
        chosen AS (
            SELECT first_ones.id
            FROM waiting
            CROSS JOIN LATERAL (
                SELECT failing_since
                FROM webhook_endpoints
                WHERE webhook_endpoints.id = waiting.endpoint_id
                    AND webhook_endpoints.is_active
                    AND webhook_endpoints.id <> ALL ($3::uuid[])
                LIMIT 1
            ) AS endpoint
            CROSS JOIN LATERAL (
                SELECT id, next_attempt_at, row_number() OVER (ORDER BY next_attempt_at) AS place
                FROM webhook_deliveries
                WHERE webhook_deliveries.endpoint_id = waiting.endpoint_id
                    AND webhook_deliveries.status = 'pending'
                    AND webhook_deliveries.next_attempt_at <= now()
                ORDER BY next_attempt_at
                LIMIT $2
            ) AS first_ones
            WHERE endpoint.failing_since IS NULL
                OR first_ones.place = 1
            ORDER BY first_ones.next_attempt_at
            LIMIT $1
        ),
        due AS (
            SELECT id
            FROM webhook_deliveries
            WHERE id IN (SELECT id FROM chosen)
                AND status = 'pending'
                AND next_attempt_at <= now()
            FOR UPDATE SKIP LOCKED
        )
        UPDATE webhook_deliveries
        SET attempts = attempts + 1,
            next_attempt_at = now() + $4::interval
        FROM due, webhook_endpoints
        WHERE webhook_deliveries.id = due.id
            AND webhook_endpoints.id = webhook_deliveries.endpoint_id
        RETURNING
            webhook_deliveries.id, webhook_deliveries.endpoint_id, webhook_deliveries.organization_id,
            webhook_endpoints.url, webhook_endpoints.signing_secret,
            CASE WHEN webhook_endpoints.previous_secret_until > now() THEN webhook_endpoints.previous_secret END
                AS previous_secret,
            webhook_deliveries.event_type, webhook_deliveries.payload, webhook_deliveries.attempts,
            webhook_deliveries.created_at
        """,
        limit,
        per_endpoint,
        list(busy),
        CLAIMED_FOR,
    )
    due = [DueDelivery(**{**row, "payload": orjson.loads(row["payload"])}) for row in rows]
    return sorted(due, key=lambda delivery: delivery.created_at)


async def mark_delivered(conn: Connection, delivery_id: UUID, attempt: Attempt) -> bool:
    """pending → delivered; False if it was settled before."""
    status = await conn.execute(
        """
        UPDATE webhook_deliveries
        SET status = 'delivered',
            response_status = $2,
            delivered_at = now(),
            attempt_log = CASE WHEN jsonb_array_length(attempt_log) < $4 THEN attempt_log ELSE attempt_log - 0 END
                || $3::jsonb
        WHERE id = $1
            AND status = 'pending'
        """,
        delivery_id,
        attempt.status,
        _logged(attempt),
        KEPT_ATTEMPTS,
    )
    return status == "UPDATE 1"


async def mark_failed(conn: Connection, delivery_id: UUID, attempt: Attempt, retry_in: timedelta | None) -> bool:
    """Not this time; without `retry_in` never. False if it was settled before."""
    status = await conn.execute(
        """
        UPDATE webhook_deliveries
        SET status = CASE WHEN $3::interval IS NULL THEN 'failed' ELSE status END,
            response_status = $2,
            next_attempt_at = coalesce(now() + $3::interval, next_attempt_at),
            attempt_log = CASE WHEN jsonb_array_length(attempt_log) < $5 THEN attempt_log ELSE attempt_log - 0 END
                || $4::jsonb
        WHERE id = $1
            AND status = 'pending'
        """,
        delivery_id,
        attempt.status,
        retry_in,
        _logged(attempt),
        KEPT_ATTEMPTS,
    )
    return status == "UPDATE 1"


def _logged(attempt: Attempt) -> str:
    return orjson.dumps([asdict(attempt)]).decode()
