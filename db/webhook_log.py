"""What an endpoint was told and what came of it, for who manages the organization; and telling it again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from db.errors import ConflictError, NotFoundError
from db.pool import Connection

TEST_EVENT = "webhook.test"
"""Sent when a manager asks for it, whatever types the endpoint wants."""
_COLUMNS = """
    id, endpoint_id, organization_id, event_type, payload, status, attempts, next_attempt_at, response_status,
    created_at, delivered_at, attempt_log
"""


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    id: UUID
    endpoint_id: UUID
    organization_id: UUID
    event_type: str
    payload: dict[str, Any]
    status: str
    attempts: int
    """Since it was made, or replayed."""
    next_attempt_at: datetime
    response_status: int | None
    created_at: datetime
    delivered_at: datetime | None
    attempt_log: list[dict[str, Any]]
    """The last ones, the oldest first: `webhook_deliveries.Attempt`."""


async def list_deliveries(
    conn: Connection,
    organization_id: UUID,
    endpoint_id: UUID,
    *,
    status: str | None = None,
    limit: int = 50,
    before: tuple[datetime, UUID] | None = None,
) -> list[WebhookDelivery]:
    """Newest first, of one endpoint, those that come after `before`."""
    created_before, id_before = before or (None, None)
    rows = await conn.fetch(
        f"""
        SELECT {_COLUMNS}
        FROM webhook_deliveries
        WHERE organization_id = $1
            AND endpoint_id = $2
            AND ($4::text IS NULL OR status = $4)
            AND ($5::timestamptz IS NULL OR (created_at, id) < ($5, $6))
        ORDER BY created_at DESC, id DESC
        LIMIT $3
        """,  # noqa: S608  constants
        organization_id,
        endpoint_id,
        limit,
        status,
        created_before,
        id_before,
    )
    return [_delivery(row) for row in rows]


async def get_delivery(
    conn: Connection, organization_id: UUID, endpoint_id: UUID, delivery_id: UUID
) -> WebhookDelivery:
    """
    Raises:
        NotFoundError: there is none, or it is not one's to manage.
    """
    row = await conn.fetchrow(
        f"""
        SELECT {_COLUMNS}
        FROM webhook_deliveries
        WHERE id = $1
            AND endpoint_id = $2
            AND organization_id = $3
        """,  # noqa: S608  constants
        delivery_id,
        endpoint_id,
        organization_id,
    )
    if row is None:
        raise NotFoundError("webhook_delivery_not_found")
    return _delivery(row)


async def insert_test(conn: Connection, organization_id: UUID, endpoint_id: UUID) -> WebhookDelivery:
    """An event for this endpoint alone, which says nothing.

    Raises:
        NotFoundError: there is no such endpoint, or it is not one's to manage.
    """
    row = await conn.fetchrow(
        f"""
        INSERT INTO webhook_deliveries (endpoint_id, organization_id, event_type, payload)
        SELECT id, organization_id, $3, '{{}}'
        FROM webhook_endpoints
        WHERE id = $1
            AND organization_id = $2
        RETURNING {_COLUMNS}
        """,  # noqa: S608  constants
        endpoint_id,
        organization_id,
        TEST_EVENT,
    )
    if row is None:
        raise NotFoundError("webhook_endpoint_not_found")
    return _delivery(row)


async def replay_delivery(
    conn: Connection, organization_id: UUID, endpoint_id: UUID, delivery_id: UUID
) -> WebhookDelivery:
    """Due at once, with the whole schedule before it and the id that it had.

    Raises:
        NotFoundError: there is none, or it is not one's to manage.
        ConflictError: it waits for its next attempt anyway.
    """
    row = await conn.fetchrow(
        f"""
        UPDATE webhook_deliveries
        SET status = 'pending',
            attempts = 0,
            next_attempt_at = now(),
            delivered_at = NULL
        WHERE id = $1
            AND endpoint_id = $2
            AND organization_id = $3
            AND status <> 'pending'
        RETURNING {_COLUMNS}
        """,  # noqa: S608  constants
        delivery_id,
        endpoint_id,
        organization_id,
    )
    if row is None:
        await get_delivery(conn, organization_id, endpoint_id, delivery_id)
        raise ConflictError("webhook_delivery_waits")
    return _delivery(row)


async def replay_failed(conn: Connection, organization_id: UUID, endpoint_id: UUID, since: datetime) -> int:
    """The same for all that failed of what happened since then; how many."""
    status = await conn.execute(
        """
        UPDATE webhook_deliveries
        SET status = 'pending',
            attempts = 0,
            next_attempt_at = now()
        WHERE endpoint_id = $1
            AND organization_id = $2
            AND created_at >= $3
            AND status = 'failed'
        """,
        endpoint_id,
        organization_id,
        since,
    )
    return int(status.split()[-1])


def _delivery(row: asyncpg.Record) -> WebhookDelivery:
    documents = {name: orjson.loads(row[name]) for name in ("payload", "attempt_log")}
    return WebhookDelivery(**{**row, **documents})
