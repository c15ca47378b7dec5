"""What is sent and answered about webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict, Field

from control_api.fields import PageSize
from control_api.http import Body, Query, View
from control_api.webhooks.destinations import MAX_URL
from control_api.webhooks.events import DESCRIPTIONS, EventType

MAX_OVERLAP_HOURS = 168
DEFAULT_OVERLAP_HOURS = 24
EventTypes = Annotated[list[EventType], Field(min_length=1, max_length=len(DESCRIPTIONS))]
Url = Annotated[str, Field(min_length=8, max_length=MAX_URL)]
Status = Literal["pending", "delivered", "failed"]


class NewWebhook(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"url": "https://example.org/hooks", "event_types": ["summary.ready"]}]}
    )

    url: Url = Field(description="https, and a public address: others are refused, now or when something is sent")
    event_types: EventTypes


class WebhookEdit(Body):
    """What is left out stays."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"event_types": ["summary.ready"]}, {"is_active": False}]}
    )

    url: Url = ""
    event_types: EventTypes = Field(default_factory=list)
    is_active: bool = Field(default=True, description="False: told nothing; what waits already goes on waiting")


class SecretRotation(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_hours": 24}]})

    overlap_hours: int = Field(
        default=DEFAULT_OVERLAP_HOURS,
        ge=0,
        le=MAX_OVERLAP_HOURS,
        description="How long the secret before signs as well; 0 when somebody has it who should not",
    )


class WebhookView(View):
    id: UUID
    url: str
    event_types: list[str]
    is_active: bool
    disabled_reason: str | None = Field(
        description="Why it was switched off: failing, gone (it answered 410), secret_unreadable; null: nobody did",
        examples=["failing"],
    )
    failing_since: datetime | None = Field(description="Null: the last delivery arrived")
    previous_secret_until: datetime | None
    created_at: datetime
    updated_at: datetime


class WebhookMade(WebhookView):
    secret: str = Field(
        description="What signatures are made with: shown now and never again",
        examples=["whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="],
    )


class WebhookList(View):
    items: list[WebhookView]


class EventTypeView(View):
    type: EventType
    description: str
    data: list[str] = Field(description="The fields of its `data`", examples=[["session_id"]])


class EventTypeList(View):
    items: list[EventTypeView]


class DeliveryQuery(Query):
    status: Status | None = None
    cursor: str | None = Field(default=None, max_length=200)
    limit: PageSize = 50


class AttemptView(View):
    at: datetime
    duration_ms: int
    status: int | None = Field(description="What was answered; null: nothing")
    error: str | None = Field(
        description=(
            "Null: it arrived. Else status, redirect, timeout, not_connected, connection_lost, tls, no_http,"
            " name_unknown, address_refused or secret_unreadable"
        ),
        examples=["timeout"],
    )
    body: str = Field(description="The beginning of an answer that is no 2xx")


class DeliveryView(View):
    id: UUID
    message_id: str = Field(
        description="The webhook-id of every attempt", examples=["msg_0b54b1b2e4a94f0f9f5f6a0f6e6f1c2d"]
    )
    event_type: str
    data: dict[str, Any]
    status: Status
    attempts: int = Field(description="Since it was made, or replayed")
    next_attempt_at: datetime | None = Field(description="Null: there is none")
    response_status: int | None
    created_at: datetime
    delivered_at: datetime | None


class DeliveryDetail(DeliveryView):
    log: list[AttemptView] = Field(description="The last attempts, the oldest first")


class DeliveryPage(View):
    items: list[DeliveryView]
    next_cursor: str | None


class Replay(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"since": "2026-11-29T00:00:00Z"}]})

    since: Annotated[AwareDatetime, Field(strict=False)] = Field(description="What happened before is left alone")


class Replayed(View):
    count: int
