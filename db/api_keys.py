"""Keys by which a program acts as the member who made them: never more than that member may, and in one organization.

A key is random and stored as sha256, with its first characters to tell keys apart. It is void when it has expired or
was revoked, and as soon as its member, or the organization, is not active any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from db.errors import NotFoundError
from db.pool import Connection


@dataclass(frozen=True, slots=True)
class ApiKey:
    id: UUID
    key_prefix: str
    name: str
    user_id: UUID
    organization_id: UUID
    scopes: list[str]
    """read, write, admin."""
    created_at: datetime
    expires_at: datetime | None
    """None: never."""
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Program:
    """Who makes a request by a key."""

    api_key_id: UUID
    scopes: list[str]
    user_id: UUID
    email: str
    full_name: str | None
    organization_id: UUID
    organization_name: str
    organization_slug: str
    role: str
    has_api_access: bool
    """Whether the plan of the organization has keys."""


async def insert_key(
    conn: Connection,
    *,
    key_hash: bytes,
    key_prefix: str,
    name: str,
    user_id: UUID,
    organization_id: UUID,
    scopes: Sequence[str],
    expires_at: datetime | None = None,
) -> ApiKey:
    """One's own, in an organization where one is a member.

    Raises:
        NotFoundError: somebody else's.
        InvalidError: an unknown scope, or an end that has passed.
    """
    row = await conn.fetchrow(
        """
        INSERT INTO api_keys (key_hash, key_prefix, name, user_id, organization_id, scopes, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        RETURNING
            id, key_prefix, name, user_id, organization_id, scopes, created_at, expires_at, last_used_at, revoked_at
        """,
        key_hash,
        key_prefix,
        name,
        user_id,
        organization_id,
        list(scopes),
        expires_at,
    )
    assert row is not None  # noqa: S101  an INSERT of one row returns one row
    return ApiKey(**row)


async def list_keys(conn: Connection, organization_id: UUID) -> list[ApiKey]:
    """Newest first, void ones too: one's own, and for who manages the organization everybody's."""
    rows = await conn.fetch(
        """
        SELECT id, key_prefix, name, user_id, organization_id, scopes, created_at, expires_at, last_used_at, revoked_at
        FROM api_keys
        WHERE organization_id = $1
        ORDER BY created_at DESC, id
        """,
        organization_id,
    )
    return [ApiKey(**row) for row in rows]


async def revoke_key(conn: Connection, organization_id: UUID, key_id: UUID) -> None:
    """At once and for good; doing it again changes nothing.

    Raises:
        NotFoundError: neither one's own nor of an organization that one manages.
    """
    status = await conn.execute(
        """
        UPDATE api_keys
        SET revoked_at = coalesce(revoked_at, now())
        WHERE id = $1
            AND organization_id = $2
        """,
        key_id,
        organization_id,
    )
    if status != "UPDATE 1":
        raise NotFoundError("api_key_not_found")


async def authenticate(conn: Connection, key_hash: bytes) -> Program | None:
    """Who acts by this key; None for an unknown, expired or revoked one, and when its member may not act."""
    row = await conn.fetchrow(
        """
        SELECT
            api_key_id, scopes, user_id, email, full_name, organization_id, organization_name, organization_slug, role,
            has_api_access
        FROM authenticate_api_key($1)
        """,
        key_hash,
    )
    return Program(**row) if row else None
