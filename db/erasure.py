"""Erasing a session, an account, an organization: content and personal data go, the row and its usage stay.

Rules:
- What goes is said in `personal_data`; nothing is known here of any table.
- For the jobs role. Everything can be done twice, and gone on with after a crash: sessions are erased one by one, each
  in a transaction of its own, before what they belong to.
- A session's row is locked first: whoever adds to it is waited for, and whoever comes later is refused.
- What is erased is in the audit log. Files are removed by a job, which is queued with the rest or not at all.
"""

from __future__ import annotations

from uuid import UUID

import orjson

from db import audit, jobs
from db.errors import ConflictError, NotFoundError
from db.holding import Blank, Delete, Treatment
from db.personal_data import HOLDINGS
from db.pool import Connection

ERASE_SESSION = "erase_session"
"""The job for a session that was deleted for good; its payload is the id as text, as of the next two."""
ERASE_ACCOUNT = "erase_account"
ERASE_ORGANIZATION = "erase_organization"
REMOVE_FILES = "remove_files"
"""The job for files that nobody needs any more; its payload is a JSON array of their keys."""


async def erase_session(conn: Connection, session_id: UUID, cause: str) -> bool:
    """False if there is none, or it was erased before. `cause`: retention, deleted, account, organization."""
    organization_id = await conn.fetchval(
        "SELECT organization_id FROM sessions WHERE id = $1 AND erased_at IS NULL FOR UPDATE", session_id
    )
    if organization_id is None:
        return False
    files: list[str] = []
    for holding in HOLDINGS:
        files += await _apply(conn, holding.table, holding.session, session_id)
    if files:
        await jobs.enqueue(conn, REMOVE_FILES, orjson.dumps(files))
    await audit.write(conn, organization_id, "sessions.erased", session_id, {"cause": cause})
    return True


async def erase_deleted_session(conn: Connection, session_id: UUID) -> bool:
    """One that was deleted for good; False if it was restored meanwhile, or erased before."""
    is_deleted = await conn.fetchval("SELECT deleted_at IS NOT NULL FROM sessions WHERE id = $1 FOR UPDATE", session_id)
    return bool(is_deleted) and await erase_session(conn, session_id, "deleted")


async def close_account(conn: Connection, user_id: UUID) -> None:
    """Nobody acts as this person any more. Doing it again changes nothing.

    Raises:
        NotFoundError
        ConflictError: "sole_owner" of an organization that has other members.
    """
    await conn.execute("SELECT close_account($1)", user_id)


async def close_due_account(conn: Connection, user_id: UUID) -> bool:
    """The same for one whose time has come; False if its owner changed their mind meanwhile.

    Raises:
        ConflictError: "sole_owner"
    """
    is_due = await conn.fetchval(
        "SELECT deletion_due_at < now() FROM users WHERE id = $1 AND deleted_at IS NULL FOR UPDATE", user_id
    )
    if is_due:
        await close_account(conn, user_id)
        await order_erasure(conn, ERASE_ACCOUNT, user_id)
    return bool(is_due)


async def list_account_sessions(conn: Connection, user_id: UUID, limit: int) -> list[UUID]:
    """Some that are still to be erased."""
    rows = await conn.fetch("SELECT id FROM sessions WHERE user_id = $1 AND erased_at IS NULL LIMIT $2", user_id, limit)
    return [row["id"] for row in rows]


async def erase_account(conn: Connection, user_id: UUID) -> bool:
    """The rest of a closed account, once its sessions are erased; False if it was erased before.

    An organization that went with it is left to a job of its own.

    Raises:
        NotFoundError
        ConflictError: "account_not_closed", "sessions_left"
    """
    person = await conn.fetchrow("SELECT deleted_at, erased_at FROM users WHERE id = $1 FOR UPDATE", user_id)
    if person is None:
        raise NotFoundError("user_not_found")
    if person["erased_at"] is not None:
        return False
    if person["deleted_at"] is None:
        raise ConflictError("account_not_closed")
    if await list_account_sessions(conn, user_id, 1):
        raise ConflictError("sessions_left")
    for organization_id in await _left_behind(conn, user_id):
        await order_erasure(conn, ERASE_ORGANIZATION, organization_id)
    for holding in HOLDINGS:
        await _apply(conn, holding.table, holding.account, user_id)
    await audit.write(conn, None, "users.erased", user_id)
    return True


async def close_organization(conn: Connection, organization_id: UUID) -> None:
    """Nobody acts in it any more. Doing it again changes nothing."""
    await conn.execute(
        "UPDATE organizations SET deleted_at = now() WHERE id = $1 AND deleted_at IS NULL", organization_id
    )


async def list_organization_sessions(conn: Connection, organization_id: UUID, limit: int) -> list[UUID]:
    """Some that are still to be erased."""
    rows = await conn.fetch(
        "SELECT id FROM sessions WHERE organization_id = $1 AND erased_at IS NULL LIMIT $2", organization_id, limit
    )
    return [row["id"] for row in rows]


async def erase_organization(conn: Connection, organization_id: UUID) -> bool:
    """The rest of a deleted organization, once its sessions are erased; False if it was erased before.

    Raises:
        NotFoundError
        ConflictError: "organization_not_deleted", "sessions_left"
    """
    found = await conn.fetchrow(
        "SELECT deleted_at, erased_at FROM organizations WHERE id = $1 FOR UPDATE", organization_id
    )
    if found is None:
        raise NotFoundError("organization_not_found")
    if found["erased_at"] is not None:
        return False
    if found["deleted_at"] is None:
        raise ConflictError("organization_not_deleted")
    if await list_organization_sessions(conn, organization_id, 1):
        raise ConflictError("sessions_left")
    for holding in HOLDINGS:
        await _apply(conn, holding.table, holding.organization, organization_id)
    await audit.write(conn, organization_id, "organizations.erased", organization_id)
    return True


async def order_erasure(conn: Connection, entrypoint: str, target_id: UUID) -> bool:
    """Queue one of the jobs above; False if it waits or runs already."""
    return await jobs.enqueue(conn, entrypoint, str(target_id).encode(), dedupe_key=f"{entrypoint} {target_id}")


async def _left_behind(conn: Connection, user_id: UUID) -> list[UUID]:
    """Deleted organizations that this person belonged to."""
    rows = await conn.fetch(
        """
        SELECT organizations.id
        FROM organizations
        JOIN organization_members ON organization_members.organization_id = organizations.id
        WHERE organization_members.user_id = $1
            AND organizations.deleted_at IS NOT NULL
            AND organizations.erased_at IS NULL
        """,
        user_id,
    )
    return [row["id"] for row in rows]


async def _apply(conn: Connection, table: str, treatment: Treatment, key: UUID) -> list[str]:
    """Do to one table's rows what was decided; the files that they named."""
    # The names and conditions are constants of personal_data.
    match treatment:
        case Delete(where, None):
            await conn.execute(f"DELETE FROM {table} WHERE {where}", key)  # noqa: S608
        case Delete(where, file):
            rows = await conn.fetch(f"DELETE FROM {table} WHERE {where} RETURNING {file} AS file", key)  # noqa: S608
            return [row["file"] for row in rows if row["file"] is not None]
        case Blank(where, columns):
            changes = ", ".join(f"{column} = {value}" for column, value in columns.items())
            await conn.execute(f"UPDATE {table} SET {changes} WHERE {where}", key)  # noqa: S608
    return []
