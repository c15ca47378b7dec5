"""What is sent and answered about accounts."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from control_api.fields import Email, Password, Token
from control_api.http import Body, View
from db.records import Member


class RedeemLink(Body):
    token: Token


class SignIn(Body):
    email: Email
    password: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class NewPassword(Body):
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


class SignedIn(View):
    token: str = Field(description="For clients that are no browser: send it as a bearer")
    me: Me
