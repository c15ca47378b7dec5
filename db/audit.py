"""Who did what: a log that can only be added to, with a chain of hashes in each organization.

Rules:
- Ids, roles and codes, never personal data: what is written here outlives those it speaks of.
- Who did it is the database's to say: the person the transaction runs for, else a job, else the system.
- `organization_id=None` is the installation's own chain, which its administrators read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from db.pool import Connection


@dataclass(frozen=True, slots=True)
class AuditEntry:
    id: int
    organization_id: UUID | None
    at: datetime
    actor_kind: str
    actor_id: UUID | None
    action: str
    target_kind: str
    target_id: UUID | None
    details: dict[str, Any]


async def write(
    conn: Connection,
    organization_id: UUID | None,
    action: str,
    target_id: UUID | None,
    details: dict[str, Any] | None = None,
) -> int:
    """The entry's number. `action` is `area.verb`, as "sessions.deleted" is of the session `target_id`.

    Waits until others who write to the same chain have committed: best written last.
    """
    number: int = await conn.fetchval(
        "SELECT write_audit($1, $2, $3, $4, $5)",
        organization_id,
        action,
        action.partition(".")[0],
        target_id,
        orjson.dumps(details or {}).decode(),
    )
    return number


async def list_entries(
    conn: Connection,
    organization_id: UUID | None,
    *,
    action: str | None = None,
    actor_id: UUID | None = None,
    target_id: UUID | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[AuditEntry]:
    """Newest first, those before entry number `before`; for who manages the organization.

    `action`: a whole one, or its area: "sessions.deleted", "sessions".
    """
    rows = await conn.fetch(
        """
        SELECT id, organization_id, at, actor_kind, actor_id, action, target_kind, target_id, details
        FROM audit_log
        WHERE (organization_id = $1 OR (organization_id IS NULL AND $1 IS NULL))
            AND ($2::bigint IS NULL OR id < $2)
            AND ($4::text IS NULL OR action = $4 OR split_part(action, '.', 1) = $4)
            AND ($5::uuid IS NULL OR actor_id = $5)
            AND ($6::uuid IS NULL OR target_id = $6)
        ORDER BY id DESC
        LIMIT $3
        """,
        organization_id,
        before,
        limit,
        action,
        actor_id,
        target_id,
    )
    return [AuditEntry(**{**row, "details": orjson.loads(row["details"])}) for row in rows]


async def first_broken(conn: Connection, organization_id: UUID | None) -> int | None:
    """The first entry that is not as it was written, or does not follow the one before it.

    Raises:
        NotFoundError: not an organization that the asker manages.
    """
    number: int | None = await conn.fetchval("SELECT first_broken_audit($1)", organization_id)
    return number


async def write_admin(
    conn: Connection,
    organization_id: UUID | None,
    action: str,
    target_id: UUID | None = None,
    details: dict[str, Any] | None = None,
) -> int:
    """What an administrator of the installation reads or does; the entry's number. Best written last, as above.

    Raises:
        NotFoundError("not_an_administrator")
    """
    number: int = await conn.fetchval(
        "SELECT audit_admin($1, $2, $3, $4)",
        organization_id,
        action,
        target_id,
        orjson.dumps(details or {}).decode(),
    )
    return number
