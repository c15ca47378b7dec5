"""What an export says of a session, whatever the format: its facts, its summary, and what was said."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import orjson

from db.records import Transcript


@dataclass(frozen=True, slots=True)
class Word:
    text: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Task:
    task: str
    owner: str | None
    due: str | None


@dataclass(frozen=True, slots=True)
class Line:
    start_ms: int
    end_ms: int | None
    speaker: str
    text: str
    """Empty: it was said, and not transcribed."""
    words: tuple[Word, ...] = ()
    """When each was said; none where nobody knows, as in what was corrected."""

    @property
    def said(self) -> str:
        """What to read: its words, or that they are missing."""
        if self.text:
            return self.text
        spoken_ms = 0 if self.end_ms is None else self.end_ms - self.start_ms
        return f"[not transcribed: {max(1, round(spoken_ms / 1000))} s of speech]"


@dataclass(frozen=True, slots=True)
class Report:
    title: str
    conversation_type: str | None
    began_at: datetime | None
    duration_s: int
    tldr: str | None = None
    key_decisions: tuple[str, ...] = ()
    action_items: tuple[Task, ...] = ()
    follow_up_questions: tuple[str, ...] = ()
    lines: tuple[Line, ...] = field(default=())


def line_of(row: Transcript) -> Line:
    return Line(
        start_ms=round(row.start_time_seconds * 1000),
        end_ms=None if row.end_time_seconds is None else round(row.end_time_seconds * 1000),
        speaker=row.speaker,
        text=row.content,
        words=tuple(Word(word["text"], word["start_ms"], word["end_ms"]) for word in orjson.loads(row.words or "[]")),
    )


def clock(ms: int) -> str:
    """Hours, minutes and seconds of media time."""
    seconds = max(0, ms) // 1000
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def facts(report: Report) -> list[str]:
    """What is known of it beside its title."""
    found = [report.conversation_type or "", clock(report.duration_s * 1000) if report.duration_s else ""]
    if report.began_at is not None:
        found.insert(0, report.began_at.strftime("%Y-%m-%d %H:%M UTC"))
    return [fact for fact in found if fact]


def owed(task: Task) -> str:
    """Who does it by when."""
    return ", ".join(part for part in (task.owner, task.due) if part)
