"""What became of those who follow a session live: asked for all of them at once, by the credential each came with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from db.pool import Connection


@dataclass(frozen=True, slots=True)
class FollowerStanding:
    is_signed_in: bool
    role: str | None
    """In the session's organization; None: the session is not there for them any more."""
    is_own: bool
    """They made the session."""
    is_over: bool
    """The session is completed, and no call of it is live."""


async def standings(conn: Connection, hashes: Sequence[bytes], session_ids: Sequence[UUID]) -> list[FollowerStanding]:
    """One for each pair of a credential's sha256 and a session, in their order."""
    rows = await conn.fetch(
        """
        SELECT place, is_signed_in, role, is_own, is_over
        FROM followers_now($1::bytea[], $2::uuid[])
        ORDER BY place
        """,
        list(hashes),
        list(session_ids),
    )
    return [
        FollowerStanding(row["is_signed_in"], row["role"], bool(row["is_own"]), bool(row["is_over"])) for row in rows
    ]
