"""Where a person is signed in, in their own transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from db.errors import NotFoundError
from db.pool import Connection


@dataclass(frozen=True, slots=True)
class Device:
    id: UUID
    ip_address: str | None
    device_type: str | None
    browser: str | None
    os: str | None
    started_at: datetime
    last_activity_at: datetime


async def list_devices(
    conn: Connection, user_id: UUID, *, limit: int, before: tuple[datetime, UUID] | None = None
) -> list[Device]:
    """Sign-ins that are good, newest first, those that come after `before`."""
    started_before, id_before = before or (None, None)
    rows = await conn.fetch(
        """
        SELECT id, host(ip_address) AS ip_address, device_type, browser, os, started_at, last_activity_at
        FROM user_app_sessions
        WHERE user_id = $1
            AND ended_at IS NULL
            AND last_activity_at > now() - interval '30 days'
            AND ($2::timestamptz IS NULL OR (started_at, id) < ($2, $3))
        ORDER BY started_at DESC, id DESC
        LIMIT $4
        """,
        user_id,
        started_before,
        id_before,
        limit,
    )
    return [Device(**row) for row in rows]


async def end_device(conn: Connection, user_id: UUID, device_id: UUID) -> None:
    """
    Raises:
        NotFoundError: it is somebody else's, or has ended.
    """
    status = await conn.execute(
        "UPDATE user_app_sessions SET ended_at = now() WHERE id = $2 AND user_id = $1 AND ended_at IS NULL",
        user_id,
        device_id,
    )
    if status != "UPDATE 1":
        raise NotFoundError("device_not_found")


async def end_devices(conn: Connection, user_id: UUID, *, but: UUID | None = None) -> int:
    """All of a person's sign-ins but one; how many."""
    status = await conn.execute(
        """
        UPDATE user_app_sessions
        SET ended_at = now()
        WHERE user_id = $1
            AND ended_at IS NULL
            AND id IS DISTINCT FROM $2
        """,
        user_id,
        but,
    )
    return int(status.split()[-1])
