"""What is sent and answered about accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from control_api.fields import Email, Line, Password, PersonName, Timezone, Token
from control_api.http import Body, View
from db.records import Member, Person

AnyPassword = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class SignInOptions(View):
    google: bool = Field(description="Whether one can sign in with Google")
    is_gated: bool = Field(description="Whether accounts are given to the waiting list only")


class RedeemLink(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"token": "5c1f0e6b9a7d4c3281f0e6b9a7d4c328"}]})

    token: Token


class SignIn(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "ada@example.org", "password": "correct horse battery"}]}
    )

    email: Email = Field(examples=["ada@example.org"])
    password: AnyPassword


class SignUp(Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"email": "ada@example.org", "full_name": "Ada Lovelace", "timezone": "Europe/London"}]
        }
    )

    email: Email = Field(examples=["ada@example.org"])
    full_name: PersonName = Field(examples=["Ada Lovelace"])
    timezone: Timezone = Field(default="UTC", examples=["Europe/Vienna"])


class Forgot(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"email": "ada@example.org"}]})

    email: Email = Field(examples=["ada@example.org"])


class LinkAndPassword(Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"token": "5c1f0e6b9a7d4c3281f0e6b9a7d4c328", "password": "correct horse battery"}]
        }
    )

    token: Token = Field(description="Of the link in the mail")
    password: Password = Field(examples=["correct horse battery staple"])


class MailSent(View):
    status: Literal["mail_sent"] = Field(
        default="mail_sent", description="The same for every address; what the mail says depends on who has it"
    )


class NewPassword(Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"password": "a new and longer one", "current_password": "correct horse battery"}]
        }
    )

    password: Password
    current_password: Annotated[str, StringConstraints(max_length=200)] | None = Field(
        default=None, description="Needed once a password is set"
    )


class UserView(View):
    id: UUID
    email: str
    full_name: str | None
    has_password: bool


class OrganizationView(View):
    id: UUID
    name: str
    slug: str


class Me(View):
    user: UserView
    organization: OrganizationView
    role: str

    @classmethod
    def of(cls, who: Member) -> Me:
        return cls(
            user=UserView(id=who.user_id, email=who.email, full_name=who.full_name, has_password=who.has_password),
            organization=OrganizationView(
                id=who.organization_id, name=who.organization_name, slug=who.organization_slug
            ),
            role=who.role,
        )


class SignedInPerson(View):
    user: UserView
    organization: OrganizationView | None = Field(description="Null: create one, or accept an invitation")
    role: str | None

    @classmethod
    def of(cls, who: Person) -> SignedInPerson:
        organization = None
        if who.organization_id is not None and who.organization_name is not None and who.organization_slug is not None:
            organization = OrganizationView(
                id=who.organization_id, name=who.organization_name, slug=who.organization_slug
            )
        return cls(
            user=UserView(id=who.user_id, email=who.email, full_name=who.full_name, has_password=who.has_password),
            organization=organization,
            role=who.role,
        )


class SignedIn(View):
    token: str = Field(description="For clients that are no browser: send it as a bearer")
    me: SignedInPerson

    @classmethod
    def of(cls, token: str, who: Person) -> SignedIn:
        return cls(token=token, me=SignedInPerson.of(who))


class Onboarding(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"organization_name": "Acme", "timezone": "Europe/London"}]}
    )

    organization_name: Line | None = Field(default=None, description="By default the person's name says it")
    timezone: Timezone = Field(default="UTC", examples=["Europe/Vienna"])


class CurrentOrganization(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"organization_id": "0f8fad5b-d9cb-469f-a165-70867728950e"}]}
    )

    organization_id: UUID = Field(strict=False)


class ProfileView(View):
    id: UUID
    email: str
    email_verified: bool
    full_name: str | None
    timezone: str
    default_microphone_id: str | None
    default_speaker_id: str | None
    personal_context: str | None = Field(description="What the coach should know")
    current_organization_id: UUID | None
    has_completed_onboarding: bool
    is_admin: bool
    created_at: datetime
    deletion_due_at: datetime | None = Field(description="When the account will be erased; null: it stays")


DeviceId = Annotated[str, StringConstraints(min_length=1, max_length=255)]


class ProfileChange(Body):
    """What is left out stays; null empties."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"full_name": "Ada Lovelace", "personal_context": "Sells to small companies."}]}
    )

    full_name: PersonName | None = None
    timezone: Timezone | None = None
    default_microphone_id: DeviceId | None = None
    default_speaker_id: DeviceId | None = None
    personal_context: Annotated[str, StringConstraints(max_length=8000)] | None = None


class DeviceView(View):
    id: UUID
    is_current: bool = Field(description="Whether it is the one that asks")
    device_type: str | None = Field(examples=["desktop"])
    browser: str | None = Field(examples=["Firefox"])
    os: str | None = Field(examples=["Linux"])
    ip_address: str | None
    started_at: datetime
    last_activity_at: datetime


class DevicePage(View):
    devices: list[DeviceView]
    next_cursor: str | None


class Deletion(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"password": "correct horse battery"}]})

    password: Annotated[str, StringConstraints(max_length=200)] | None = Field(
        default=None, description="Needed once a password is set"
    )


class DeletionOrdered(View):
    due_at: datetime = Field(description="When the account is erased, unless it is cancelled before")
