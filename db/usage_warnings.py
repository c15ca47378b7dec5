"""Who has used 80 % of this month's minutes, or all of them, and was not told so far. For the jobs role.

The limit is the one that people are held to, `minutes_allowed`. Who recorded nothing is not asked about.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from db.pool import Connection

EARLY_PERCENT = 80


@dataclass(frozen=True, slots=True)
class UsageWarning:
    organization_id: UUID
    organization_name: str
    user_id: UUID
    email: str | None
    """None: not proven, or they are gone; only the organization's webhooks are told."""
    month: str
    """YYYY-MM, in UTC."""
    percent: int
    """80 or 100."""
    minutes_used: int
    minutes_limit: int


async def claim_warnings(conn: Connection, limit: int) -> list[UsageWarning]:
    """Some of those who are to be told, each once for a month and percentage: with this transaction they were."""
    rows = await conn.fetch(
        """
        WITH allowed AS MATERIALIZED (
            SELECT
                monthly_usage_cache.id, monthly_usage_cache.total_minutes_used AS minutes_used,
                organizations.name AS organization_name,
                CASE
                    WHEN users.email_verified AND users.is_active AND users.deleted_at IS NULL THEN users.email
                END AS email,
                minutes_allowed(monthly_usage_cache.user_id, monthly_usage_cache.organization_id) AS minutes_limit
            FROM monthly_usage_cache
            JOIN users ON users.id = monthly_usage_cache.user_id
            JOIN organizations ON organizations.id = monthly_usage_cache.organization_id
            JOIN organization_members
                ON organization_members.organization_id = monthly_usage_cache.organization_id
                AND organization_members.user_id = monthly_usage_cache.user_id
                AND organization_members.status = 'active'
            WHERE monthly_usage_cache.month_year = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM')
                AND monthly_usage_cache.warned_percent < 100
                AND monthly_usage_cache.total_minutes_used > 0
                AND organizations.deleted_at IS NULL
        ),
        due AS (
            SELECT id, organization_name, email, minutes_used, minutes_limit,
                CASE WHEN minutes_used >= minutes_limit THEN 100 ELSE $2::integer END AS percent
            FROM allowed
            WHERE minutes_limit > 0
                AND 100::bigint * minutes_used >= $2::bigint * minutes_limit
        )
        UPDATE monthly_usage_cache
        SET warned_percent = due.percent
        FROM due
        WHERE monthly_usage_cache.id IN (
                SELECT monthly_usage_cache.id
                FROM due
                JOIN monthly_usage_cache ON monthly_usage_cache.id = due.id
                WHERE monthly_usage_cache.warned_percent < due.percent
                LIMIT $1
            )
            AND monthly_usage_cache.id = due.id
            AND monthly_usage_cache.warned_percent < due.percent
        RETURNING
            monthly_usage_cache.organization_id, due.organization_name, monthly_usage_cache.user_id, due.email,
            monthly_usage_cache.month_year AS month, due.percent, due.minutes_used, due.minutes_limit
        """,
        limit,
        EARLY_PERCENT,
    )
    return [UsageWarning(**row) for row in rows]
