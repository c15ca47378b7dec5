"""What people order a live call to do (end, pause, …): rows that a node polls for and acknowledges."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import orjson

from db.errors import NotFoundError
from db.pool import Connection
from db.records import Command

__all__ = ["Command"]


async def insert_command(
    conn: Connection,
    *,
    id: UUID,
    session_id: UUID,
    organization_id: UUID,
    kind: str,
    payload: dict[str, Any],
    created_by: UUID | None,
) -> bool:
    """Give an order once: the same id again changes nothing and answers False.

    Raises:
        NotFoundError: no such session.
    """
    status = await conn.execute(
        """
        INSERT INTO call_commands (id, session_id, organization_id, kind, payload, created_by)
        SELECT $1, id, organization_id, $4, $5, $6
        FROM sessions
        WHERE id = $2
            AND organization_id = $3
            AND deleted_at IS NULL
        ON CONFLICT (id) DO NOTHING
        """,
        id,
        session_id,
        organization_id,
        kind,
        orjson.dumps(payload).decode(),
        created_by,
    )
    if status == "INSERT 0 1":
        return True
    if not await conn.fetchval("SELECT EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)", session_id):
        raise NotFoundError("session_not_found")
    return False


async def pending_commands(conn: Connection, session_ids: Iterable[UUID]) -> list[Command]:
    """Oldest first, what nobody acknowledged yet."""
    rows = await conn.fetch(
        """
        SELECT
            call_commands.id, session_id, call_commands.organization_id, kind, payload, created_by,
            call_commands.created_at
        FROM call_commands
        JOIN sessions ON sessions.id = session_id
        WHERE session_id = ANY ($1::uuid[])
            AND acknowledged_at IS NULL
            AND deleted_at IS NULL
        ORDER BY call_commands.created_at, call_commands.id
        """,
        list(session_ids),
    )
    return [Command(**{**row, "payload": orjson.loads(row["payload"])}) for row in rows]


async def acknowledge(conn: Connection, command_id: UUID, outcome: str) -> bool:
    """The first outcome stands; False if there was one."""
    status = await conn.execute(
        """
        UPDATE call_commands
        SET acknowledged_at = now(),
            outcome = $2
        WHERE id = $1
            AND acknowledged_at IS NULL
        """,
        command_id,
        outcome,
    )
    return status == "UPDATE 1"
