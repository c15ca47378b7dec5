"""Who Google says somebody is, and which account that opens."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from db.pool import Connection


@dataclass(frozen=True, slots=True)
class GoogleSignIn:
    user_id: UUID | None
    """None: no account was opened."""
    outcome: str
    """known, linked, created; or why not: unverified, unproven, other_google_account, closed."""


async def sign_in(
    conn: Connection, *, google_id: str, email: str, is_verified: bool, full_name: str | None, is_gated: bool
) -> GoogleSignIn:
    """Of what an ID token says that was checked; an account is linked only if its address was proven on both sides."""
    row = await conn.fetchrow(
        "SELECT user_id, outcome FROM sign_in_with_google($1, $2, $3, $4, $5)",
        google_id,
        email,
        is_verified,
        full_name,
        is_gated,
    )
    assert row is not None  # noqa: S101  the function returns one row
    return GoogleSignIn(**row)
