"""Recorded seconds, and what a person may still record.

A minute is charged as ceil(sum of the calendar month's seconds / 60), in UTC; the database recomputes, never adds up.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from db.pool import Connection
from db.records import UsageLimit, UsageSeconds

__all__ = ["UsageLimit", "UsageSeconds"]


async def add_seconds(conn: Connection, rows: Sequence[UsageSeconds | tuple[UUID, UUID, UUID, datetime, int]]) -> None:
    """Add to the minutes (60 at most each) and recompute the month and the member's counters.

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
    """This month's minutes of this person here, and how many there may be.

    The smallest of the member's, the organization's and the plan's limit; NULL limits nothing. Without a subscription
    the free plan's limit holds.
    """
    row = await conn.fetchrow(
        """
        SELECT
            coalesce((
                SELECT total_minutes_used
                FROM monthly_usage_cache
                WHERE organization_id = $2
                    AND user_id = $1
                    AND month_year = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM')
            ), 0) AS minutes_used,
            least(
                (
                    SELECT monthly_audio_hours_limit * 60
                    FROM organization_members
                    WHERE organization_id = $2
                        AND user_id = $1
                ),
                (SELECT monthly_audio_hours_limit * 60 FROM organizations WHERE id = $2),
                (
                    SELECT coalesce(monthly_audio_minutes_limit, monthly_audio_hours_limit * 60)
                    FROM plans
                    WHERE id = coalesce(
                        (
                            SELECT plan_id
                            FROM subscriptions
                            WHERE (organization_id = $2 OR (organization_id IS NULL AND user_id = $1))
                                AND status IN ('active', 'trialing')
                            ORDER BY organization_id IS NULL, created_at DESC
                            LIMIT 1
                        ),
                        (SELECT id FROM plans WHERE name = 'individual_free')
                    )
                )
            ) AS minutes_limit
        """,
        user_id,
        organization_id,
    )
    assert row is not None  # noqa: S101  a SELECT without FROM returns one row
    return UsageLimit(**row)
