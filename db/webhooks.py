"""Other systems that are told what happens here: set up by who manages an organization.

A signing secret is written and never read again but by the jobs role, which signs with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from db.changes import assignments
from db.errors import NotFoundError
from db.pool import Connection


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    id: UUID
    organization_id: UUID
    url: str
    event_types: list[str]
    is_active: bool
    disabled_reason: str | None
    created_by: UUID | None
    created_at: datetime
    updated_at: datetime


class EndpointChanges(TypedDict, total=False):
    """What managers may change; what is left out stays."""

    url: str
    signing_secret: bytes
    event_types: list[str]
    is_active: bool


_CHANGEABLE = frozenset(EndpointChanges.__annotations__)


async def insert_endpoint(
    conn: Connection,
    *,
    organization_id: UUID,
    url: str,
    signing_secret: bytes,
    event_types: Sequence[str],
    created_by: UUID,
) -> WebhookEndpoint:
    """
    Raises:
        NotFoundError: not an organization that one manages.
        InvalidError: no address of the web, a secret of another length, or no type of event.
    """
    row = await conn.fetchrow(
        """
        INSERT INTO webhook_endpoints (organization_id, url, signing_secret, event_types, created_by)
        VALUES ($1, $2, $3, $4, $5)
        RETURNING
            id, organization_id, url, event_types, is_active, disabled_reason, created_by, created_at, updated_at
        """,
        organization_id,
        url,
        signing_secret,
        list(event_types),
        created_by,
    )
    assert row is not None  # noqa: S101  an INSERT of one row returns one row
    return WebhookEndpoint(**row)


async def list_endpoints(conn: Connection, organization_id: UUID) -> list[WebhookEndpoint]:
    """The oldest first."""
    rows = await conn.fetch(
        """
        SELECT id, organization_id, url, event_types, is_active, disabled_reason, created_by, created_at, updated_at
        FROM webhook_endpoints
        WHERE organization_id = $1
        ORDER BY created_at, id
        """,
        organization_id,
    )
    return [WebhookEndpoint(**row) for row in rows]


async def update_endpoint(
    conn: Connection, organization_id: UUID, endpoint_id: UUID, changes: EndpointChanges
) -> WebhookEndpoint:
    """Whoever changes it has looked at it: why it was switched off is forgotten.

    Raises:
        NotFoundError: there is none, or it is not one's to manage.
        InvalidError: a value, or nothing to change.
    """
    columns, values = assignments(changes, _CHANGEABLE, first=3)
    row = await conn.fetchrow(
        f"""
        UPDATE webhook_endpoints
        SET {columns},
            disabled_reason = NULL
        WHERE id = $1
            AND organization_id = $2
        RETURNING
            id, organization_id, url, event_types, is_active, disabled_reason, created_by, created_at, updated_at
        """,  # noqa: S608  the columns are those of EndpointChanges
        endpoint_id,
        organization_id,
        *values,
    )
    if row is None:
        raise NotFoundError("webhook_endpoint_not_found")
    return WebhookEndpoint(**row)


async def delete_endpoint(conn: Connection, organization_id: UUID, endpoint_id: UUID) -> None:
    """With what it was told, and was still to be told.

    Raises:
        NotFoundError: there is none, or it is not one's to manage.
    """
    status = await conn.execute(
        "DELETE FROM webhook_endpoints WHERE id = $1 AND organization_id = $2", endpoint_id, organization_id
    )
    if status != "DELETE 1":
        raise NotFoundError("webhook_endpoint_not_found")


async def disable_endpoint(conn: Connection, endpoint_id: UUID, reason: str) -> bool:
    """By a job, because telling it is of no use; False if it is off already."""
    status = await conn.execute(
        """
        UPDATE webhook_endpoints
        SET is_active = false,
            disabled_reason = $2
        WHERE id = $1
            AND is_active
        """,
        endpoint_id,
        reason,
    )
    return status == "UPDATE 1"
