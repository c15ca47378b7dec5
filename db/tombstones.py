"""What was erased, as ids: kept outside of the database, so that a back-up that is restored is erased again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from db.pool import Connection


@dataclass(frozen=True, slots=True)
class Tombstone:
    kind: str
    """organization, account or session."""
    id: UUID
    erased_at: datetime


async def list_tombstones(conn: Connection, since: datetime) -> list[Tombstone]:
    """In the order in which they are erased again: an organization before its people, and what is theirs is with them.

    A session that went with its account or organization is listed by itself as well: it may have been somebody else's
    when the back-up was made.
    """
    rows = await conn.fetch(
        """
        SELECT kind, id, erased_at
        FROM (
            SELECT 1 AS place, 'organization' AS kind, id, erased_at FROM organizations WHERE erased_at >= $1
            UNION ALL
            SELECT 2, 'account', id, erased_at FROM users WHERE erased_at >= $1
            UNION ALL
            SELECT 3, 'session', id, erased_at FROM sessions WHERE erased_at >= $1
        ) AS erased
        ORDER BY place, erased_at, id
        """,
        since,
    )
    return [Tombstone(**row) for row in rows]
