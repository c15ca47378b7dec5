"""What a summary says, whoever wrote it; pure values."""

from __future__ import annotations

from dataclasses import dataclass

NO_SPEECH = "No speech was recorded."
NO_TEXT = "Speech was recorded, but none of it was transcribed."


@dataclass(frozen=True, slots=True)
class Line:
    """One final transcript, in the order of the session's log."""

    transcript_id: str
    speaker: str
    start_ms: int
    end_ms: int
    text: str
    """Empty: it was said, and not transcribed."""

    @property
    def is_gap(self) -> bool:
        return not self.text.strip()


@dataclass(frozen=True, slots=True)
class ActionItem:
    task: str
    owner: str | None
    """A speaker's name; None when nobody took it."""
    due: str | None
    """The words that were said, never a computed date."""


@dataclass(frozen=True, slots=True)
class Highlight:
    text: str
    speaker: str
    start_ms: int


@dataclass(frozen=True, slots=True)
class Content:
    tldr: str
    key_decisions: tuple[str, ...] = ()
    action_items: tuple[ActionItem, ...] = ()
    follow_up_questions: tuple[str, ...] = ()
    conversation_highlights: tuple[Highlight, ...] = ()


def full_transcript(lines: list[Line]) -> str:
    """One line an utterance: `[mm:ss] Speaker: text`."""
    return "\n".join(f"[{clock(line.start_ms)}] {line.speaker}: {_text(line)}" for line in lines)


def _text(line: Line) -> str:
    return (
        f"[not transcribed: {max(1, round((line.end_ms - line.start_ms) / 1000))} s of speech]"
        if line.is_gap
        else line.text
    )


def clock(at_ms: int) -> str:
    """mm:ss, and h:mm:ss from the first hour on."""
    minutes, seconds = divmod(at_ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes:02d}:{seconds:02d}"
