"""What can be bought: the same for everybody, signed in or not."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import asyncpg
import orjson

from db.errors import NotFoundError
from db.pool import Connection


@dataclass(frozen=True, slots=True)
class Plan:
    """A limit that is None limits nothing."""

    id: UUID
    name: str
    display_name: str
    description: str | None
    plan_type: str
    price_monthly: Decimal | None
    """Dollars; None: agreed with each customer."""
    price_yearly: Decimal | None
    monthly_audio_hours_limit: int | None
    monthly_audio_minutes_limit: int | None
    """Wins over the hours."""
    max_documents_per_session: int | None
    max_file_size_mb: int | None
    max_sessions_per_month: int | None
    max_organization_members: int | None
    has_real_time_guidance: bool
    has_advanced_summaries: bool
    has_export_options: bool
    has_email_summaries: bool
    has_api_access: bool
    has_custom_templates: bool
    has_priority_support: bool
    has_analytics_dashboard: bool
    has_team_collaboration: bool
    ai_model_access: list[str]
    max_guidance_requests_per_session: int | None
    summary_generation_priority: int
    """1 first … 3 last."""
    is_active: bool
    is_featured: bool


@dataclass(frozen=True, slots=True)
class Price:
    """What one of Stripe's prices buys."""

    plan_id: UUID
    plan_type: str
    """monthly or yearly."""


async def list_plans(conn: Connection) -> list[Plan]:
    """Those on offer, as they are shown."""
    rows = await conn.fetch(
        """
        SELECT
            id, name, display_name, description, plan_type, price_monthly, price_yearly, monthly_audio_hours_limit,
            monthly_audio_minutes_limit, max_documents_per_session, max_file_size_mb, max_sessions_per_month,
            max_organization_members, has_real_time_guidance, has_advanced_summaries, has_export_options,
            has_email_summaries, has_api_access, has_custom_templates, has_priority_support,
            has_analytics_dashboard, has_team_collaboration, ai_model_access, max_guidance_requests_per_session,
            summary_generation_priority, is_active, is_featured
        FROM plans
        WHERE is_active
        ORDER BY sort_order, name
        """
    )
    return [_plan(row) for row in rows]


async def get_plan(conn: Connection, plan_id: UUID) -> Plan:
    """Also one that is not on offer any more: somebody may have it.

    Raises:
        NotFoundError
    """
    row = await conn.fetchrow(
        """
        SELECT
            id, name, display_name, description, plan_type, price_monthly, price_yearly, monthly_audio_hours_limit,
            monthly_audio_minutes_limit, max_documents_per_session, max_file_size_mb, max_sessions_per_month,
            max_organization_members, has_real_time_guidance, has_advanced_summaries, has_export_options,
            has_email_summaries, has_api_access, has_custom_templates, has_priority_support,
            has_analytics_dashboard, has_team_collaboration, ai_model_access, max_guidance_requests_per_session,
            summary_generation_priority, is_active, is_featured
        FROM plans
        WHERE id = $1
        """,
        plan_id,
    )
    if row is None:
        raise NotFoundError("plan_not_found")
    return _plan(row)


async def find_price(conn: Connection, stripe_price_id: str) -> Price | None:
    """None for a price that no plan has."""
    row = await conn.fetchrow(
        """
        SELECT
            id AS plan_id,
            CASE WHEN stripe_price_id_monthly = $1 THEN 'monthly' ELSE 'yearly' END AS plan_type
        FROM plans
        WHERE stripe_price_id_monthly = $1
            OR stripe_price_id_yearly = $1
        ORDER BY is_active DESC, sort_order, name
        LIMIT 1
        """,
        stripe_price_id,
    )
    return Price(**row) if row else None


def _plan(row: asyncpg.Record) -> Plan:
    return Plan(**{**row, "ai_model_access": orjson.loads(row["ai_model_access"])})
