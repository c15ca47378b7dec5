"""What was heard in a recording as a session's log and rows, as a media node would have written them. Pure.

Everybody in it is one participant, a microphone that several people share: `unknown` speaks, until somebody says who.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

import orjson

from control_api.recordings.engine import Heard, Segment
from db.recordings import Given
from db.records import LogEntry, NewTranscript

NAME, ROLE, SOURCE = "Recording", "participant", "upload"
"""Of the participant."""
UNKNOWN_SPEAKER = "unknown"
DAMAGED = "recording_damaged"
"""The failure of the gap where a file breaks off."""
_EVERYONE = "everyone"
_NUL = str.maketrans("", "", "\0")


@dataclass(frozen=True, slots=True)
class Conversation:
    entries: list[LogEntry]
    transcripts: list[NewTranscript]
    duration_ms: int


def conversation_of(given: Given, heard: Heard, epoch: int, first_seq: int) -> Conversation:
    """Its numbers follow each other from `first_seq` on; its ids are the same whenever it is made."""
    duration_ms = round(heard.duration_s * 1000)
    entries: list[LogEntry] = []
    finals: list[NewTranscript] = []

    def add(type_: str, at_ms: int, payload: dict[str, Any]) -> int:
        seq = first_seq + len(entries)
        entries.append(
            LogEntry(
                given.session_id, given.organization_id, seq, epoch, type_, at_ms, _EVERYONE, orjson.dumps(payload)
            )
        )
        return seq

    person = {"participant_id": str(given.participant_id), "name": NAME, "role": ROLE, "source": SOURCE}
    add("session.state", 0, {"state": "active", "reason": SOURCE})
    add("participant.joined", 0, person | {"listens_only": False})
    for number, segment in enumerate(_segments(heard, duration_ms)):
        final = _final(given, segment, number)
        seq = add("transcript.final", max(segment.end_ms, segment.start_ms), final)
        finals.append(_transcript(given, segment, final, seq, heard.model))
    add("participant.left", duration_ms, person)
    add("session.state", duration_ms, {"state": "finalizing", "reason": SOURCE})
    return Conversation(entries, finals, duration_ms)


def _segments(heard: Heard, duration_ms: int) -> Iterator[Segment]:
    for segment in heard.segments:
        if segment.text or segment.failure is not None:
            yield segment
    if heard.is_cut:
        yield Segment(
            start_ms=duration_ms, end_ms=duration_ms, text="", confidence=0.0, language="", failure=DAMAGED
        )  # fmt: skip


def _final(given: Given, segment: Segment, number: int) -> dict[str, Any]:
    """A `transcript.final`, field for field."""
    transcript_id = str(uuid5(given.id, str(number)))
    return {
        "transcript_id": transcript_id,
        "utterance_id": transcript_id,
        "participant_id": str(given.participant_id),
        "speaker": UNKNOWN_SPEAKER,
        "start_ms": segment.start_ms,
        "end_ms": max(segment.end_ms, segment.start_ms),
        "text": segment.text.translate(_NUL),
        "words": [word.model_dump() | {"text": word.text.translate(_NUL)} for word in segment.words],
        "confidence": segment.confidence,
        "language": segment.language,
        "failure": segment.failure,
    }


def _transcript(given: Given, segment: Segment, final: dict[str, Any], seq: int, model: str) -> NewTranscript:
    is_gap = segment.failure is not None
    return NewTranscript(
        id=UUID(final["transcript_id"]),
        session_id=given.session_id,
        organization_id=given.organization_id,
        content=final["text"],
        speaker=UNKNOWN_SPEAKER,
        sequence_number=seq,
        start_time_seconds=Decimal(final["start_ms"]).scaleb(-3),
        end_time_seconds=Decimal(final["end_ms"]).scaleb(-3),
        confidence_score=None if is_gap else Decimal(str(segment.confidence)),
        stt_provider=None if is_gap else f"whisper:{model}"[:50],
        participant_id=given.participant_id,
        utterance_id=final["utterance_id"],
        words=orjson.dumps(final["words"]),
        language=None if is_gap else segment.language,
    )
