"""Plans: made, changed, and taken off the shelf. Whoever has a retired one keeps it; none is ever deleted."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, cast
from uuid import UUID

import orjson
from aiohttp import web
from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from control_api.admin.listing import as_admin
from control_api.errors import InvalidBodyError, NothingToChangeError
from control_api.fields import Line, Prose
from control_api.http import Body, View, body, path_id, respond
from control_api.organizations.models import Limit
from db import audit, plans
from db.plans import PlanChanges, PlanInUse

Price = Annotated[Decimal, Field(ge=0, le=999_999, decimal_places=2, strict=False)]
Model = Annotated[Line, StringConstraints(max_length=100)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,49}$")]
PlanType = Annotated[str, StringConstraints(pattern="^(individual|organization)$")]
Key = Annotated[str, StringConstraints(pattern=r"^price_[A-Za-z0-9]{1,200}$")]


def _distinct(models: list[str]) -> list[str]:
    return sorted(set(models))


class PlanFields(Body):
    """A limit that is null limits nothing."""

    description: Annotated[Prose, StringConstraints(max_length=2000)] | None = None
    price_monthly: Price | None = Field(default=None, description="Null: free, or agreed with each customer")
    price_yearly: Price | None = None
    stripe_price_id_monthly: Key | None = None
    stripe_price_id_yearly: Key | None = None
    monthly_audio_hours_limit: Limit | None = None
    monthly_audio_minutes_limit: Limit | None = Field(default=None, description="Wins over the hours")
    max_documents_per_session: Limit | None = None
    max_file_size_mb: Limit | None = None
    max_sessions_per_month: Limit | None = None
    max_organization_members: Limit | None = None
    max_guidance_requests_per_session: Limit | None = None
    has_real_time_guidance: bool = True
    has_advanced_summaries: bool = False
    has_export_options: bool = False
    has_email_summaries: bool = False
    has_api_access: bool = False
    has_custom_templates: bool = False
    has_priority_support: bool = False
    has_analytics_dashboard: bool = False
    has_team_collaboration: bool = False
    ai_model_access: Annotated[list[Model], Field(max_length=20), AfterValidator(_distinct)] = Field(
        default=["gpt-4o-mini"]
    )
    summary_generation_priority: Annotated[int, Field(ge=1, le=3)] = 3
    is_featured: bool = False
    sort_order: Annotated[int, Field(ge=0, le=10_000)] = 0


class NewPlan(PlanFields):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "org_pilot",
                    "display_name": "Pilot",
                    "plan_type": "organization",
                    "max_sessions_per_month": 50,
                }
            ]
        }
    )

    name: Name
    plan_type: PlanType = "individual"
    display_name: Annotated[Line, StringConstraints(max_length=100)]


class PlanEdit(PlanFields):
    """What is left out stays. Name and type never change; whoever has the plan has the new limits at once."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"price_monthly": "39.00", "has_api_access": True}]})

    display_name: Annotated[Line, StringConstraints(max_length=100)] = ""


class PlanView(View):
    id: UUID
    name: str
    display_name: str
    description: str | None
    plan_type: str
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
    max_guidance_requests_per_session: int | None
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
    summary_generation_priority: int
    is_active: bool = Field(description="On offer; who has a retired one keeps it")
    is_featured: bool
    sort_order: int
    subscriptions: int = Field(description="How many have it at present")

    @classmethod
    def of(cls, row: PlanInUse) -> PlanView:
        own = {name: getattr(row.plan, name, None) for name in cls.model_fields}
        more = {name: getattr(row, name) for name in cls.model_fields if hasattr(row, name)}
        return cls.model_validate(own | more)


class Plans(View):
    items: list[PlanView]


class PlanMade(View):
    id: UUID


async def list_plans(request: web.Request) -> web.Response:
    async with as_admin(request) as conn:
        found = await plans.list_all_plans(conn)
        await audit.write_admin(conn, None, "plans.listed")
    return respond(Plans(items=[PlanView.of(row) for row in found]))


async def create_plan(request: web.Request) -> web.Response:
    sent = body(request, NewPlan)
    columns = _columns(sent.model_dump(exclude={"name", "plan_type"}))
    async with as_admin(request) as conn:
        plan_id = await plans.insert_plan(conn, sent.name, sent.plan_type, columns)
        await audit.write_admin(conn, None, "plans.created", plan_id, {"name": sent.name})
    return respond(PlanMade(id=plan_id), 201)


async def update_plan(request: web.Request) -> web.Response:
    changes = body(request, PlanEdit).model_dump(exclude_unset=True)
    if not changes:
        raise NothingToChangeError
    if changes.get("display_name", "x") == "":
        raise InvalidBodyError(errors=[{"field": "display_name", "message": "cannot be emptied"}])
    async with as_admin(request) as conn:
        await plans.update_plan(conn, path_id(request), _columns(changes))
        await audit.write_admin(conn, None, "plans.changed", path_id(request), {"fields": sorted(changes)})
    return respond(None)


async def retire_plan(request: web.Request) -> web.Response:
    """Not on offer any more; whoever has it keeps it."""
    return await _offer(request, is_active=False)


async def offer_plan(request: web.Request) -> web.Response:
    return await _offer(request, is_active=True)


async def _offer(request: web.Request, *, is_active: bool) -> web.Response:
    async with as_admin(request) as conn:
        await plans.update_plan(conn, path_id(request), {"is_active": is_active})
        await audit.write_admin(conn, None, "plans.offered" if is_active else "plans.retired", path_id(request))
    return respond(None)


def _columns(fields: dict[str, Any]) -> PlanChanges:
    """As the table has them: the list of models is JSON."""
    if "ai_model_access" in fields:
        fields["ai_model_access"] = orjson.dumps(fields["ai_model_access"]).decode()
    return cast("PlanChanges", fields)
