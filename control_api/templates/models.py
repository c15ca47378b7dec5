"""What is sent and answered about playbooks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from control_api.fields import ConversationType, Line, PageSize, Prose
from control_api.http import Body, Query, View
from control_api.templates.content import Entries
from db.templates import Template

Scope = Literal["system", "organization", "personal"]
Markdown = Annotated[Prose, StringConstraints(max_length=20_000)]
Description = Annotated[Prose, StringConstraints(max_length=1000)]
_EXAMPLE: dict[str, Any] = {
    "name": "Renewals",
    "conversation_type": "sales",
    "scope": "organization",
    "guidance_prompts": [
        {
            "kind": "cue",
            "cue": "unanswered_question",
            "guidance_type": "clarify",
            "priority": 1,
            "when": "A customer's question has had no answer.",
            "say": "{name} is still waiting for an answer: {quote}",
        }
    ],
    "summary_template": "## Next steps\nWho does what by when.",
}


class NewTemplate(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    name: Line
    description: Description | None = None
    conversation_type: ConversationType | None = None
    scope: Literal["organization", "personal"] = "personal"
    guidance_prompts: Entries = ()
    context_instructions: Markdown | None = None
    summary_template: Markdown | None = None


class TemplateEdit(Body):
    """What is left out stays."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Renewals, second quarter", "is_public": False}]}
    )

    name: Line = ""
    description: Description | None = None
    conversation_type: ConversationType | None = None
    guidance_prompts: Entries = ()
    context_instructions: Markdown | None = None
    summary_template: Markdown | None = None
    is_public: bool = False
    """Whether other organizations may use it; for what the organization shares."""
    is_active: bool = True
    """False: kept, and offered to nobody."""


class Clone(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Our sales playbook", "scope": "organization"}]})

    name: Line
    scope: Literal["organization", "personal"] = "personal"


class TemplateList(Query):
    conversation_type: ConversationType | None = None
    """Those for it, and those for any."""
    scope: Scope | None = None
    is_active: bool = True
    """False: those that were switched off, of one's own and of the organization."""
    limit: PageSize = 100
    cursor: Annotated[str, StringConstraints(max_length=2000)] | None = None


class TemplateSummary(View):
    id: UUID
    name: str
    description: str | None
    conversation_type: str | None
    scope: Scope
    is_public: bool
    is_active: bool
    version: int
    usage_count: int
    last_used_at: datetime | None
    created_at: datetime


class TemplateView(TemplateSummary):
    guidance_prompts: list[dict[str, Any]] = Field(description="Cues, prompts and bands")
    context_instructions: str | None
    summary_template: str | None

    @classmethod
    def of(cls, row: Template) -> Self:
        known = {name: getattr(row, name) for name in cls.model_fields if name not in {"scope", "guidance_prompts"}}
        return cls(**known, scope=scope_of(row), guidance_prompts=row.guidance_prompts or [])


class Templates(View):
    items: list[TemplateSummary]
    next_cursor: str | None


def scope_of(row: Template) -> Scope:
    if row.is_system_template:
        return "system"
    return "organization" if row.is_organization_template else "personal"
