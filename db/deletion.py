"""Deleting for good, by people: nobody sees it from now on, and a job erases it at once."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from db import organizations, session_changes
from db.erasure import ERASE_ACCOUNT, ERASE_ORGANIZATION, ERASE_SESSION, order_erasure
from db.pool import Connection


async def delete_session_for_good(conn: Connection, organization_id: UUID, session_id: UUID) -> None:
    """
    Raises:
        NotFoundError: also when it was deleted before.
        ConflictError: "session_live"
    """
    await session_changes.delete_session(conn, organization_id, session_id)
    await order_erasure(conn, ERASE_SESSION, session_id)


async def order_account_deletion(conn: Connection, days: int) -> datetime:
    """One's own, in one's own transaction: it is erased then, unless it is cancelled; asking again changes nothing.

    Raises:
        NotFoundError: nobody is signed in.
        ConflictError: "sole_owner" of an organization that has other members.
    """
    due_at: datetime = await conn.fetchval("SELECT order_account_deletion($1)", days)
    return due_at


async def cancel_account_deletion(conn: Connection, user_id: UUID) -> bool:
    """False if none was ordered."""
    status = await conn.execute(
        "UPDATE users SET deletion_due_at = NULL WHERE id = $1 AND deletion_due_at IS NOT NULL AND deleted_at IS NULL",
        user_id,
    )
    return status == "UPDATE 1"


async def list_due_accounts(conn: Connection, limit: int) -> list[UUID]:
    """Accounts whose time has come. For the jobs role."""
    rows = await conn.fetch(
        """
        SELECT id
        FROM users
        WHERE deletion_due_at < now()
            AND deleted_at IS NULL
        ORDER BY deletion_due_at
        LIMIT $1
        """,
        limit,
    )
    return [row["id"] for row in rows]


async def delete_account(conn: Connection) -> None:
    """One's own, in one's own transaction, with the organizations in which there is nobody else.

    Raises:
        NotFoundError: nobody is signed in.
        ConflictError: "sole_owner" of an organization that has other members.
    """
    user_id = await conn.fetchval("SELECT delete_account()")
    await order_erasure(conn, ERASE_ACCOUNT, user_id)


async def delete_organization_for_good(conn: Connection, organization_id: UUID) -> None:
    """
    Raises:
        NotFoundError: there is none, or the one who acts does not belong to it.
        ConflictError: "not_an_owner"
    """
    await organizations.delete_organization(conn, organization_id)
    await order_erasure(conn, ERASE_ORGANIZATION, organization_id)
