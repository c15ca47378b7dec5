"""What people order a live call to do (end, pause, …): rows that a node polls for and acknowledges."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import orjson

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
    """Give an order once: the same id again changes nothing and answers False."""
    status = await conn.execute(
        """
        INSERT INTO call_commands (id, session_id, organization_id, kind, payload, created_by)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (id) DO NOTHING
        """,
        id,
        session_id,
        organization_id,
        kind,
        orjson.dumps(payload).decode(),
        created_by,
    )
    return status == "INSERT 0 1"


async def pending_commands(conn: Connection, session_ids: Iterable[UUID]) -> list[Command]:
    """Oldest first, what nobody acknowledged yet."""
    rows = await conn.fetch(
        """
        SELECT id, session_id, organization_id, kind, payload, created_by, created_at
        FROM call_commands
        WHERE session_id = ANY ($1::uuid[])
            AND acknowledged_at IS NULL
        ORDER BY created_at, id
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
