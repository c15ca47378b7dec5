"""Who belongs to an organization, as what, with which limits.

Rules:
- Owners change everybody; admins everybody who is no owner, and nobody into one; whoever likes leaves.
- `permissions` says what a plain member may do, see `control_api.access`; an empty list is what the role allows.
- An organization keeps an active owner: ConflictError("organization_needs_owner"), at the latest at the commit.
- Changes of one organization's members wait for each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import asyncpg
import orjson

from db.errors import ConflictError, NotFoundError
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
    permissions: list[str]
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


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody is in an organization."""

    role: str
    permissions: list[str]


async def list_members(
    conn: Connection, organization_id: UUID, *, limit: int = 100, after: tuple[datetime, UUID] | None = None
) -> list[Colleague]:
    """Oldest first, those that come after `after` (created_at and id of the last one seen); none to a stranger."""
    created_after, id_after = after or (None, None)
    rows = await conn.fetch(
        """
        SELECT
            members.id, members.user_id, people.email, people.full_name, members.role, members.status,
            members.permissions, members.monthly_audio_hours_limit, members.max_sessions_per_month,
            members.total_sessions_count, members.total_audio_hours_used, members.current_month_minutes_used,
            members.last_session_at, members.joined_at, members.created_at
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
    return [_colleague(row) for row in rows]


async def require_stranger(conn: Connection, organization_id: UUID, email: str) -> None:
    """For who may see the members.

    Raises:
        ConflictError: "already_member": an active member has this address.
    """
    is_member = await conn.fetchval(
        """
        SELECT EXISTS (
            SELECT FROM organization_members AS members
            JOIN organization_people($1) AS people ON people.user_id = members.user_id
            WHERE members.organization_id = $1
                AND members.status = 'active'
                AND people.email = $2
        )
        """,
        organization_id,
        email,
    )
    if is_member:
        raise ConflictError("already_member")


async def get_member(conn: Connection, organization_id: UUID, user_id: UUID) -> Colleague:
    """
    Raises:
        NotFoundError: nobody of whom the one who acts may know.
    """
    row = await conn.fetchrow(
        """
        SELECT
            members.id, members.user_id, people.email, people.full_name, members.role, members.status,
            members.permissions, members.monthly_audio_hours_limit, members.max_sessions_per_month,
            members.total_sessions_count, members.total_audio_hours_used, members.current_month_minutes_used,
            members.last_session_at, members.joined_at, members.created_at
        FROM organization_members AS members
        JOIN organization_people($1) AS people ON people.user_id = members.user_id
        WHERE members.organization_id = $1
            AND members.user_id = $2
            AND members.status <> 'removed'
        """,
        organization_id,
        user_id,
    )
    if row is None:
        raise NotFoundError("member_not_found")
    return _colleague(row)


async def get_standing(conn: Connection, organization_id: UUID, user_id: UUID) -> Standing:
    """What somebody is in an organization, if they are anything in it now.

    Raises:
        NotFoundError: no active member of it, or it is gone.
    """
    row = await conn.fetchrow(
        """
        SELECT organization_members.role, organization_members.permissions
        FROM organization_members
        JOIN organizations ON organizations.id = organization_members.organization_id
        WHERE organization_members.organization_id = $1
            AND organization_members.user_id = $2
            AND organization_members.status = 'active'
            AND organizations.is_active
            AND organizations.deleted_at IS NULL
        """,
        organization_id,
        user_id,
    )
    if row is None:
        raise NotFoundError("organization_not_found")
    return Standing(row["role"], orjson.loads(row["permissions"]))


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


async def set_permissions(conn: Connection, organization_id: UUID, user_id: UUID, permissions: Sequence[str]) -> None:
    """
    Raises:
        NotFoundError("member_not_found"), ConflictError("not_a_manager", "not_an_owner")
    """
    await conn.execute("SELECT set_member_permissions($1, $2, $3)", organization_id, user_id, list(permissions))


async def set_status(conn: Connection, organization_id: UUID, user_id: UUID, status: str) -> None:
    """active or inactive; who becomes inactive works elsewhere from now on, or nowhere.

    Raises:
        NotFoundError("member_not_found"), InvalidError("member_status")
        ConflictError: "not_a_manager", "not_an_owner"; "member_limit": no seat is free.
    """
    await conn.execute("SELECT set_member_status($1, $2, $3)", organization_id, user_id, status)


async def transfer_ownership(conn: Connection, organization_id: UUID, user_id: UUID) -> None:
    """The one who acts becomes an admin, and `user_id` the owner.

    Raises:
        NotFoundError("member_not_found")
        ConflictError: "not_a_manager", "not_an_owner"; "member_state": they are not active, or the owner already;
            "organization_exists": they own another one.
    """
    await conn.execute("SELECT transfer_ownership($1, $2)", organization_id, user_id)


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


@dataclass(frozen=True, slots=True)
class Attendance:
    """Somebody in a live call."""

    session_id: UUID
    participant_id: UUID
    node: str
    epoch: int


async def list_attendances(conn: Connection, organization_id: UUID, user_id: UUID) -> list[Attendance]:
    """The places that a person has in live calls of an organization, those they were just given too."""
    rows = await conn.fetch(
        """
        SELECT
            session_participants.session_id,
            session_participants.id AS participant_id,
            calls.node,
            calls.epoch
        FROM session_participants
        JOIN calls ON calls.session_id = session_participants.session_id
        JOIN sessions ON sessions.id = session_participants.session_id
        WHERE sessions.deleted_at IS NULL
            AND session_participants.user_id = $2
            AND session_participants.organization_id = $1
            AND calls.lease_until > now()
        """,
        organization_id,
        user_id,
    )
    return [Attendance(**row) for row in rows]


def _colleague(row: asyncpg.Record) -> Colleague:
    return Colleague(**{**row, "permissions": orjson.loads(row["permissions"])})
