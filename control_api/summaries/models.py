"""What is answered about a summary, and what people may correct of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from control_api.fields import Line, Prose
from control_api.http import Body, View
from db.records import Summary


class ActionItemView(View):
    task: str
    owner: str | None
    due: str | None


Entry = Annotated[Prose, StringConstraints(min_length=1, max_length=1000)]
Words = Annotated[Line, StringConstraints(max_length=100)]
MAX_ENTRIES = 100


class ActionItemEdit(Body):
    task: Entry
    owner: Words | None = None
    due: Words | None = None


class SummaryEdit(Body):
    """What is left out stays; a list takes the place of the one before."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"is_marked_done": True},
                {"tldr": "They renew in May.", "action_items": [{"task": "Send the offer", "owner": "Ada"}]},
            ]
        }
    )

    title: Line = ""
    tldr: Annotated[Prose, StringConstraints(min_length=1, max_length=10_000)] = ""
    key_decisions: Annotated[list[Entry], Field(max_length=MAX_ENTRIES)] = Field(default_factory=list)
    action_items: Annotated[list[ActionItemEdit], Field(max_length=MAX_ENTRIES)] = Field(default_factory=list)
    follow_up_questions: Annotated[list[Entry], Field(max_length=MAX_ENTRIES)] = Field(default_factory=list)
    is_marked_done: bool = False
    """Ticked off: whoever looks after it needs to do nothing more."""


class HighlightView(View):
    text: str
    speaker: str
    start_ms: int


class SummaryView(View):
    session_id: UUID
    generation_status: Literal["pending", "generating", "completed", "failed"]
    generation_error: str | None
    title: str | None
    tldr: str | None
    key_decisions: list[str]
    action_items: list[ActionItemView]
    follow_up_questions: list[str]
    conversation_highlights: list[HighlightView]
    full_transcript: str | None
    structured_notes: str | None
    model_used: str | None
    generation_time_seconds: float | None
    is_marked_done: bool
    export_count: int = Field(description="How often those who may change the session took it along")
    last_exported_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Summary) -> Self:
        return cls(
            session_id=row.session_id,
            generation_status=row.generation_status,  # type: ignore[arg-type]  # the column's CHECK holds it
            generation_error=row.generation_error,
            title=row.title,
            tldr=row.tldr,
            key_decisions=row.key_decisions or [],
            action_items=[ActionItemView.model_validate(item) for item in row.action_items or []],
            follow_up_questions=row.follow_up_questions or [],
            conversation_highlights=[HighlightView.model_validate(one) for one in row.conversation_highlights or []],
            full_transcript=row.full_transcript,
            structured_notes=row.structured_notes,
            model_used=row.model_used,
            generation_time_seconds=None if row.generation_time_seconds is None else float(row.generation_time_seconds),
            is_marked_done=row.is_marked_done,
            export_count=row.export_count,
            last_exported_at=row.last_exported_at,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


class SummaryVersion(View):
    """What an edit rests on: counting an export makes no other version."""

    generation_status: str
    title: str | None
    tldr: str | None
    key_decisions: list[str]
    action_items: list[ActionItemView]
    follow_up_questions: list[str]
    is_marked_done: bool
