"""For how long what is kept, in one place, and the queries that find and remove what is due. For the jobs role.

| what | how long |
|---|---|
| a session's content | `data_retention_days` after the call's end, or else after the session was made |
| a deleted session, which can be restored; a deleted playbook | 30 days |
| a join ticket, a sign-in link, a sign-up | a day after it expired; a ticket not while its call goes on |
| an invitation that was not answered | expires at its time; 90 days after that, or after its answer, it goes |
| a sign-in | 90 days after it ended, or lapsed after 30 days without use |
| notes of the servers, the queue's log, deliveries to other systems | 30 days |
| Stripe's events | 90 days after they were applied |

Usage, payment, consent and the audit log stay: `personal_data` says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from db.erasure import erase_session
from db.pool import Connection

# Nobody speaks in it, nor is about to: a node that died takes its active session up again within seconds.
_QUIET = """
    status <> 'active'
    AND NOT EXISTS (SELECT FROM calls WHERE session_id = sessions.id AND lease_until > now())
"""
DUE = {
    "retention": f"""
        erased_at IS NULL
        AND (coalesce(recording_ended_at, created_at) AT TIME ZONE 'UTC') + make_interval(days => data_retention_days)
            < now() AT TIME ZONE 'UTC'
        AND {_QUIET}
    """,
    "deleted": "erased_at IS NULL AND deleted_at < now() - interval '30 days'",
}
"""Cause → when a session is due for it; as the indexes of sessions have it."""


@dataclass(frozen=True, slots=True)
class DueSession:
    id: UUID
    cause: str


async def list_due_sessions(conn: Connection, limit: int) -> list[DueSession]:
    """Some whose time has passed."""
    rows = await conn.fetch(
        f"""
        (SELECT id, 'retention' AS cause FROM sessions WHERE {DUE["retention"]} LIMIT $1)
        UNION ALL
        (SELECT id, 'deleted' FROM sessions WHERE {DUE["deleted"]} LIMIT $1)
        LIMIT $1
        """,  # noqa: S608  constants
        limit,
    )
    return [DueSession(**row) for row in rows]


async def erase_due_session(conn: Connection, due: DueSession) -> bool:
    """False if it is not due any more: somebody joined it, changed it or restored it, or it was erased before."""
    await conn.execute("SELECT FROM sessions WHERE id = $1 FOR UPDATE", due.id)
    is_due = await conn.fetchval(
        f"SELECT EXISTS (SELECT FROM sessions WHERE id = $1 AND {DUE[due.cause]})",  # noqa: S608  constants
        due.id,
    )
    return is_due and await erase_session(conn, due.id, due.cause)


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Accounts and organizations that somebody deleted for good, and nobody has erased yet."""

    accounts: list[UUID]
    organizations: list[UUID]


async def list_unfinished(conn: Connection, limit: int) -> Unfinished:
    """Some of them. What was only marked as deleted, by hand or before there was erasure, is left alone."""
    people = await conn.fetch(
        """
        SELECT id
        FROM users
        WHERE deleted_at IS NOT NULL
            AND erased_at IS NULL
            AND EXISTS (
                SELECT FROM audit_log
                WHERE audit_log.organization_id IS NULL
                    AND audit_log.action = 'users.deleted'
                    AND audit_log.target_id = users.id
            )
        ORDER BY deleted_at
        LIMIT $1
        """,
        limit,
    )
    organizations = await conn.fetch(
        """
        SELECT id
        FROM organizations
        WHERE deleted_at IS NOT NULL
            AND erased_at IS NULL
            AND EXISTS (
                SELECT FROM audit_log
                WHERE audit_log.organization_id = organizations.id
                    AND audit_log.action = 'organizations.deleted'
            )
        ORDER BY deleted_at
        LIMIT $1
        """,
        limit,
    )
    return Unfinished([row["id"] for row in people], [row["id"] for row in organizations])


@dataclass(frozen=True, slots=True)
class Spent:
    """Rows that are of no use any more."""

    name: str
    table: str
    key: str
    """A column that the jobs role reads, by which some of them are chosen; the keys of credentials it does not read."""
    when: str
    becomes: str | None = None
    """What is set; None: they are deleted."""


SPENT: tuple[Spent, ...] = (
    Spent(
        "join_tickets",
        "join_tickets",
        "participant_id",
        """
        expires_at < now() - interval '1 day'
        AND NOT EXISTS (
            SELECT FROM calls
            WHERE calls.session_id = join_tickets.session_id
                AND lease_until > now()
        )
        """,
    ),
    Spent("sign_in_links", "sign_in_links", "user_id", "expires_at < now() - interval '1 day'"),
    Spent("sign_ups", "sign_ups", "expires_at", "expires_at < now() - interval '1 day'"),
    Spent(
        "sign_ins",
        "user_app_sessions",
        "id",
        "coalesce(ended_at, last_activity_at + interval '30 days') < now() - interval '90 days'",
    ),
    Spent(
        "expired_invitations",
        "organization_invitations",
        "id",
        "status = 'pending' AND expires_at < now()",
        becomes="status = 'expired'",
    ),
    Spent(
        "answered_invitations",
        "organization_invitations",
        "id",
        "status <> 'pending' AND updated_at < now() - interval '90 days'",
    ),
    Spent("system_logs", "system_logs", "id", "created_at < now() - interval '30 days'"),
    Spent("job_logs", "pgqueuer_log", "id", "created < now() - interval '30 days'"),
    Spent(
        "webhook_deliveries",
        "webhook_deliveries",
        "id",
        "status <> 'pending' AND created_at < now() - interval '30 days'",
    ),
    Spent("idempotency_keys", "idempotency_keys", "key_hash", "created_at < now() - interval '1 day'"),
    Spent("deleted_templates", "templates", "id", "deleted_at < now() - interval '30 days'"),
    Spent("stripe_events", "stripe_events", "id", "processed_at < now() - interval '90 days'"),
)


async def count_spent(conn: Connection, spent: Spent) -> int:
    count: int = await conn.fetchval(f"SELECT count(*) FROM {spent.table} WHERE {spent.when}")  # noqa: S608  constants
    return count


async def remove_spent(conn: Connection, spent: Spent, limit: int) -> int:
    """About `limit` of them; how many."""
    # The names and conditions are constants.
    some = f"{spent.key} IN (SELECT {spent.key} FROM {spent.table} WHERE {spent.when} LIMIT $1) AND {spent.when}"  # noqa: S608
    verb = f"UPDATE {spent.table} SET {spent.becomes}" if spent.becomes else f"DELETE FROM {spent.table}"  # noqa: S608
    status = await conn.execute(f"{verb} WHERE {some}", limit)
    return int(status.split()[-1])


async def count_due_sessions(conn: Connection) -> dict[str, int]:
    """By cause."""
    return {
        cause: await conn.fetchval(f"SELECT count(*) FROM sessions WHERE {condition}")  # noqa: S608  constants
        for cause, condition in DUE.items()
    }
