"""Ways into a call: tickets (one successful use within a minute) and invitations (many uses until revoked).

Tokens arrive here as sha256. The api role makes them; the media role finds and redeems tickets.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from db.errors import NotFoundError
from db.pool import Connection
from db.records import GuestLink, Invite, Ticket

__all__ = ["GuestLink", "Invite", "Ticket"]


async def insert_ticket(
    conn: Connection,
    *,
    token_hash: bytes,
    session_id: UUID,
    organization_id: UUID,
    participant_id: UUID,
    node: str,
    media_url: str,
    expires_at: datetime,
) -> None:
    """
    Raises:
        NotFoundError: no such session.
    """
    status = await conn.execute(
        """
        INSERT INTO join_tickets (
            token_hash, session_id, organization_id, participant_id, node, media_url, expires_at
        )
        SELECT $1, id, organization_id, $4, $5, $6, $7
        FROM sessions
        WHERE id = $2
            AND organization_id = $3
            AND deleted_at IS NULL
        """,
        token_hash,
        session_id,
        organization_id,
        participant_id,
        node,
        media_url,
        expires_at,
    )
    if status != "INSERT 0 1":
        raise NotFoundError("session_not_found")


async def find_ticket(conn: Connection, token_hash: bytes) -> Ticket | None:
    """What the ticket entitles to; None for an unknown, used or expired one."""
    row = await conn.fetchrow(
        """
        SELECT
            session_id, organization_id, participant_id, name, role, source, shared_mic, coached, consented, user_id,
            expires_at, node
        FROM find_ticket($1)
        """,
        token_hash,
    )
    return Ticket(**row) if row else None


async def redeem_ticket(conn: Connection, token_hash: bytes) -> bool:
    """True for exactly one caller, and only before it expires."""
    redeemed: bool = await conn.fetchval("SELECT redeem_ticket($1)", token_hash)
    return redeemed


async def participant_of_ticket(
    conn: Connection, token_hash: bytes, session_id: UUID, *, user_id: UUID | None, role: str, consented: bool
) -> UUID | None:
    """Who joined this session with that ticket earlier, used up or not; None unless they come as the same."""
    participant_id: UUID | None = await conn.fetchval(
        "SELECT participant_of_ticket($1, $2, $3, $4, $5)", token_hash, session_id, user_id, role, consented
    )
    return participant_id


async def insert_invite(
    conn: Connection,
    *,
    token_hash: bytes,
    session_id: UUID,
    organization_id: UUID,
    role: str,
    name: str | None,
    created_by: UUID,
    expires_at: datetime,
) -> UUID:
    """The invitation's id. Role: participant, supervisor or customer.

    Raises:
        NotFoundError: no such session.
    """
    row = await conn.fetchrow(
        """
        INSERT INTO session_invites (token_hash, session_id, organization_id, role, name, created_by, expires_at)
        SELECT $1, id, organization_id, $4, $5, $6, $7
        FROM sessions
        WHERE id = $2
            AND organization_id = $3
            AND deleted_at IS NULL
        RETURNING id
        """,
        token_hash,
        session_id,
        organization_id,
        role,
        name,
        created_by,
        expires_at,
    )
    if row is None:
        raise NotFoundError("session_not_found")
    invite_id: UUID = row["id"]
    return invite_id


async def find_invite(conn: Connection, token_hash: bytes) -> Invite | None:
    """None for an unknown, revoked or expired one, and when its maker has left the organization."""
    row = await conn.fetchrow(
        """
        SELECT
            id, session_id, organization_id, role, name, created_by, expires_at, session_title, conversation_type,
            session_status, organization_name
        FROM find_invite($1)
        """,
        token_hash,
    )
    return Invite(**row) if row else None


async def list_invites(
    conn: Connection, session_id: UUID, *, limit: int = 100, before: tuple[datetime, UUID] | None = None
) -> list[GuestLink]:
    """Newest first, those that are void as well."""
    rows = await conn.fetch(
        """
        SELECT id, role, name, created_by, created_at, expires_at, revoked_at
        FROM session_invites
        WHERE session_id = $1
            AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4::uuid))
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        ORDER BY created_at DESC, id DESC
        LIMIT $2
        """,
        session_id,
        limit,
        *(before or (None, None)),
    )
    return [GuestLink(**row) for row in rows]


async def revoke_invite(conn: Connection, session_id: UUID, invite_id: UUID) -> bool:
    """False if there was nothing to revoke."""
    status = await conn.execute(
        """
        UPDATE session_invites
        SET revoked_at = now()
        WHERE id = $1
            AND session_id = $2
            AND revoked_at IS NULL
            AND EXISTS (SELECT FROM sessions WHERE id = $2 AND deleted_at IS NULL)
        """,
        invite_id,
        session_id,
    )
    return status == "UPDATE 1"
