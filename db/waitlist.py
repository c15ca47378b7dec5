"""People who wait for an account. Anybody may join and ask for their own status; administrators decide."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from db.errors import NotFoundError
from db.pool import Connection


@dataclass(frozen=True, slots=True)
class NewApplicant:
    name: str
    email: str
    company: str
    use_case: str
    """sales, consulting, hiring, support, other."""
    referral_source: str | None = None


@dataclass(frozen=True, slots=True)
class Applicant:
    id: UUID
    name: str
    email: str
    company: str
    use_case: str
    status: str
    """pending, approved, rejected, invited."""
    notes: str | None
    referral_source: str | None
    interest_level: str | None
    approved_at: datetime | None
    created_at: datetime


async def join_waitlist(conn: Connection, new: NewApplicant) -> bool:
    """False if the address waits already: then nothing changes.

    Raises:
        InvalidError: it is no address, or an unknown use.
    """
    joined: bool = await conn.fetchval(
        "SELECT join_waitlist($1, $2, $3, $4, $5)",
        new.name,
        _address(new.email),
        new.company,
        new.use_case,
        new.referral_source,
    )
    return joined


async def status_of(conn: Connection, email: str) -> str | None:
    """None for an address that nobody joined with."""
    status: str | None = await conn.fetchval("SELECT waitlist_status($1)", _address(email))
    return status


async def list_applicants(
    conn: Connection, status: str, *, limit: int = 100, after: tuple[datetime, UUID] | None = None
) -> list[Applicant]:
    """Who has waited longest first, those that come after `after`; none to whoever is no administrator."""
    created_after, id_after = after or (None, None)
    rows = await conn.fetch(
        """
        SELECT
            id, name, email, company, use_case, status, notes, referral_source, interest_level, approved_at, created_at
        FROM beta_waitlist
        WHERE status = $1
            AND ($2::timestamptz IS NULL OR (created_at, id) > ($2, $3))
        ORDER BY created_at, id
        LIMIT $4
        """,
        status,
        created_after,
        id_after,
        limit,
    )
    return [Applicant(**row) for row in rows]


async def count_applicants(conn: Connection) -> dict[str, int]:
    """How many there are in each status, for administrators; nobody, for others."""
    rows = await conn.fetch("SELECT status, count(*) AS number FROM beta_waitlist GROUP BY status")
    return {row["status"]: row["number"] for row in rows}


async def hold_applicant(conn: Connection, applicant_id: UUID) -> Applicant:
    """As they are, and as no other administrator changes them until the end of the transaction.

    Raises:
        NotFoundError
    """
    row = await conn.fetchrow(
        """
        SELECT
            id, name, email, company, use_case, status, notes, referral_source, interest_level, approved_at, created_at
        FROM beta_waitlist
        WHERE id = $1
        FOR NO KEY UPDATE
        """,
        applicant_id,
    )
    if row is None:
        raise NotFoundError("applicant_not_found")
    return Applicant(**row)


async def set_status(conn: Connection, applicant_id: UUID, status: str, *, notes: str | None = None) -> Applicant:
    """By an administrator; the first approval is the one that is remembered, and without notes they stay.

    Raises:
        NotFoundError, InvalidError
    """
    row = await conn.fetchrow(
        """
        UPDATE beta_waitlist
        SET status = $2,
            notes = coalesce($3, notes),
            approved_at = CASE WHEN $2 = 'approved' THEN coalesce(approved_at, now()) ELSE approved_at END
        WHERE id = $1
        RETURNING
            id, name, email, company, use_case, status, notes, referral_source, interest_level, approved_at, created_at
        """,
        applicant_id,
        status,
        notes,
    )
    if row is None:
        raise NotFoundError("applicant_not_found")
    return Applicant(**row)


def _address(email: str) -> str:
    return email.strip().lower()
