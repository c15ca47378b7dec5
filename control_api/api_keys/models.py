"""What is sent and answered about API keys."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict, Field

from control_api.fields import PersonName
from control_api.http import Body, View

KeyScope = Literal["read", "write", "admin"]


class NewApiKey(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Nightly export", "scopes": ["read"]}]})

    name: PersonName = Field(examples=["CRM import"])
    scopes: Annotated[list[KeyScope], Field(min_length=1, max_length=3)] = Field(
        description="read: GET; write: everything else; admin: what only owners and admins do. Each stands for itself.",
        examples=[["read"]],
    )
    expires_at: Annotated[AwareDatetime, Field(strict=False)] | None = Field(default=None, description="Null: never")


class ApiKeyView(View):
    id: UUID
    key_prefix: str = Field(description="The key's first characters", examples=["lc_1f0c9a2b"])
    name: str
    user_id: UUID = Field(description="For whom it acts: it may never more than that member")
    scopes: list[KeyScope]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To within five minutes")
    revoked_at: datetime | None


class ApiKeyMade(ApiKeyView):
    key: str = Field(description="The key itself: shown now and never again")


class ApiKeyList(View):
    api_keys: list[ApiKeyView]
