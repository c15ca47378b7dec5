"""What is sent and answered about organizations, their members and their audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from control_api.access import Permission
from control_api.fields import Email, Line, PageSize, Prose, Timezone
from control_api.http import Body, Query, View
from db.audit import AuditEntry
from db.members import Colleague

MemberRole = Literal["owner", "admin", "member"]
Limit = Annotated[int, Field(ge=0, le=1_000_000)]
Cursor = Annotated[str, StringConstraints(max_length=200)]


def _https(url: str) -> str:
    """For pages and pictures that our own pages point at: no script, no credentials, no plain text."""
    rest = url.removeprefix("https://")
    host = rest.partition("/")[0]
    if rest == url or not host or "@" in host or any(character.isspace() for character in url) or not url.isascii():
        raise ValueError("must be an address that begins with https://")
    return url


Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Z][A-Za-z0-9]{1,7})?$", max_length=10)]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Color = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")]
Url = Annotated[str, StringConstraints(max_length=512), AfterValidator(_https)]
Short = Annotated[Line, StringConstraints(max_length=50)]
Hundred = Annotated[Line, StringConstraints(max_length=100)]
Text = Annotated[Prose, StringConstraints(max_length=2000)]


class NewOrganization(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Engines Ltd", "timezone": "Europe/London"}]})

    name: Line
    timezone: Timezone = "UTC"


class OrganizationEdit(Body):
    """What is left out stays; null empties it."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"display_name": "Engines", "branding_primary_color": "#0a6cff"}]}
    )

    name: Line = ""
    display_name: Line | None = None
    description: Text | None = None
    website_url: Url | None = None
    contact_email: Email | None = None
    phone: Short | None = None
    address_line_1: Line | None = None
    address_line_2: Line | None = None
    city: Hundred | None = None
    state_province: Hundred | None = None
    postal_code: Annotated[Line, StringConstraints(max_length=20)] | None = None
    country_code: Country | None = None
    default_timezone: Timezone = ""
    default_language: Language = ""
    branding_logo_url: Url | None = None
    branding_primary_color: Color | None = None
    tax_id: Hundred | None = None
    billing_email: Email | None = None
    monthly_audio_hours_limit: Limit | None = None
    max_members: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    max_sessions_per_month: Limit | None = None


class OrganizationDetail(View):
    id: UUID
    name: str
    display_name: str | None
    slug: str
    description: str | None
    website_url: str | None
    contact_email: str | None
    phone: str | None
    address_line_1: str | None
    address_line_2: str | None
    city: str | None
    state_province: str | None
    postal_code: str | None
    country_code: str | None
    default_timezone: str
    default_language: str
    branding_logo_url: str | None
    branding_primary_color: str | None
    tax_id: str | None = Field(description="For owners and admins; null for others")
    billing_email: str | None = Field(description="For owners and admins; null for others")
    monthly_audio_hours_limit: int | None
    max_members: int | None
    max_sessions_per_month: int | None
    is_verified: bool
    verification_requested_at: datetime | None
    created_at: datetime


class OwnOrganizationView(View):
    id: UUID
    name: str
    slug: str
    role: str


class OwnOrganizations(View):
    items: list[OwnOrganizationView]


class MemberList(Query):
    limit: PageSize = 50
    cursor: Cursor | None = None


class MemberView(View):
    user_id: UUID
    email: str
    full_name: str | None
    role: str
    status: str
    permissions: list[str] = Field(description="What a member may do beyond reading; empty: everything")
    monthly_audio_hours_limit: int | None
    max_sessions_per_month: int | None
    total_sessions_count: int
    current_month_minutes_used: int
    last_session_at: datetime | None
    joined_at: datetime

    @classmethod
    def of(cls, member: Colleague) -> Self:
        return cls.model_validate(member)


class MemberPage(View):
    items: list[MemberView]
    next_cursor: str | None


class MemberEdit(Body):
    """What is left out stays; a limit of null is no limit of their own."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"role": "admin"}, {"permissions": ["sessions.create"]}]})

    role: MemberRole = "member"
    status: Literal["active", "inactive"] = "active"
    permissions: Annotated[tuple[Permission, ...], Field(max_length=20)] = ()
    monthly_audio_hours_limit: Limit | None = None
    max_sessions_per_month: Limit | None = None


class Transfer(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"user_id": "0f8fad5b-d9cb-469f-a165-70867728950e"}]})

    user_id: Annotated[UUID, Field(strict=False)]


class AuditQuery(Query):
    action: Annotated[str, StringConstraints(pattern=r"^[a-z_]+(\.[a-z_]+)?$", max_length=100)] | None = None
    """An action, or an area: `sessions.deleted`, `sessions`."""
    actor_id: UUID | None = None
    target_id: UUID | None = None
    before: Annotated[int, Field(ge=1, le=2**62)] | None = None
    limit: PageSize = 50


class AuditEntryView(View):
    id: int
    at: datetime
    actor_kind: str
    actor_id: UUID | None
    action: str
    target_kind: str
    target_id: UUID | None
    details: dict[str, Any]

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        return cls.model_validate(entry)


class AuditPage(View):
    items: list[AuditEntryView]
    next_before: int | None = Field(description="Pass as `before` for the next page; null at the end")
