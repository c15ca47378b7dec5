"""Other systems that are told what happens here: set up by who manages an organization.

Rules:
- A signing secret is written and never read again but by the jobs role, which signs with it. Here it is sealed.
- A secret that is replaced signs on, beside the new one, for as long as whoever replaces it says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypedDict
from uuid import UUID

from db.changes import assignments
from db.errors import ConflictError, NotFoundError
from db.pool import Connection

MAX_ENDPOINTS = 10
"""Of an organization. A hostile one keeps no more senders busy than this."""
_COLUMNS = """
    id, organization_id, url, event_types, is_active, disabled_reason, failing_since, previous_secret_until,
    created_by, created_at, updated_at
"""


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    id: UUID
    organization_id: UUID
    url: str
    event_types: list[str]
    is_active: bool
    disabled_reason: str | None
    """What a job switched it off for; None: nobody did, or a manager."""
    failing_since: datetime | None
    """When the first delivery failed since one last arrived; None: the last one arrived."""
    previous_secret_until: datetime | None
    """Until when the secret before signs as well."""
    created_by: UUID | None
    created_at: datetime
    updated_at: datetime


class EndpointChanges(TypedDict, total=False):
    """What managers may change; what is left out stays."""

    url: str
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
        ConflictError: it has as many as it may.
        InvalidError: no address of the web, a secret of another length, or no type of event.
    """
    # Two at once would both see room for one.
    await conn.execute(
        "SELECT pg_advisory_xact_lock(hashtext('webhook_endpoints'), hashtext($1::uuid::text))", organization_id
    )
    count = await conn.fetchval("SELECT count(*) FROM webhook_endpoints WHERE organization_id = $1", organization_id)
    if count >= MAX_ENDPOINTS:
        raise ConflictError("too_many_webhook_endpoints")
    row = await conn.fetchrow(
        f"""
        INSERT INTO webhook_endpoints (organization_id, url, signing_secret, event_types, created_by)
        VALUES ($1, $2, $3, $4, $5)
        RETURNING {_COLUMNS}
        """,  # noqa: S608  constants
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
        f"""
        SELECT {_COLUMNS}
        FROM webhook_endpoints
        WHERE organization_id = $1
        ORDER BY created_at, id
        """,  # noqa: S608  constants
        organization_id,
    )
    return [WebhookEndpoint(**row) for row in rows]


async def get_endpoint(conn: Connection, organization_id: UUID, endpoint_id: UUID) -> WebhookEndpoint:
    """
    Raises:
        NotFoundError: there is none, or it is not one's to manage.
    """
    row = await conn.fetchrow(
        f"SELECT {_COLUMNS} FROM webhook_endpoints WHERE id = $1 AND organization_id = $2",  # noqa: S608  constants
        endpoint_id,
        organization_id,
    )
    if row is None:
        raise NotFoundError("webhook_endpoint_not_found")
    return WebhookEndpoint(**row)


async def lock_endpoint(conn: Connection, organization_id: UUID, endpoint_id: UUID) -> WebhookEndpoint:
    """One that nobody else changes until the transaction is over.

    Raises:
        NotFoundError: there is none, or it is not one's to manage.
    """
    await conn.execute(
        "SELECT FROM webhook_endpoints WHERE id = $1 AND organization_id = $2 FOR UPDATE", endpoint_id, organization_id
    )
    return await get_endpoint(conn, organization_id, endpoint_id)


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
            disabled_reason = NULL,
            failing_since = NULL
        WHERE id = $1
            AND organization_id = $2
        RETURNING {_COLUMNS}
        """,  # noqa: S608  the columns are those of EndpointChanges
        endpoint_id,
        organization_id,
        *values,
    )
    if row is None:
        raise NotFoundError("webhook_endpoint_not_found")
    return WebhookEndpoint(**row)


async def rotate_secret(
    conn: Connection, organization_id: UUID, endpoint_id: UUID, signing_secret: bytes, overlap: timedelta
) -> WebhookEndpoint:
    """A new secret; the one before signs as well until `overlap` is over, and the one before that no more.

    Raises:
        NotFoundError: there is none, or it is not one's to manage.
    """
    row = await conn.fetchrow(
        f"""
        UPDATE webhook_endpoints
        SET signing_secret = $3,
            previous_secret_until = now() + $4::interval
        WHERE id = $1
            AND organization_id = $2
        RETURNING {_COLUMNS}
        """,  # noqa: S608  constants
        endpoint_id,
        organization_id,
        signing_secret,
        overlap,
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


async def note_success(conn: Connection, endpoint_id: UUID) -> None:
    """By a job: a delivery arrived."""
    await conn.execute(
        "UPDATE webhook_endpoints SET failing_since = NULL WHERE id = $1 AND failing_since IS NOT NULL", endpoint_id
    )


async def note_failure(conn: Connection, endpoint_id: UUID) -> timedelta:
    """By a job: a delivery did not arrive; for how long none has."""
    lasting: timedelta | None = await conn.fetchval(
        """
        WITH noted AS (
            UPDATE webhook_endpoints
            SET failing_since = now()
            WHERE id = $1
                AND failing_since IS NULL
        )
        SELECT now() - coalesce(failing_since, now())
        FROM webhook_endpoints
        WHERE id = $1
        """,
        endpoint_id,
    )
    return lasting or timedelta(0)  # None: somebody deleted it meanwhile


@dataclass(frozen=True, slots=True)
class Manager:
    email: str
    organization_name: str


async def managers_to_tell(conn: Connection, organization_id: UUID) -> list[Manager]:
    """For the jobs role: the proven addresses of the organization's owner and admins."""
    rows = await conn.fetch(
        """
        SELECT users.email, organizations.name AS organization_name
        FROM organizations
        JOIN organization_members ON organization_members.organization_id = organizations.id
        JOIN users ON users.id = organization_members.user_id
        WHERE organizations.id = $1
            AND organization_members.role IN ('owner', 'admin')
            AND organization_members.status = 'active'
            AND users.email_verified
            AND users.is_active
            AND users.deleted_at IS NULL
        ORDER BY users.email
        """,
        organization_id,
    )
    return [Manager(**row) for row in rows]
