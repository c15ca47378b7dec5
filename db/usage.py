"""Recorded time, and what a person may still record.

Rules:
- What is written is the ledger: one interval of media time for each run of a participant's recorded audio. The database
  derives the rest in the same transaction: minutes from the union of a session's intervals, months and counters from
  the minutes. So repeating, reordering or splitting what is written changes nothing.
- A month is charged as ceil(its seconds / 60), a calendar month in UTC. The session's user is charged.
- Who corrects `usage_tracking` by hand takes the locks first (`lock`); the session's next interval derives it anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from db.errors import NotFoundError
from db.pool import Connection


class UsageInterval(NamedTuple):
    """A run of recorded audio as long as it is known; a run that goes on is told again with a later end."""

    session_id: UUID
    organization_id: UUID
    participant_id: UUID
    epoch: int
    from_ms: int
    to_ms: int


class UsageSeconds(NamedTuple):
    """Seconds that fell into one minute, as nodes of the release before count them."""

    session_id: UUID
    organization_id: UUID
    user_id: UUID
    minute_at: datetime
    seconds: int


@dataclass(frozen=True, slots=True)
class UsageLimit:
    """This month's minutes of a person in an organization."""

    minutes_used: int
    minutes_limit: int | None
    """None: unlimited. 0: nothing may be recorded."""
    minutes_remaining: int | None
    """None: unlimited."""
    percentage_used: int
    """Over 100 when a limit was lowered; 0 when there is none."""
    is_unlimited: bool
    can_record: bool


@dataclass(frozen=True, slots=True)
class PlanUsage:
    """What somebody's plan allows them in an organization, and what is used of it this month. None: no limit."""

    plan_name: str | None
    plan_display_name: str | None
    has_api_access: bool
    has_real_time_guidance: bool
    has_advanced_summaries: bool
    has_export_options: bool
    has_email_summaries: bool
    has_custom_templates: bool
    has_analytics_dashboard: bool
    has_team_collaboration: bool
    max_documents_per_session: int | None
    max_file_size_mb: int | None
    minutes_used: int
    """Of the person."""
    minutes_limit: int | None
    sessions_used: int
    """Of the whole organization, made this month, deleted ones too."""
    sessions_limit: int | None
    own_sessions_used: int
    own_sessions_limit: int | None
    members_used: int
    members_limit: int | None
    month_begins_at: datetime
    month_ends_at: datetime


async def lock(conn: Connection, session_ids: Iterable[UUID]) -> None:
    """Wait for others who meter the people of these sessions.

    A transaction that changes more than usage does this before anything else: then it cannot end in a deadlock.
    """
    if wanted := list(session_ids):
        await conn.execute("SELECT lock_usage($1::uuid[])", wanted)


async def record_intervals(conn: Connection, rows: Sequence[UsageInterval]) -> None:
    """Write runs, or let them grow; one that is known to be as long already is left as it is.

    Raises:
        NotFoundError: no call of that session reached that epoch.
        InvalidError: an interval that ends before it begins, or begins before media time does.
    """
    if not rows:
        return
    columns = [list(column) for column in zip(*_longest(rows), strict=True)]
    await conn.execute(
        """
        INSERT INTO usage_intervals AS known
            (session_id, organization_id, user_id, participant_id, epoch, from_ms, to_ms)
        SELECT session_id, run.organization_id, sessions.user_id, participant_id, epoch, from_ms, to_ms
        FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[], $5::bigint[], $6::bigint[])
            AS run (session_id, organization_id, participant_id, epoch, from_ms, to_ms)
        JOIN sessions ON sessions.id = session_id
        ORDER BY session_id, participant_id, epoch, from_ms
        ON CONFLICT (session_id, participant_id, epoch, from_ms) DO UPDATE
        SET to_ms = excluded.to_ms
        WHERE known.to_ms < excluded.to_ms
        """,
        *columns,
    )


async def add_seconds(conn: Connection, rows: Sequence[UsageSeconds]) -> None:
    """What a node of the release before left in its spool; each row once, for seconds add up.

    Rows whose session, organization and user do not belong together, or that has had no call, are left out.
    """
    if not rows:
        return
    columns = [list(column) for column in zip(*rows, strict=True)]
    await conn.execute(
        "SELECT add_usage_seconds($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::integer[])",
        *columns,
    )


async def check_usage_limit(conn: Connection, user_id: UUID, organization_id: UUID) -> UsageLimit:
    """The smallest of the member's, the organization's and the plan's limit holds; NULL limits nothing.

    Raises:
        NotFoundError: there is no such member, or it is none of the asker's business.
    """
    row = await conn.fetchrow(
        """
        SELECT minutes_used, minutes_limit, minutes_remaining, percentage_used, is_unlimited, can_record
        FROM usage_limit($1, $2)
        """,
        user_id,
        organization_id,
    )
    if row is None:
        raise NotFoundError("member_not_found")
    return UsageLimit(**row)


async def session_minutes(conn: Connection, session_id: UUID) -> tuple[int, int | None]:
    """This month's minutes of whoever the session is charged to, and how many they may be; None: unlimited.

    Raises:
        NotFoundError: no session of an organization of the one who asks.
    """
    row = await conn.fetchrow("SELECT minutes_used, minutes_limit FROM session_minutes($1)", session_id)
    if row is None:
        raise NotFoundError("session_not_found")
    return row["minutes_used"], row["minutes_limit"]


async def charged_minutes(conn: Connection, session_id: UUID) -> tuple[int, int | None]:
    """The same for a job, whoever the session belongs to.

    Raises:
        NotFoundError
    """
    row = await conn.fetchrow("SELECT minutes_used, minutes_limit FROM charged_minutes($1)", session_id)
    if row is None:
        raise NotFoundError("session_not_found")
    return row["minutes_used"], row["minutes_limit"]


async def my_plan_usage(conn: Connection, organization_id: UUID) -> PlanUsage:
    """For the one who asks.

    Raises:
        NotFoundError: they are no active member there.
    """
    row = await conn.fetchrow(
        """
        SELECT
            plan_name, plan_display_name, has_api_access, has_real_time_guidance, has_advanced_summaries,
            has_export_options, has_email_summaries, has_custom_templates, has_analytics_dashboard,
            has_team_collaboration, max_documents_per_session, max_file_size_mb, minutes_used, minutes_limit,
            sessions_used, sessions_limit, own_sessions_used, own_sessions_limit, members_used, members_limit,
            month_begins_at, month_ends_at
        FROM my_plan_usage($1)
        """,
        organization_id,
    )
    if row is None:
        raise NotFoundError("organization_not_found")
    return PlanUsage(**row)


def _longest(rows: Iterable[UsageInterval]) -> list[UsageInterval]:
    """One row for each run: a statement may not touch a row twice."""
    runs: dict[tuple[UUID, UUID, int, int], UsageInterval] = {}
    for row in rows:
        key = (row.session_id, row.participant_id, row.epoch, row.from_ms)
        known = runs.get(key)
        if known is None or known.to_ms < row.to_ms:
            runs[key] = row
    return list(runs.values())
