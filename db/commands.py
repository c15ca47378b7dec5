"""What people order a live call to do (end, pause, …): rows that a node polls for and acknowledges."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from db.errors import NotFoundError
from db.pool import Connection
from db.records import Command

__all__ = ["REMOVE_PARTICIPANT", "REVISE_TRANSCRIPT", "Command", "CommandState"]

END = "end"
REMOVE_PARTICIPANT = "remove_participant"
"""Sends `participant_id` of the payload away; the rest goes on."""
REVISE_TRANSCRIPT = "revise_transcript"
"""A final was corrected: `transcript_id`, `revision`, `text`, `speaker`. Ordered by db.transcripts.revise."""
ALWAYS = (END, REMOVE_PARTICIPANT, REVISE_TRANSCRIPT)
"""What is carried out however late: who was sent away must not stay because a node was being started, and what was
corrected must be told."""
GOOD_FOR_S = 30
"""Everything else is carried out within this time or not at all; whoever ordered it did so for the moment."""
ANSWERED_WITHIN_S = 10
"""What was begun at the last moment has its outcome by then."""


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
    """Oldest first, what nobody acknowledged yet and is still to be carried out."""
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
            AND (kind = ANY ($2::text[]) OR call_commands.created_at > now() - $3::interval)
        ORDER BY call_commands.created_at, call_commands.id
        """,
        list(session_ids),
        list(ALWAYS),
        timedelta(seconds=GOOD_FOR_S),
    )
    return [Command(**{**row, "payload": orjson.loads(row["payload"])}) for row in rows]


@dataclass(frozen=True, slots=True)
class CommandState:
    """A command and what became of it."""

    id: UUID
    session_id: UUID
    kind: str
    payload: dict[str, Any]
    created_at: datetime
    acknowledged_at: datetime | None
    outcome: str | None
    """None: no node has answered yet."""
    is_late: bool
    """It has no outcome, and will not be carried out any more."""


async def find_command(conn: Connection, session_id: UUID, command_id: UUID) -> CommandState:
    """
    Raises:
        NotFoundError: the session has no such command, or is none of the asker's.
    """
    row = await conn.fetchrow(
        """
        SELECT
            id, session_id, kind, payload, created_at, acknowledged_at, outcome,
            acknowledged_at IS NULL AND NOT kind = ANY ($3::text[]) AND created_at <= now() - $4::interval AS is_late
        FROM call_commands
        WHERE id = $2
            AND session_id = $1
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        """,
        session_id,
        command_id,
        list(ALWAYS),
        timedelta(seconds=GOOD_FOR_S + ANSWERED_WITHIN_S),
    )
    if row is None:
        raise NotFoundError("command_not_found")
    return CommandState(**{**row, "payload": orjson.loads(row["payload"])})


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
