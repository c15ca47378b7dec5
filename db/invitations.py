"""Invitations to become a member: pending → accepted, declined, expired or cancelled, all final.

Rules:
- Owners and admins invite; only owners invite owners. To anybody else the organization is not there.
- Tokens arrive here as sha256; e-mail addresses are stored lower-cased. One invitation is pending for an address.
- Accepting takes the link, and the address it was sent to, proven: once, while there is a seat.
- Changes of one organization's invitations and members wait for each other, so that counts are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn
from uuid import UUID

from db.errors import ConflictError, InvalidError, NotFoundError
from db.pool import Connection

LIFETIME = timedelta(days=7)
MAX_PENDING = 50


@dataclass(frozen=True, slots=True)
class Invitation:
    """What those who manage the organization know of it."""

    id: UUID
    organization_id: UUID
    invited_by_user_id: UUID
    email: str
    role: str
    personal_message: str | None
    expires_at: datetime
    """A pending one that is past this opens nothing; it is marked when the next one is made."""
    status: str
    accepted_by_user_id: UUID | None
    accepted_at: datetime | None
    declined_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Offer:
    """What the person who was invited knows of it."""

    id: UUID
    email: str
    role: str
    organization_id: UUID
    organization_name: str
    personal_message: str | None
    expires_at: datetime


async def create(
    conn: Connection,
    *,
    organization_id: UUID,
    invited_by_user_id: UUID,
    email: str,
    role: str,
    token_hash: bytes,
    personal_message: str | None = None,
    lifetime: timedelta = LIFETIME,
) -> Invitation:
    """
    Raises:
        NotFoundError: `invited_by_user_id` does not manage that organization, or is not the one who acts.
        ConflictError: "too_many_invitations"; "organization_invitations_pending_key": the address has one;
            "not_an_owner".
        InvalidError: a value, or a lifetime over seven days.
    """
    _check_lifetime(lifetime)
    await _lock(conn, organization_id)
    await _expire(conn, organization_id)
    row = await conn.fetchrow(
        """
        INSERT INTO organization_invitations (
            organization_id, invited_by_user_id, email, role, personal_message, invitation_token, expires_at
        )
        SELECT $1, $2, $3, $4, $5, $6, now() + $7::interval
        WHERE $8 > (
            SELECT count(*)
            FROM organization_invitations
            WHERE organization_id = $1
                AND status = 'pending'
        )
        RETURNING
            id, organization_id, invited_by_user_id, email, role, personal_message, expires_at, status,
            accepted_by_user_id, accepted_at, declined_at, created_at
        """,
        organization_id,
        invited_by_user_id,
        email.strip().lower(),
        role,
        personal_message,
        token_hash.hex(),
        lifetime,
        MAX_PENDING,
    )
    if row is None:
        raise ConflictError("too_many_invitations")
    return Invitation(**row)


async def resend(
    conn: Connection, organization_id: UUID, invitation_id: UUID, token_hash: bytes, *, lifetime: timedelta = LIFETIME
) -> Invitation:
    """A new link, and time to use it; the link before opens nothing any more.

    Raises:
        NotFoundError, ConflictError("invitation_state"), InvalidError
    """
    _check_lifetime(lifetime)
    await _lock(conn, organization_id)
    row = await conn.fetchrow(
        """
        UPDATE organization_invitations
        SET invitation_token = $3,
            expires_at = now() + $4::interval
        WHERE id = $2
            AND organization_id = $1
            AND status = 'pending'
        RETURNING
            id, organization_id, invited_by_user_id, email, role, personal_message, expires_at, status,
            accepted_by_user_id, accepted_at, declined_at, created_at
        """,
        organization_id,
        invitation_id,
        token_hash.hex(),
        lifetime,
    )
    if row is None:
        await _refuse(conn, organization_id, invitation_id)
    return Invitation(**row)


async def cancel(conn: Connection, organization_id: UUID, invitation_id: UUID) -> None:
    """
    Raises:
        NotFoundError, ConflictError("invitation_state")
    """
    await _lock(conn, organization_id)
    status = await conn.execute(
        """
        UPDATE organization_invitations
        SET status = 'cancelled'
        WHERE id = $2
            AND organization_id = $1
            AND status = 'pending'
        """,
        organization_id,
        invitation_id,
    )
    if status != "UPDATE 1":
        await _refuse(conn, organization_id, invitation_id)


async def list_invitations(
    conn: Connection,
    organization_id: UUID,
    *,
    status: str | None = None,
    limit: int = 50,
    before: tuple[datetime, UUID] | None = None,
) -> list[Invitation]:
    """Newest first, those that come after `before`; none to whoever does not manage the organization."""
    created_before, id_before = before or (None, None)
    rows = await conn.fetch(
        """
        SELECT
            id, organization_id, invited_by_user_id, email, role, personal_message, expires_at, status,
            accepted_by_user_id, accepted_at, declined_at, created_at
        FROM organization_invitations
        WHERE organization_id = $1
            AND organization_id = ANY (ARRAY(SELECT my_managed_organization_ids()))
            AND ($2::text IS NULL OR status = $2)
            AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4))
        ORDER BY created_at DESC, id DESC
        LIMIT $5
        """,
        organization_id,
        status,
        created_before,
        id_before,
        limit,
    )
    return [Invitation(**row) for row in rows]


async def list_mine(conn: Connection) -> list[Offer]:
    """Those that wait for the one who acts, newest first; none while their address is not proven."""
    rows = await conn.fetch(
        """
        SELECT id, email, role, organization_id, organization_name, personal_message, expires_at
        FROM my_invitations()
        """
    )
    return [Offer(**row) for row in rows]


async def find(conn: Connection, token_hash: bytes) -> Offer | None:
    """For whoever holds the link, signed in or not; None for any that cannot be accepted any more."""
    row = await conn.fetchrow(
        """
        SELECT id, email, role, organization_id, organization_name, personal_message, expires_at
        FROM find_invitation($1)
        """,
        token_hash.hex(),
    )
    return Offer(**row) if row else None


async def accept(conn: Connection, token_hash: bytes) -> UUID:
    """The organization that the one who acts is a member of now, and works in; once more changes nothing.

    Raises:
        NotFoundError("invitation_not_found")
        ConflictError: "invitation_not_yours": sent to another address, or theirs is not proven;
            "invitation_state", "invitation_expired"; "member_limit": no seat is free.
    """
    organization_id: UUID = await conn.fetchval("SELECT accept_invitation($1)", token_hash.hex())
    return organization_id


async def answer_mine(conn: Connection, invitation_id: UUID, *, is_accepted: bool) -> UUID:
    """The organization of one that `list_mine` tells; accepting once more changes nothing.

    Raises:
        NotFoundError("invitation_not_found"): also when it is for another address, or theirs is not proven.
        ConflictError: as `accept` and `decline` do.
    """
    organization_id: UUID = await conn.fetchval("SELECT answer_own_invitation($1, $2)", invitation_id, is_accepted)
    return organization_id


async def decline(conn: Connection, token_hash: bytes) -> None:
    """By whoever holds the link, signed in or not.

    Raises:
        NotFoundError("invitation_not_found"), ConflictError("invitation_state")
    """
    await conn.execute("SELECT decline_invitation($1)", token_hash.hex())


def _check_lifetime(lifetime: timedelta) -> None:
    if not timedelta() < lifetime <= LIFETIME:
        raise InvalidError("invitation_lifetime")


async def _lock(conn: Connection, organization_id: UUID) -> None:
    """Before anything else; only those who manage the organization get that far."""
    if not await conn.fetch("SELECT id FROM organizations WHERE id = $1 FOR NO KEY UPDATE", organization_id):
        raise NotFoundError("organization_not_found")


async def _expire(conn: Connection, organization_id: UUID) -> None:
    await conn.execute(
        """
        UPDATE organization_invitations
        SET status = 'expired'
        WHERE organization_id = $1
            AND status = 'pending'
            AND expires_at <= now()
        """,
        organization_id,
    )


async def _refuse(conn: Connection, organization_id: UUID, invitation_id: UUID) -> NoReturn:
    known = await conn.fetchval(
        "SELECT true FROM organization_invitations WHERE id = $2 AND organization_id = $1",
        organization_id,
        invitation_id,
    )
    raise ConflictError("invitation_state") if known else NotFoundError("invitation_not_found")
