"""What administrators of the installation see and do beyond a tenant's walls: people, organizations, figures, queues.

Rules:
- Each of these is one function of the database, which refuses whoever is no administrator
  (NotFoundError("not_an_administrator")) and writes what was read or done into the audit log in the same transaction.
- Nothing here says what anybody said: that needs an open door, see `db.admin_door`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from db.pool import Connection


@dataclass(frozen=True, slots=True)
class ListedUser:
    id: UUID
    email: str
    full_name: str | None
    is_active: bool
    is_admin: bool
    email_verified: bool
    current_organization_id: UUID | None
    organizations: int
    last_login_at: datetime | None
    deletion_due_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ListedOrganization:
    id: UUID
    name: str
    slug: str
    is_active: bool
    is_verified: bool
    verification_requested_at: datetime | None
    members: int
    plan_name: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Queue:
    """Jobs of one kind."""

    entrypoint: str
    waiting: int
    running: int
    given_up: int
    """After the last try; people look at these."""
    oldest_wait_s: float
    """How long the oldest that waits has been due."""


@dataclass(frozen=True, slots=True)
class NodeSeen:
    node: str
    age_s: float
    """Since it said that it is there."""
    live_calls: int


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody who is to hear of a decision about their organization."""

    organization_name: str
    owner_email: str


async def list_users(
    conn: Connection,
    *,
    text: str | None = None,
    is_active: bool | None = None,
    is_admin: bool | None = None,
    before: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> list[ListedUser]:
    """Newest first, those that come after `before`; `text` is looked for in address and name."""
    created_before, id_before = before or (None, None)
    rows = await conn.fetch(
        """
        SELECT
            id, email, full_name, is_active, is_admin, email_verified, current_organization_id, organizations,
            last_login_at, deletion_due_at, created_at
        FROM admin_users($1, $2, $3, $4, $5, $6)
        """,
        text,
        is_active,
        is_admin,
        created_before,
        id_before,
        limit,
    )
    return [ListedUser(**row) for row in rows]


async def get_user(conn: Connection, user_id: UUID) -> dict[str, Any]:
    """As `admin_user` says it: the account, its memberships and what it used this month.

    Raises:
        NotFoundError
    """
    return _document(await conn.fetchval("SELECT admin_user($1)", user_id))


async def set_user_active(conn: Connection, user_id: UUID, *, is_active: bool, reason: str) -> None:
    """
    Raises:
        NotFoundError, ConflictError("own_account")
    """
    await conn.execute("SELECT admin_set_user_active($1, $2, $3)", user_id, is_active, reason)


async def end_sign_ins(conn: Connection, user_id: UUID) -> int:
    """How many ended.

    Raises:
        NotFoundError
    """
    ended: int = await conn.fetchval("SELECT admin_end_sign_ins($1)", user_id)
    return ended


async def unproven_email(conn: Connection, user_id: UUID) -> str:
    """Where to send a proof of the address.

    Raises:
        NotFoundError, ConflictError("email_verified", "user_inactive")
    """
    email: str = await conn.fetchval("SELECT admin_unproven_email($1)", user_id)
    return email


async def list_organizations(
    conn: Connection,
    *,
    text: str | None = None,
    is_active: bool | None = None,
    is_verified: bool | None = None,
    awaits_verification: bool | None = None,
    before: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> list[ListedOrganization]:
    """Newest first, those that come after `before`; `text` is looked for in name and slug."""
    created_before, id_before = before or (None, None)
    rows = await conn.fetch(
        """
        SELECT id, name, slug, is_active, is_verified, verification_requested_at, members, plan_name, created_at
        FROM admin_organizations($1, $2, $3, $4, $5, $6, $7)
        """,
        text,
        is_active,
        is_verified,
        awaits_verification,
        created_before,
        id_before,
        limit,
    )
    return [ListedOrganization(**row) for row in rows]


async def get_organization(conn: Connection, organization_id: UUID) -> dict[str, Any]:
    """As `admin_organization` says it: settings, limits, this month's usage, owners.

    Raises:
        NotFoundError
    """
    return _document(await conn.fetchval("SELECT admin_organization($1)", organization_id))


async def set_organization_active(conn: Connection, organization_id: UUID, *, is_active: bool, reason: str) -> None:
    """
    Raises:
        NotFoundError
    """
    await conn.execute("SELECT admin_set_organization_active($1, $2, $3)", organization_id, is_active, reason)


async def set_organization_limits(
    conn: Connection,
    organization_id: UUID,
    *,
    monthly_audio_hours_limit: int | None,
    max_members: int | None,
    max_sessions_per_month: int | None,
) -> None:
    """All three; None: the plan's counts.

    Raises:
        NotFoundError, InvalidError
    """
    await conn.execute(
        "SELECT admin_set_organization_limits($1, $2, $3, $4)",
        organization_id,
        monthly_audio_hours_limit,
        max_members,
        max_sessions_per_month,
    )


async def set_organization_plan(conn: Connection, organization_id: UUID, plan_id: UUID) -> None:
    """At once, and until it is changed again.

    Raises:
        NotFoundError, ConflictError("paid_by_stripe")
    """
    await conn.execute("SELECT admin_set_organization_plan($1, $2)", organization_id, plan_id)


async def decide_verification(conn: Connection, organization_id: UUID, *, is_approved: bool) -> list[Told]:
    """Who is to hear of it.

    Raises:
        NotFoundError, ConflictError("organization_verified", "verification_not_requested")
    """
    rows = await conn.fetch(
        "SELECT organization_name, owner_email FROM admin_decide_verification($1, $2)", organization_id, is_approved
    )
    return [Told(**row) for row in rows]


async def read_figures(conn: Connection, days: int) -> dict[str, Any]:
    """As `admin_figures` says them, with the last `days` days (UTC), today among them, one by one."""
    return _document(await conn.fetchval("SELECT admin_figures($1)", days))


async def read_nodes(conn: Connection) -> list[NodeSeen]:
    """Those that were heard of within the hour."""
    rows = await conn.fetch("SELECT node, age_s, live_calls FROM admin_nodes()")
    return [NodeSeen(**row) for row in rows]


async def read_connections(conn: Connection) -> tuple[int, int]:
    """How many connections Postgres has, and how many it takes."""
    row = await conn.fetchrow(
        """
        SELECT
            (SELECT sum(numbackends) FROM pg_stat_database) AS connections,
            current_setting('max_connections')::integer AS allowed
        """
    )
    assert row is not None  # noqa: S101  a SELECT without FROM has one row
    return int(row["connections"]), row["allowed"]


async def read_queues(conn: Connection) -> list[Queue]:
    rows = await conn.fetch("SELECT entrypoint, waiting, running, given_up, oldest_wait_s FROM admin_queues()")
    return [Queue(**row) for row in rows]


def _document(text: str) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(text)
    return document
