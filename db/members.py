"""Who belongs to an organization, as what, with which limits.

Rules:
- Owners change everybody; admins everybody who is no owner, and nobody into one; whoever likes leaves.
- An organization keeps an active owner: ConflictError("organization_needs_owner"), at the latest at the commit.
- Changes of one organization's members wait for each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from db.pool import Connection


@dataclass(frozen=True, slots=True)
class Colleague:
    """A membership, with what colleagues may know of the person."""

    id: UUID
    user_id: UUID
    email: str
    full_name: str | None
    role: str
    status: str
    monthly_audio_hours_limit: int | None
    """None: the organization's holds."""
    max_sessions_per_month: int | None
    total_sessions_count: int
    total_audio_hours_used: Decimal
    current_month_minutes_used: int
    """In the last month in which anything was recorded."""
    last_session_at: datetime | None
    joined_at: datetime
    created_at: datetime


async def list_members(
    conn: Connection, organization_id: UUID, *, limit: int = 100, after: tuple[datetime, UUID] | None = None
) -> list[Colleague]:
    """Oldest first, those that come after `after` (created_at and id of the last one seen); none to a stranger."""
    created_after, id_after = after or (None, None)
    rows = await conn.fetch(
        """
        SELECT
            members.id, members.user_id, people.email, people.full_name, members.role, members.status,
            members.monthly_audio_hours_limit, members.max_sessions_per_month, members.total_sessions_count,
            members.total_audio_hours_used, members.current_month_minutes_used, members.last_session_at,
            members.joined_at, members.created_at
        FROM organization_members AS members
        JOIN organization_people($1) AS people ON people.user_id = members.user_id
        WHERE members.organization_id = $1
            AND members.status <> 'removed'
            AND ($2::timestamptz IS NULL OR (members.created_at, members.id) > ($2, $3))
        ORDER BY members.created_at, members.id
        LIMIT $4
        """,
        organization_id,
        created_after,
        id_after,
        limit,
    )
    return [Colleague(**row) for row in rows]


async def set_role(conn: Connection, organization_id: UUID, user_id: UUID, role: str) -> None:
    """
    Raises:
        NotFoundError("member_not_found"), ConflictError("not_a_manager", "not_an_owner"), InvalidError
    """
    await conn.execute("SELECT set_member_role($1, $2, $3)", organization_id, user_id, role)


async def set_limits(
    conn: Connection,
    organization_id: UUID,
    user_id: UUID,
    *,
    monthly_audio_hours_limit: int | None,
    max_sessions_per_month: int | None,
) -> None:
    """Both, None being no limit of their own.

    Raises:
        NotFoundError("member_not_found"), ConflictError("not_a_manager", "not_an_owner"), InvalidError
    """
    await conn.execute(
        "SELECT set_member_limits($1, $2, $3, $4)",
        organization_id,
        user_id,
        monthly_audio_hours_limit,
        max_sessions_per_month,
    )


async def remove(conn: Connection, organization_id: UUID, user_id: UUID) -> None:
    """
    Raises:
        NotFoundError("member_not_found"), ConflictError("not_a_manager", "not_an_owner")
    """
    await conn.execute("SELECT remove_member($1, $2)", organization_id, user_id)


async def leave(conn: Connection, organization_id: UUID) -> None:
    """The one who acts leaves it.

    Raises:
        NotFoundError("organization_not_found")
    """
    await conn.execute("SELECT leave_organization($1)", organization_id)
