"""What is sent and answered about invitations to become a member."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from control_api.fields import Email, PageSize, Prose
from control_api.http import Body, Query, View
from control_api.organizations.models import Cursor, MemberRole
from db.invitations import Invitation, Offer

Message = Annotated[Prose, StringConstraints(max_length=1000)]


class NewInvitation(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "ada@example.org", "role": "member", "message": "Welcome!"}]}
    )

    email: Email
    role: MemberRole = "member"
    message: Message | None = None


class InvitationList(Query):
    status: Literal["pending", "accepted", "declined", "expired", "cancelled"] | None = None
    limit: PageSize = 50
    cursor: Cursor | None = None


class InvitationView(View):
    id: UUID
    email: str
    role: str
    message: str | None
    status: str
    expires_at: datetime
    invited_by_user_id: UUID
    accepted_by_user_id: UUID | None
    created_at: datetime

    @classmethod
    def of(cls, row: Invitation) -> Self:
        return cls.model_validate({**{name: getattr(row, name) for name in _SHARED}, "message": row.personal_message})


_SHARED = frozenset(InvitationView.model_fields) - {"message"}


class InvitationMade(InvitationView):
    url: str = Field(description="What the person who was invited opens; told here and in their mail, and kept nowhere")

    @classmethod
    def made(cls, row: Invitation, url: str) -> Self:
        return cls(**InvitationView.of(row).model_dump(), url=url)


class InvitationPage(View):
    items: list[InvitationView]
    next_cursor: str | None


class OfferView(View):
    """What whoever holds the link may know before signing in."""

    email: str
    role: str
    organization_name: str
    expires_at: datetime

    @classmethod
    def of(cls, offer: Offer) -> Self:
        return cls.model_validate(offer)


class OwnOfferView(OfferView):
    id: UUID
    organization_id: UUID
    message: str | None

    @classmethod
    def of(cls, offer: Offer) -> Self:
        return cls(
            id=offer.id,
            email=offer.email,
            role=offer.role,
            organization_name=offer.organization_name,
            expires_at=offer.expires_at,
            organization_id=offer.organization_id,
            message=offer.personal_message,
        )


class OwnOffers(View):
    items: list[OwnOfferView]


class Accepted(View):
    organization_id: UUID
