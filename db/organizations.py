"""Organizations: read by their members, changed by owners and admins, deleted by owners.

A deleted one is not there, for its members either. `users.create_organization` makes one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from db.changes import assignments
from db.errors import ConflictError, NotFoundError
from db.pool import Connection


@dataclass(frozen=True, slots=True)
class Organization:
    id: UUID
    name: str
    display_name: str | None
    slug: str
    description: str | None
    website_url: str | None
    contact_email: str | None
    phone: str | None
    address_line_1: str | None
    address_line_2: str | None
    city: str | None
    state_province: str | None
    postal_code: str | None
    country_code: str | None
    default_timezone: str
    default_language: str
    branding_logo_url: str | None
    branding_primary_color: str | None
    tax_id: str | None
    billing_email: str | None
    monthly_audio_hours_limit: int | None
    """Caps the plan, for each member; None: the plan's holds."""
    max_members: int | None
    max_sessions_per_month: int | None
    is_verified: bool
    verification_requested_at: datetime | None
    created_at: datetime


class OrganizationChanges(TypedDict, total=False):
    """What owners and admins may change; what is left out stays."""

    name: str
    display_name: str | None
    description: str | None
    website_url: str | None
    contact_email: str | None
    phone: str | None
    address_line_1: str | None
    address_line_2: str | None
    city: str | None
    state_province: str | None
    postal_code: str | None
    country_code: str | None
    default_timezone: str
    default_language: str
    branding_logo_url: str | None
    branding_primary_color: str | None
    tax_id: str | None
    billing_email: str | None
    monthly_audio_hours_limit: int | None
    max_members: int | None
    max_sessions_per_month: int | None


_CHANGEABLE = frozenset(OrganizationChanges.__annotations__)


@dataclass(frozen=True, slots=True)
class OwnOrganization:
    """One that the asker belongs to, and as what."""

    id: UUID
    name: str
    slug: str
    role: str


async def get_organization(conn: Connection, organization_id: UUID) -> Organization:
    """
    Raises:
        NotFoundError: there is none, or the asker does not belong to it.
    """
    row = await conn.fetchrow(
        """
        SELECT
            id, name, display_name, slug, description, website_url, contact_email, phone, address_line_1,
            address_line_2, city, state_province, postal_code, country_code, default_timezone, default_language,
            branding_logo_url, branding_primary_color, tax_id, billing_email, monthly_audio_hours_limit, max_members,
            max_sessions_per_month, is_verified, verification_requested_at, created_at
        FROM organizations
        WHERE id = $1
            AND deleted_at IS NULL
        """,
        organization_id,
    )
    if row is None:
        raise NotFoundError("organization_not_found")
    return Organization(**row)


async def lock_organization(conn: Connection, organization_id: UUID) -> Organization:
    """As it is, and as nobody else changes it, or who belongs to it, until the end of the transaction.

    Raises:
        NotFoundError: there is none that the one who acts manages.
    """
    row = await conn.fetchrow(
        """
        SELECT
            id, name, display_name, slug, description, website_url, contact_email, phone, address_line_1,
            address_line_2, city, state_province, postal_code, country_code, default_timezone, default_language,
            branding_logo_url, branding_primary_color, tax_id, billing_email, monthly_audio_hours_limit, max_members,
            max_sessions_per_month, is_verified, verification_requested_at, created_at
        FROM organizations
        WHERE id = $1
            AND deleted_at IS NULL
        FOR NO KEY UPDATE
        """,
        organization_id,
    )
    if row is None:
        raise NotFoundError("organization_not_found")
    return Organization(**row)


async def list_organizations(conn: Connection, user_id: UUID) -> list[OwnOrganization]:
    """Those that the one who acts belongs to, by name."""
    rows = await conn.fetch(
        """
        SELECT
            organizations.id,
            organizations.name,
            organizations.slug,
            organization_members.role
        FROM organization_members
        JOIN organizations ON organizations.id = organization_members.organization_id
        WHERE organization_members.user_id = $1
            AND organization_members.status = 'active'
            AND organizations.is_active
            AND organizations.deleted_at IS NULL
        ORDER BY organizations.name, organizations.id
        """,
        user_id,
    )
    return [OwnOrganization(**row) for row in rows]


async def update_organization(conn: Connection, organization_id: UUID, changes: OrganizationChanges) -> Organization:
    """
    Raises:
        NotFoundError: there is none, or the one who acts does not manage it.
        InvalidError: a value, or nothing to change.
    """
    columns, values = assignments(changes, _CHANGEABLE, first=2)
    row = await conn.fetchrow(
        f"""
        UPDATE organizations
        SET {columns}
        WHERE id = $1
            AND deleted_at IS NULL
        RETURNING
            id, name, display_name, slug, description, website_url, contact_email, phone, address_line_1,
            address_line_2, city, state_province, postal_code, country_code, default_timezone, default_language,
            branding_logo_url, branding_primary_color, tax_id, billing_email, monthly_audio_hours_limit, max_members,
            max_sessions_per_month, is_verified, verification_requested_at, created_at
        """,  # noqa: S608  the columns are those of OrganizationChanges
        organization_id,
        *values,
    )
    if row is None:
        raise NotFoundError("organization_not_found")
    return Organization(**row)


async def request_verification(conn: Connection, organization_id: UUID) -> None:
    """Asking again changes nothing.

    Raises:
        NotFoundError: there is none, or the one who acts does not manage it.
        ConflictError: "organization_verified"
    """
    is_verified = await conn.fetchval(
        """
        UPDATE organizations
        SET verification_requested_at = CASE
            WHEN is_verified THEN verification_requested_at
            ELSE coalesce(verification_requested_at, now())
        END
        WHERE id = $1
            AND deleted_at IS NULL
        RETURNING is_verified
        """,
        organization_id,
    )
    if is_verified is None:
        raise NotFoundError("organization_not_found")
    if is_verified:
        raise ConflictError("organization_verified")


async def delete_organization(conn: Connection, organization_id: UUID) -> None:
    """Nobody acts in it any more; those who worked in it work in another one of theirs, or in none.

    Raises:
        NotFoundError: there is none, or the one who acts does not belong to it.
        ConflictError("not_an_owner")
    """
    await conn.execute("SELECT delete_organization($1)", organization_id)
