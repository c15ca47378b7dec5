"""What is sent and answered about people and organizations in administration."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from control_api.fields import Line, PageSize, Prose
from control_api.http import Body, Query, View
from control_api.organizations.models import Cursor, Limit

Search = Annotated[Line, StringConstraints(max_length=100)]
ReasonCode = Literal["abuse", "security", "payment", "request", "mistake", "other"]


class Because(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "abuse"}]})

    reason: ReasonCode = Field(description="Why; kept in the audit log")


class UserQuery(Query):
    q: Search | None = Field(default=None, description="Part of an address or a name")
    is_active: bool | None = None
    is_admin: bool | None = None
    limit: PageSize = 50
    cursor: Cursor | None = None


class ListedUserView(View):
    id: UUID
    email: str
    full_name: str | None
    is_active: bool
    is_admin: bool
    email_verified: bool
    current_organization_id: UUID | None
    organizations: int = Field(description="In how many they are active")
    last_login_at: datetime | None
    deletion_due_at: datetime | None
    created_at: datetime


class UserPage(View):
    items: list[ListedUserView]
    next_cursor: str | None


class MembershipView(View):
    id: UUID = Field(description="Of the organization")
    name: str
    role: str
    status: str
    sessions: int = Field(description="In which something was recorded")
    minutes_this_month: int


class UserDetail(View):
    id: UUID
    email: str
    full_name: str | None
    timezone: str
    is_active: bool
    is_admin: bool
    email_verified: bool
    has_password: bool
    has_google: bool
    current_organization_id: UUID | None
    last_login_at: datetime | None
    deletion_due_at: datetime | None
    created_at: datetime
    sign_ins: int = Field(description="Devices that are signed in")
    organizations: list[MembershipView]


class SignedOut(View):
    sign_ins: int = Field(description="How many ended")


class OrganizationQuery(Query):
    q: Search | None = Field(default=None, description="Part of a name or a slug")
    is_active: bool | None = None
    is_verified: bool | None = None
    awaits_verification: bool | None = None
    limit: PageSize = 50
    cursor: Cursor | None = None


class ListedOrganizationView(View):
    id: UUID
    name: str
    slug: str
    is_active: bool
    is_verified: bool
    verification_requested_at: datetime | None
    members: int = Field(description="Active ones")
    plan_name: str | None
    created_at: datetime


class ListedOrganizationPage(View):
    items: list[ListedOrganizationView]
    next_cursor: str | None


class OrganizationLimits(View):
    """Of the organization itself; null: its plan's count."""

    monthly_audio_hours_limit: int | None
    max_members: int | None
    max_sessions_per_month: int | None


class OrganizationUsage(View):
    members: int = Field(description="Active ones")
    sessions_this_month: int = Field(description="Made since the month began (UTC), deleted ones too")
    minutes_this_month: int = Field(description="Of those who belong to it, each rounded up")
    live_calls: int


class OwnerView(View):
    id: UUID
    email: str
    full_name: str | None


class AdministeredOrganization(View):
    id: UUID
    name: str
    display_name: str | None
    slug: str
    website_url: str | None
    contact_email: str | None
    country_code: str | None
    is_active: bool
    is_verified: bool
    verification_requested_at: datetime | None
    created_at: datetime
    plan_name: str | None
    limits: OrganizationLimits
    usage: OrganizationUsage
    owners: list[OwnerView]


class NewLimits(Body):
    """All three; null: the plan's counts."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"monthly_audio_hours_limit": 50, "max_members": None, "max_sessions_per_month": 400}]
        }
    )

    monthly_audio_hours_limit: Limit | None
    max_members: Annotated[int, Field(ge=1, le=1_000_000)] | None
    max_sessions_per_month: Limit | None


class ChosenPlan(Body):
    plan_id: Annotated[UUID, Field(strict=False, examples=["0f8fad5b-d9cb-469f-a165-70867728950e"])]


class VerificationDecision(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"decision": "refuse", "reason": "The website is somebody else's."}]}
    )

    decision: Literal["approve", "refuse"]
    reason: Annotated[Prose, StringConstraints(min_length=1, max_length=500)] | None = Field(
        default=None, description="For the owner, by mail; a refusal needs one"
    )


class NewDoor(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "Ticket 4711", "minutes": 15}]})

    reason: Annotated[Line, StringConstraints(max_length=500)] = Field(description="For those who manage it to read")
    minutes: Annotated[int, Field(ge=1, le=60)]


class DoorOpened(View):
    id: UUID


class DoorView(View):
    id: UUID
    user_id: UUID
    organization_id: UUID
    reason: str
    opened_at: datetime
    expires_at: datetime
    closed_at: datetime | None


class Doors(View):
    items: list[DoorView]


class ChainCheck(View):
    is_whole: bool
    first_broken: int | None = Field(description="The first entry that is not as it was written, or does not follow")
