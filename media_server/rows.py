"""What a log entry stands for in the database: pure, from the spool's payload to records.

The payload's key `row` holds what the wire does not carry; a stored payload is without it.

| entry | row |
|---|---|
| transcript.final | a transcript; its sequence number is the entry's `seq`; without text where it was not transcribed |
| guidance.shown | a piece of guidance |
| guidance.feedback | a mark on that guidance, if it was for that participant |
| usage.recorded | an interval of usage; seconds in a minute, if the release before wrote it |
| participant.joined, participant.left | the participant's times |
| session.state active, paused, finalizing | a step of the session; draft (a call without audio is over): none |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from db.records import LogEntry, NewGuidance, NewTranscript
from db.usage import UsageInterval, UsageSeconds
from media_server.errors import MediaError
from media_server.event_log import ROW


class BadEntryError(MediaError):
    """An entry does not hold what its type says."""

    code = "entry_invalid"


@dataclass(frozen=True, slots=True)
class Presence:
    participant_id: UUID
    at: datetime
    is_here: bool


@dataclass(frozen=True, slots=True)
class Step:
    """A session goes on or pauses; going on for the first time starts it."""

    session_id: UUID
    epoch: int
    at: datetime
    is_paused: bool


@dataclass(frozen=True, slots=True)
class Feedback:
    guidance_id: UUID
    session_id: UUID
    participant_id: UUID
    action: str


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of some entries, in the order in which they are to be written."""

    presence: list[Presence] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    transcripts: list[NewTranscript] = field(default_factory=list)
    guidance: list[NewGuidance] = field(default_factory=list)
    feedback: list[Feedback] = field(default_factory=list)
    usage: list[UsageInterval] = field(default_factory=list)
    usage_seconds: list[UsageSeconds] = field(default_factory=list)
    ended: list[tuple[UUID, datetime]] = field(default_factory=list)


def without_row(entry: LogEntry) -> LogEntry:
    """The entry as it is stored and sent."""
    wire = orjson.loads(entry.payload)
    if wire.pop(ROW, None) is None:
        return entry
    return replace(entry, payload=orjson.dumps(wire))


def rows_of(entries: Iterable[LogEntry]) -> Rows:
    """
    Raises:
        BadEntryError: an entry lacks something, or it is of the wrong kind.
    """
    rows = Rows()
    for entry in entries:
        try:
            _add(rows, entry)
        except (KeyError, IndexError, TypeError, ValueError, ArithmeticError) as error:
            raise BadEntryError(f"{entry.type}: {type(error).__name__}") from error
    return rows


def _add(rows: Rows, entry: LogEntry) -> None:
    wire = orjson.loads(entry.payload)
    row = wire.get(ROW, {})
    match entry.type, wire.get("state"):
        case "transcript.final", _:
            rows.transcripts.append(_transcript(entry, wire, row))
        case "guidance.shown", _:
            rows.guidance.append(_guidance(entry, wire, row))
        case "guidance.feedback", _:
            rows.feedback.extend(_feedback(entry, wire))
        case "usage.recorded", _ if "minute_at" in wire:
            rows.usage_seconds.append(_usage_seconds(entry, wire, row))
        case "usage.recorded", _:
            rows.usage.append(_usage(entry, wire))
        case "participant.joined" | "participant.left", _:
            is_here = entry.type == "participant.joined"
            rows.presence.append(Presence(UUID(wire["participant_id"]), _instant(row["at"]), is_here))
        case "session.state", "active" | "paused":
            at = _instant(row.get("started_at", row["at"]))
            rows.steps.append(Step(entry.session_id, entry.epoch, at, wire["state"] == "paused"))
        case "session.state", "finalizing":
            rows.ended.append((entry.session_id, _instant(row.get("ended_at", row["at"]))))


def _transcript(entry: LogEntry, wire: dict[str, Any], row: dict[str, Any]) -> NewTranscript:
    is_gap = wire.get("failure") is not None
    return NewTranscript(
        id=UUID(wire["transcript_id"]),
        session_id=entry.session_id,
        organization_id=entry.organization_id,
        content=wire["text"],
        speaker=wire["speaker"],
        sequence_number=entry.seq,
        start_time_seconds=_seconds(wire["start_ms"]),
        end_time_seconds=_seconds(wire["end_ms"]),
        confidence_score=None if is_gap else _or_none(_ratio, wire.get("confidence")),
        stt_provider=row.get("stt_provider"),
        participant_id=UUID(wire["participant_id"]),
        utterance_id=wire["utterance_id"],
        words=orjson.dumps(wire["words"]),
        language=None if is_gap else wire.get("language"),
        created_at=_or_none(_instant, row.get("at")),
    )


def _guidance(entry: LogEntry, wire: dict[str, Any], row: dict[str, Any]) -> NewGuidance:
    evidence = wire["evidence"]
    return NewGuidance(
        id=UUID(wire["guidance_id"]),
        session_id=entry.session_id,
        organization_id=entry.organization_id,
        content=wire["content"],
        guidance_type=wire["guidance_type"],
        priority=wire["priority"],
        triggered_at_seconds=_seconds(entry.at_ms),
        cue=wire.get("cue"),
        evidence=orjson.dumps(evidence),
        triggered_by_transcript_id=UUID(evidence[-1]["transcript_id"]) if evidence else None,
        context_snippet=evidence[-1]["quote"] if evidence else None,
        expires_at_seconds=_or_none(_seconds, wire.get("expires_at_ms")),
        model_used=row.get("model_used"),
        processing_time_ms=row.get("processing_time_ms"),
        created_at=_or_none(_instant, row.get("at")),
        audience=entry.audience,
    )


def _feedback(entry: LogEntry, wire: dict[str, Any]) -> list[Feedback]:
    # The id comes from a client: one that is none refers to nothing, as one that is unknown does.
    try:
        guidance_id = UUID(wire["guidance_id"])
    except ValueError:
        return []
    return [Feedback(guidance_id, entry.session_id, UUID(wire["participant_id"]), wire["action"])]


def _usage(entry: LogEntry, wire: dict[str, Any]) -> UsageInterval:
    return UsageInterval(
        session_id=entry.session_id,
        organization_id=entry.organization_id,
        participant_id=UUID(wire["participant_id"]),
        epoch=entry.epoch,
        from_ms=wire["from_ms"],
        to_ms=wire["to_ms"],
    )


def _usage_seconds(entry: LogEntry, wire: dict[str, Any], row: dict[str, Any]) -> UsageSeconds:
    return UsageSeconds(
        session_id=entry.session_id,
        organization_id=entry.organization_id,
        user_id=UUID(row["user_id"]),
        minute_at=_instant(wire["minute_at"]),
        seconds=wire["seconds"],
    )


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("an instant without a zone")
    return instant


def _seconds(ms: int) -> Decimal:
    return Decimal(ms).scaleb(-3)


def _ratio(value: float) -> Decimal:
    return Decimal(str(value))


def _or_none(convert: Callable[[Any], Any], value: Any) -> Any:
    return None if value is None else convert(value)
