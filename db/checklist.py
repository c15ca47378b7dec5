"""What should come up in a session: written by whose session it is, ticked off by them and by the call (media role)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from db.errors import NotFoundError
from db.pool import Connection


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    id: UUID
    session_id: UUID
    organization_id: UUID
    text: str
    status: str
    """open or done."""
    created_by: UUID
    created_at: datetime
    updated_at: datetime


async def list_items(conn: Connection, session_id: UUID) -> list[ChecklistItem]:
    """In the order in which they were written."""
    rows = await conn.fetch(
        """
        SELECT id, session_id, organization_id, text, status, created_by, created_at, updated_at
        FROM prep_checklist
        WHERE session_id = $1
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        ORDER BY created_at, id
        """,
        session_id,
    )
    return [ChecklistItem(**row) for row in rows]


async def insert_item(conn: Connection, session_id: UUID, user_id: UUID, text: str) -> ChecklistItem:
    """
    Raises:
        NotFoundError: `user_id` is not the one who acts, or has no such session.
        InvalidError: it says nothing.
    """
    row = await conn.fetchrow(
        """
        INSERT INTO prep_checklist (session_id, organization_id, text, created_by)
        SELECT id, organization_id, $3, user_id
        FROM sessions
        WHERE id = $1
            AND user_id = $2
            AND deleted_at IS NULL
        RETURNING id, session_id, organization_id, text, status, created_by, created_at, updated_at
        """,
        session_id,
        user_id,
        text,
    )
    if row is None:
        raise NotFoundError("session_not_found")
    return ChecklistItem(**row)


async def set_status(conn: Connection, session_id: UUID, item_id: UUID, status: str) -> None:
    """open or done. The api role does it for its author or a manager, the media role for the call.

    Raises:
        NotFoundError, InvalidError
    """
    outcome = await conn.execute(
        """
        UPDATE prep_checklist
        SET status = $3
        WHERE id = $2
            AND session_id = $1
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        """,
        session_id,
        item_id,
        status,
    )
    if outcome != "UPDATE 1":
        raise NotFoundError("item_not_found")


async def delete_item(conn: Connection, session_id: UUID, item_id: UUID) -> None:
    """
    Raises:
        NotFoundError
    """
    outcome = await conn.execute(
        """
        DELETE FROM prep_checklist
        WHERE id = $2
            AND session_id = $1
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        """,
        session_id,
        item_id,
    )
    if outcome != "DELETE 1":
        raise NotFoundError("item_not_found")
