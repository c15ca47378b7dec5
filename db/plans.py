"""What can be bought: the same for everybody, signed in or not; made and changed by administrators, never deleted."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, TypedDict
from uuid import UUID

import asyncpg
import orjson

from db.changes import assignments
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


@dataclass(frozen=True, slots=True)
class PlanInUse:
    """A plan as administrators see it."""

    plan: Plan
    stripe_price_id_monthly: str | None
    stripe_price_id_yearly: str | None
    sort_order: int
    subscriptions: int
    """How many have it at present."""


class PlanChanges(TypedDict, total=False):
    """What is left out stays. A plan's name and type are what others know it by: they never change."""

    display_name: str
    description: str | None
    price_monthly: Decimal | None
    price_yearly: Decimal | None
    stripe_price_id_monthly: str | None
    stripe_price_id_yearly: str | None
    monthly_audio_hours_limit: int | None
    monthly_audio_minutes_limit: int | None
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
    ai_model_access: str
    """A JSON list."""
    max_guidance_requests_per_session: int | None
    summary_generation_priority: int
    is_active: bool
    is_featured: bool
    sort_order: int


_CHANGEABLE = frozenset(PlanChanges.__annotations__)


async def list_all_plans(conn: Connection) -> list[PlanInUse]:
    """Retired ones too, and who has them, for administrators."""
    rows = await conn.fetch(
        """
        SELECT
            id, name, display_name, description, plan_type, price_monthly, price_yearly, monthly_audio_hours_limit,
            monthly_audio_minutes_limit, max_documents_per_session, max_file_size_mb, max_sessions_per_month,
            max_organization_members, has_real_time_guidance, has_advanced_summaries, has_export_options,
            has_email_summaries, has_api_access, has_custom_templates, has_priority_support,
            has_analytics_dashboard, has_team_collaboration, ai_model_access, max_guidance_requests_per_session,
            summary_generation_priority, is_active, is_featured, stripe_price_id_monthly, stripe_price_id_yearly,
            sort_order, admin_plan_subscriptions(id) AS subscriptions
        FROM plans
        ORDER BY sort_order, name
        """
    )
    return [_plan_in_use(row) for row in rows]


async def insert_plan(conn: Connection, name: str, plan_type: str, changes: PlanChanges) -> UUID:
    """By an administrator; its id.

    Raises:
        NotFoundError: by somebody else.
        ConflictError("plans_name_key"), InvalidError
    """
    columns = sorted(changes)
    if not set(columns) <= _CHANGEABLE:
        raise ValueError(f"no columns of a plan: {columns}")
    places = ", ".join(f"${number}" for number in range(1, len(columns) + 3))
    plan_id: UUID = await conn.fetchval(
        f"INSERT INTO plans (name, plan_type, {', '.join(columns)}) VALUES ({places}) RETURNING id",  # noqa: S608  names of PlanChanges
        name,
        plan_type,
        *(changes[column] for column in columns),  # type: ignore[literal-required]
    )
    return plan_id


async def update_plan(conn: Connection, plan_id: UUID, changes: PlanChanges) -> None:
    """By an administrator.

    Raises:
        NotFoundError, InvalidError
        ConflictError("free_plan"): what everybody starts with stays on offer.
    """
    columns, values = assignments(changes, _CHANGEABLE, first=2)
    status = await conn.execute(f"UPDATE plans SET {columns} WHERE id = $1", plan_id, *values)  # noqa: S608  as above
    if status != "UPDATE 1":
        raise NotFoundError("plan_not_found")


def _plan_in_use(row: asyncpg.Record) -> PlanInUse:
    own = {field.name for field in fields(PlanInUse)} - {"plan"}
    more = {name: row[name] for name in own}
    return PlanInUse(plan=_plan({name: value for name, value in row.items() if name not in own}), **more)


def _plan(row: asyncpg.Record | dict[str, Any]) -> Plan:
    return Plan(**{**row, "ai_model_access": orjson.loads(row["ai_model_access"])})
