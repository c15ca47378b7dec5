"""From an address to an account: one-time links for who asked, and what opening them does.

Rules:
- The jobs role makes links, so that asking costs the api the same for every address; they arrive as sha256.
- What opens a link goes through SECURITY DEFINER functions: once, and by nobody else.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from db.pool import Connection

Purpose = Literal["sign_up", "sign_in", "verify_email", "reset_password"]


async def find_account(conn: Connection, email: str) -> UUID | None:
    """For the jobs role: whose address it is; None also for an account that cannot sign in."""
    user_id: UUID | None = await conn.fetchval(
        "SELECT id FROM users WHERE email = $1 AND is_active AND deleted_at IS NULL", email
    )
    return user_id


async def may_sign_up(conn: Connection, email: str, *, is_gated: bool) -> bool:
    """For the jobs role. Gated: only the waiting list's approved and invited, and who was invited by a colleague."""
    allowed: bool = await conn.fetchval("SELECT may_sign_up($1, $2)", email, is_gated)
    return allowed


async def insert_sign_up(
    conn: Connection, token_hash: bytes, *, email: str, full_name: str, timezone: str, expires_at: datetime
) -> None:
    """For the jobs role."""
    await conn.execute(
        "INSERT INTO sign_ups (token_hash, email, full_name, timezone, expires_at) VALUES ($1, $2, $3, $4, $5)",
        token_hash,
        email,
        full_name,
        timezone,
        expires_at,
    )


async def insert_link(
    conn: Connection, token_hash: bytes, user_id: UUID, purpose: Purpose, expires_at: datetime
) -> None:
    """For the jobs role."""
    await conn.execute(
        "INSERT INTO sign_in_links (token_hash, user_id, purpose, expires_at) VALUES ($1, $2, $3, $4)",
        token_hash,
        user_id,
        purpose,
        expires_at,
    )


async def link_purpose(conn: Connection, token_hash: bytes) -> str | None:
    """What a link would do now; None for an unknown, used or expired one."""
    purpose: str | None = await conn.fetchval("SELECT link_purpose($1)", token_hash)
    return purpose


async def redeem_sign_up(conn: Connection, token_hash: bytes, password_hash: str) -> UUID | None:
    """The new account; None when the link is good for nothing, or the address has an account meanwhile."""
    user_id: UUID | None = await conn.fetchval("SELECT redeem_sign_up($1, $2)", token_hash, password_hash)
    return user_id


async def redeem_password_reset(conn: Connection, token_hash: bytes, password_hash: str) -> UUID | None:
    """Whose password was set, and whose sign-ins and links have ended; None when the link is good for nothing."""
    user_id: UUID | None = await conn.fetchval("SELECT redeem_password_reset($1, $2)", token_hash, password_hash)
    return user_id


async def redeem_email_verification(conn: Connection, token_hash: bytes) -> bool:
    """False when the link is good for nothing."""
    verified: bool = await conn.fetchval("SELECT redeem_email_verification($1)", token_hash)
    return verified
