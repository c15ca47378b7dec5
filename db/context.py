"""What should be known before a session begins: one row a session, written by whose session it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from db.errors import NotFoundError
from db.pool import Connection


@dataclass(frozen=True, slots=True)
class SessionContext:
    id: UUID
    session_id: UUID
    user_id: UUID
    organization_id: UUID
    text_context: str | None
    context_metadata: dict[str, Any] | None
    """Earlier sessions to look at, and the like."""
    created_at: datetime
    updated_at: datetime


async def put_context(
    conn: Connection, session_id: UUID, user_id: UUID, *, text: str | None, metadata: dict[str, Any] | None
) -> SessionContext:
    """In place of whatever was there. `metadata` is `{"linked_session_ids": […]}` and the like.

    Raises:
        NotFoundError: `user_id` is not the one who acts, or has no such session.
    """
    row = await conn.fetchrow(
        """
        INSERT INTO session_context (session_id, user_id, organization_id, text_context, context_metadata)
        SELECT id, user_id, organization_id, $3, $4
        FROM sessions
        WHERE id = $1
            AND user_id = $2
            AND deleted_at IS NULL
        ON CONFLICT (session_id) DO UPDATE
        SET text_context = excluded.text_context,
            context_metadata = excluded.context_metadata
        RETURNING id, session_id, user_id, organization_id, text_context, context_metadata, created_at, updated_at
        """,
        session_id,
        user_id,
        text,
        None if metadata is None else orjson.dumps(metadata).decode(),
    )
    if row is None:
        raise NotFoundError("session_not_found")
    return _context(row)


async def get_context(conn: Connection, session_id: UUID) -> SessionContext | None:
    """None while nobody wrote any."""
    row = await conn.fetchrow(
        """
        SELECT id, session_id, user_id, organization_id, text_context, context_metadata, created_at, updated_at
        FROM session_context
        WHERE session_id = $1
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        """,
        session_id,
    )
    return _context(row) if row else None


def _context(row: asyncpg.Record) -> SessionContext:
    metadata = row["context_metadata"]
    return SessionContext(**{**row, "context_metadata": metadata and orjson.loads(metadata)})
