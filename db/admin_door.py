"""The door through which an administrator of the installation looks into one organization.

It opens reading, never writing, from the next transaction on and for an hour at most. It leaves a row in the audit log
before anything can be read, and who manages the organization sees who opened it, and why.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from db.pool import Connection


@dataclass(frozen=True, slots=True)
class AdminDoor:
    id: UUID
    user_id: UUID
    organization_id: UUID
    reason: str
    opened_at: datetime
    expires_at: datetime
    closed_at: datetime | None


async def open_door(conn: Connection, organization_id: UUID, reason: str, minutes: int) -> UUID:
    """The door's id.

    Raises:
        NotFoundError: no such organization, or the asker administrates nothing.
        InvalidError: "door_minutes": not 1 to 60; or no reason.
    """
    door_id: UUID = await conn.fetchval("SELECT open_admin_door($1, $2, $3)", organization_id, reason, minutes)
    return door_id


async def close_door(conn: Connection, door_id: UUID) -> bool:
    """Before its time; False if it is not one's own, or was closed before."""
    closed: bool = await conn.fetchval("SELECT close_admin_door($1)", door_id)
    return closed


async def list_doors(conn: Connection, organization_id: UUID) -> list[AdminDoor]:
    """Newest first; for who manages the organization, and one's own."""
    rows = await conn.fetch(
        """
        SELECT id, user_id, organization_id, reason, opened_at, expires_at, closed_at
        FROM admin_grants
        WHERE organization_id = $1
        ORDER BY opened_at DESC, id
        """,
        organization_id,
    )
    return [AdminDoor(**row) for row in rows]


async def is_open(conn: Connection, organization_id: UUID, user_id: UUID) -> bool:
    """Whether this administrator, who asks, may look into that organization now."""
    found: bool = await conn.fetchval(
        """
        SELECT EXISTS (
            SELECT FROM admin_grants
            WHERE user_id = $2
                AND organization_id = $1
                AND closed_at IS NULL
                AND expires_at > now()
        )
        """,
        organization_id,
        user_id,
    )
    return found
