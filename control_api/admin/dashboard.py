"""How the installation fares: figures that are computed when they are asked for, each with what it counts."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

from aiohttp import web
from pydantic import Field

from control_api.admin.listing import as_admin
from control_api.admin.waiting import WaitlistCounts
from control_api.http import Query, View, query, respond
from db import administration


class FiguresQuery(Query):
    days: Annotated[int, Field(ge=1, le=366)] = 30


class Day(View):
    day: date = Field(description="A calendar day in UTC")
    sign_ups: int = Field(description="Accounts made on that day, those that were deleted since too")
    sessions: int = Field(description="Sessions made on that day, those that were deleted since too")
    audio_hours: Decimal = Field(description="Recorded on that day, to the second, as it is metered")


class Figures(View):
    users: int = Field(description="Accounts that are not deleted")
    inactive_users: int = Field(description="Of them, deactivated")
    active_users_day: int = Field(description="People who used a sign-in within the last 24 hours")
    active_users_week: int = Field(description="Within the last 7 days")
    active_users_month: int = Field(description="Within the last 30 days")
    organizations: int = Field(description="That are not deleted")
    suspended_organizations: int = Field(description="Of them, suspended")
    verifications_asked_for: int = Field(description="Organizations that wait to be verified")
    sessions: int = Field(description="That are not deleted, drafts too")
    audio_hours: Decimal = Field(description="Recorded since the beginning, as it is metered")
    audio_hours_month: Decimal = Field(description="The same since this month began (UTC)")
    live_calls: int = Field(description="Active sessions whose call a media node holds now")
    people_in_calls: int = Field(description="Participants who joined one of these and have not left")
    waitlist: WaitlistCounts
    subscriptions: dict[str, int] = Field(description="By plan: active, on trial or past due")
    monthly_revenue: Decimal = Field(
        description="An estimate: list prices of active and past-due subscriptions, a twelfth of yearly ones"
    )
    days: list[Day] = Field(description="The last days, today among them, oldest first")


async def get_figures(request: web.Request) -> web.Response:
    asked = query(request, FiguresQuery)
    async with as_admin(request) as conn:
        found = await administration.read_figures(conn, asked.days)
    days = [{**day, "audio_hours": _hours(day["audio_seconds"])} for day in found["days"]]
    hours = {
        "audio_hours": _hours(found["audio_seconds"]),
        "audio_hours_month": _hours(found["audio_seconds_month"]),
        "monthly_revenue": Decimal(str(found["monthly_revenue"])),
    }
    return respond(Figures.model_validate({**found, **hours, "days": days}))


def _hours(seconds: int) -> Decimal:
    return (Decimal(seconds) / 3600).quantize(Decimal("0.01"))
