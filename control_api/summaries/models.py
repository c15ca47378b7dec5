"""What is answered about a summary."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from control_api.http import View
from db.records import Summary


class ActionItemView(View):
    task: str
    owner: str | None
    due: str | None


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
    created_at: datetime

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
            created_at=row.created_at,
        )
