"""A person's own account, in their own transaction: profile, devices, what the coach should know, where they work.

Somebody else's account is not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from db.changes import assignments
from db.errors import NotFoundError
from db.pool import Connection
from db.slugs import slug


@dataclass(frozen=True, slots=True)
class Profile:
    id: UUID
    email: str
    email_verified: bool
    full_name: str | None
    timezone: str
    default_microphone_id: str | None
    default_speaker_id: str | None
    personal_context: str | None
    """What the coach should know about them."""
    current_organization_id: UUID | None
    has_completed_onboarding: bool
    has_completed_organization_setup: bool
    is_admin: bool
    last_login_at: datetime | None
    created_at: datetime
    deletion_due_at: datetime | None


class ProfileChanges(TypedDict, total=False):
    """What a person may change of themselves; what is left out stays."""

    full_name: str | None
    timezone: str
    default_microphone_id: str | None
    default_speaker_id: str | None
    personal_context: str | None


_CHANGEABLE = frozenset(ProfileChanges.__annotations__)


async def hold_profile(conn: Connection, user_id: UUID) -> Profile:
    """The same as `get_profile`; nobody changes it until the end of the transaction."""
    await conn.execute("SELECT FROM users WHERE id = $1 FOR UPDATE", user_id)
    return await get_profile(conn, user_id)


async def get_profile(conn: Connection, user_id: UUID) -> Profile:
    """
    Raises:
        NotFoundError: it is not the account of the one who acts, or it was closed.
    """
    row = await conn.fetchrow(
        """
        SELECT
            id, email, email_verified, full_name, timezone, default_microphone_id, default_speaker_id,
            personal_context, current_organization_id, has_completed_onboarding, has_completed_organization_setup,
            is_admin, last_login_at, created_at, deletion_due_at
        FROM users
        WHERE id = $1
            AND deleted_at IS NULL
        """,
        user_id,
    )
    if row is None:
        raise NotFoundError("user_not_found")
    return Profile(**row)


async def update_profile(conn: Connection, user_id: UUID, changes: ProfileChanges) -> Profile:
    """
    Raises:
        NotFoundError, InvalidError
    """
    columns, values = assignments(changes, _CHANGEABLE, first=2)
    row = await conn.fetchrow(
        f"""
        UPDATE users
        SET {columns}
        WHERE id = $1
            AND deleted_at IS NULL
        RETURNING
            id, email, email_verified, full_name, timezone, default_microphone_id, default_speaker_id,
            personal_context, current_organization_id, has_completed_onboarding, has_completed_organization_setup,
            is_admin, last_login_at, created_at, deletion_due_at
        """,  # noqa: S608  the columns are those of ProfileChanges
        user_id,
        *values,
    )
    if row is None:
        raise NotFoundError("user_not_found")
    return Profile(**row)


async def note_sign_in(conn: Connection, user_id: UUID) -> bool:
    """False for somebody else's account."""
    status = await conn.execute(
        "UPDATE users SET last_login_at = now() WHERE id = $1 AND deleted_at IS NULL",
        user_id,
    )
    return status == "UPDATE 1"


async def switch_organization(conn: Connection, organization_id: UUID) -> None:
    """Where the one who acts works from now on.

    Raises:
        NotFoundError: they are not a member of it.
    """
    if not await conn.fetchval("SELECT switch_organization($1)", organization_id):
        raise NotFoundError("organization_not_found")


async def onboard(conn: Connection, name: str, timezone: str) -> UUID:
    """The organization that the one who acts owns; a new one on the free plan if there is none.

    Raises:
        ConflictError: "no_free_plan": the installation offers none.
    """
    organization_id: UUID = await conn.fetchval("SELECT onboard($1, $2, $3)", name, slug(name), timezone)
    return organization_id


async def create_organization(conn: Connection, name: str, timezone: str) -> UUID:
    """An organization on the free plan, owned by the one who acts, in which they work from now on.

    Raises:
        ConflictError: "organization_exists": they own one already; "no_free_plan": the installation offers none.
        InvalidError: it has no name.
    """
    organization_id: UUID = await conn.fetchval("SELECT create_organization($1, $2, $3)", name, slug(name), timezone)
    return organization_id
