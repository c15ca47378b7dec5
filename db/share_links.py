"""Reports for people without an account: links that cannot be guessed, that end, and that can be taken back.

A link's token is random and stored as sha256 only. It lives as long as its session and its maker's membership, and
whoever opens it reads with the maker's rights: open the transaction for `created_by`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from db.errors import ConflictError, NotFoundError
from db.pool import Connection


@dataclass(frozen=True, slots=True)
class ShareLink:
    id: UUID
    session_id: UUID
    organization_id: UUID
    created_by: UUID
    shared_tabs: list[str]
    message: str | None
    recipient_email: str | None
    expires_at: datetime | None
    """None: never."""
    revoked_at: datetime | None
    access_count: int
    last_accessed_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class OpenedLink:
    """What its holder may read: these tabs of this session, and nothing else."""

    id: UUID
    session_id: UUID
    organization_id: UUID
    created_by: UUID
    shared_tabs: list[str]
    message: str | None


async def insert_link(
    conn: Connection,
    *,
    token_hash: bytes,
    session_id: UUID,
    organization_id: UUID,
    created_by: UUID,
    shared_tabs: Sequence[str],
    message: str | None = None,
    recipient_email: str | None = None,
    expires_at: datetime | None = None,
) -> ShareLink:
    """
    Raises:
        NotFoundError: no such session.
        InvalidError: an unknown tab, none at all, or an end that has passed.
    """
    row = await conn.fetchrow(
        """
        INSERT INTO session_share_links (
            token_hash, session_id, organization_id, created_by, shared_tabs, message, recipient_email, expires_at
        )
        SELECT $1, id, organization_id, $4, $5, $6, lower($7), $8
        FROM sessions
        WHERE id = $2
            AND organization_id = $3
            AND deleted_at IS NULL
        RETURNING
            id, session_id, organization_id, created_by, shared_tabs, message, recipient_email, expires_at, revoked_at,
            access_count, last_accessed_at, created_at
        """,
        token_hash,
        session_id,
        organization_id,
        created_by,
        list(shared_tabs),
        message,
        recipient_email,
        expires_at,
    )
    if row is None:
        raise NotFoundError("session_not_found")
    return ShareLink(**row)


async def list_links(conn: Connection, session_id: UUID) -> list[ShareLink]:
    """Newest first, those that are void as well."""
    rows = await conn.fetch(
        """
        SELECT
            id, session_id, organization_id, created_by, shared_tabs, message, recipient_email, expires_at, revoked_at,
            access_count, last_accessed_at, created_at
        FROM session_share_links
        WHERE session_id = $1
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        ORDER BY created_at DESC, id
        """,
        session_id,
    )
    return [ShareLink(**row) for row in rows]


async def revoke_link(conn: Connection, session_id: UUID, link_id: UUID) -> bool:
    """At once; False if there was nothing to revoke."""
    status = await conn.execute(
        """
        UPDATE session_share_links
        SET revoked_at = now()
        WHERE id = $1
            AND session_id = $2
            AND revoked_at IS NULL
            AND EXISTS (SELECT FROM sessions WHERE id = $2 AND deleted_at IS NULL)
        """,
        link_id,
        session_id,
    )
    return status == "UPDATE 1"


async def open_link(conn: Connection, token_hash: bytes) -> OpenedLink:
    """For whoever holds the token; counted.

    Raises:
        NotFoundError: unknown, or its session or its maker is gone: these look the same.
        ConflictError: "share_link_expired": expired or revoked
    """
    row = await conn.fetchrow(
        """
        SELECT id, session_id, organization_id, created_by, shared_tabs, message, is_expired
        FROM open_share_link($1)
        """,
        token_hash,
    )
    if row is None:
        raise NotFoundError("share_link_not_found")
    if row["is_expired"]:
        raise ConflictError("share_link_expired")
    return OpenedLink(**{name: value for name, value in row.items() if name != "is_expired"})
