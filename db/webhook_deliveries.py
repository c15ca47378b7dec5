"""What other systems are told, one delivery for each endpoint and event: a queue that the jobs role works off.

Rules:
- A payload holds ids and codes, no speech.
- A delivery is claimed before it is sent, and is due again when its sender is silent for too long: it may arrive
  twice, with the same id.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from db.pool import Connection

CLAIMED_FOR = timedelta(minutes=2)
"""A sender that has not said what became of a delivery by then is taken for dead."""


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    id: UUID
    endpoint_id: UUID
    organization_id: UUID
    event_type: str
    status: str
    attempts: int
    next_attempt_at: datetime
    response_status: int | None
    created_at: datetime
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """What is to be sent where, and signed with what."""

    id: UUID
    endpoint_id: UUID
    organization_id: UUID
    url: str
    signing_secret: bytes
    event_type: str
    payload: dict[str, Any]
    attempts: int
    """With this one."""
    created_at: datetime


async def tell(conn: Connection, organization_id: UUID, event_type: str, payload: dict[str, Any]) -> int:
    """One delivery for each active endpoint that wants this type of event; how many. For the jobs role."""
    status = await conn.execute(
        """
        INSERT INTO webhook_deliveries (endpoint_id, organization_id, event_type, payload)
        SELECT id, organization_id, $2, $3
        FROM webhook_endpoints
        WHERE organization_id = $1
            AND is_active
            AND $2 = ANY (event_types)
        """,
        organization_id,
        event_type,
        orjson.dumps(payload).decode(),
    )
    return int(status.split()[-1])


async def list_deliveries(
    conn: Connection, organization_id: UUID, endpoint_id: UUID, *, limit: int = 50
) -> list[WebhookDelivery]:
    """Newest first, of one endpoint; for who manages the organization."""
    rows = await conn.fetch(
        """
        SELECT
            id, endpoint_id, organization_id, event_type, status, attempts, next_attempt_at, response_status,
            created_at, delivered_at
        FROM webhook_deliveries
        WHERE organization_id = $1
            AND endpoint_id = $2
        ORDER BY created_at DESC, id
        LIMIT $3
        """,
        organization_id,
        endpoint_id,
        limit,
    )
    return [WebhookDelivery(**row) for row in rows]


async def claim_due(conn: Connection, *, limit: int = 10) -> list[DueDelivery]:
    """Those that are due, the oldest first, each for one sender alone. For the jobs role.

    Committed before anything is sent: no transaction waits for somebody else's server.
    """
    rows = await conn.fetch(
        """
        WITH due AS (
            SELECT webhook_deliveries.id
            FROM webhook_deliveries
            JOIN webhook_endpoints ON webhook_endpoints.id = webhook_deliveries.endpoint_id
            WHERE webhook_deliveries.status = 'pending'
                AND webhook_deliveries.next_attempt_at <= now()
                AND webhook_endpoints.is_active
            ORDER BY webhook_deliveries.next_attempt_at
            LIMIT $1
            FOR UPDATE OF webhook_deliveries SKIP LOCKED
        )
        UPDATE webhook_deliveries
        SET attempts = attempts + 1,
            next_attempt_at = now() + $2::interval
        FROM due, webhook_endpoints
        WHERE webhook_deliveries.id = due.id
            AND webhook_endpoints.id = webhook_deliveries.endpoint_id
        RETURNING
            webhook_deliveries.id, webhook_deliveries.endpoint_id, webhook_deliveries.organization_id,
            webhook_endpoints.url, webhook_endpoints.signing_secret, webhook_deliveries.event_type,
            webhook_deliveries.payload, webhook_deliveries.attempts, webhook_deliveries.created_at
        """,
        limit,
        CLAIMED_FOR,
    )
    due = [DueDelivery(**{**row, "payload": orjson.loads(row["payload"])}) for row in rows]
    return sorted(due, key=lambda delivery: delivery.created_at)


async def mark_delivered(conn: Connection, delivery_id: UUID, response_status: int) -> bool:
    """pending → delivered; False if it was settled before."""
    status = await conn.execute(
        """
        UPDATE webhook_deliveries
        SET status = 'delivered',
            response_status = $2,
            delivered_at = now()
        WHERE id = $1
            AND status = 'pending'
        """,
        delivery_id,
        response_status,
    )
    return status == "UPDATE 1"


async def mark_failed(
    conn: Connection, delivery_id: UUID, response_status: int | None, retry_in: timedelta | None
) -> bool:
    """Not this time; without `retry_in` never. False if it was settled before."""
    status = await conn.execute(
        """
        UPDATE webhook_deliveries
        SET status = CASE WHEN $3::interval IS NULL THEN 'failed' ELSE status END,
            response_status = $2,
            next_attempt_at = coalesce(now() + $3::interval, next_attempt_at)
        WHERE id = $1
            AND status = 'pending'
        """,
        delivery_id,
        response_status,
        retry_in,
    )
    return status == "UPDATE 1"
