"""What one's plan allows in the organization that one works in, and what is used of it this month."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from aiohttp import web
from pydantic import Field

from control_api import errors
from control_api.access import as_member
from control_api.auth import member
from control_api.http import View, respond
from control_api.routing import Policy, Route
from db import usage
from db.usage import PlanUsage


class Used(View):
    used: int
    limit: int | None = Field(description="Null: unlimited; 0: none")
    remaining: int | None = Field(description="Null: unlimited")

    @classmethod
    def of(cls, used: int, limit: int | None) -> Self:
        return cls(used=used, limit=limit, remaining=None if limit is None else max(0, limit - used))


class Month(View):
    begins_at: datetime
    ends_at: datetime = Field(description="When everything that is counted by month begins anew; UTC")


class PlanBought(View):
    name: str | None
    display_name: str | None
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


class UsageView(View):
    month: Month
    plan: PlanBought
    audio_minutes: Used = Field(description="One's own, this month; refused beyond it: `audio_limit`")
    sessions: Used = Field(description="Made in the organization this month, deleted ones too: `session_limit`")
    own_sessions: Used = Field(description="Of them, one's own: `member_session_limit`")
    members: Used = Field(description="Active ones: `member_limit`")

    @classmethod
    def of(cls, found: PlanUsage) -> Self:
        plan = {"name": found.plan_name, "display_name": found.plan_display_name}
        features = {name: getattr(found, name) for name in PlanBought.model_fields if name not in plan}
        return cls(
            month=Month(begins_at=found.month_begins_at, ends_at=found.month_ends_at),
            plan=PlanBought.model_validate(plan | features),
            audio_minutes=Used.of(found.minutes_used, found.minutes_limit),
            sessions=Used.of(found.sessions_used, found.sessions_limit),
            own_sessions=Used.of(found.own_sessions_used, found.own_sessions_limit),
            members=Used.of(found.members_used, found.members_limit),
        )


async def get_usage(request: web.Request) -> web.Response:
    async with as_member(request) as conn:
        found = await usage.my_plan_usage(conn, member(request).organization_id)
    return respond(UsageView.of(found))


USAGE = (
    Route(
        method="GET",
        path="/v1/usage",
        handler=get_usage,
        policy=Policy.MEMBER,
        summary="The limits of one's plan, and what is used of them this month",
        tag="usage",
        response=UsageView,
        errors=(errors.NotFoundError,),
    ),
)
