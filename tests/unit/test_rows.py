"""What each log entry stands for in the database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import pytest

from db.records import LogEntry
from db.usage import UsageInterval, UsageSeconds
from media_server.events import (
    Event,
    Evidence,
    GuidanceFeedback,
    GuidanceShown,
    ParticipantJoined,
    ParticipantLeft,
    PipelineStatus,
    SessionStateChanged,
    UsageRecorded,
)
from media_server.rows import BadEntryError, Feedback, Presence, Rows, Step, rows_of, without_row
from tests.log_entries import ORGANIZATION, PARTICIPANT, SESSION, final

AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
GUIDANCE = UUID("44444444-4444-4444-8444-444444444444")
TRANSCRIPT = UUID("55555555-5555-4555-8555-555555555555")


def spooled(event: Event, *, seq: int = 7, at_ms: int = 2500, **row: Any) -> LogEntry:
    payload = orjson.loads(orjson.dumps(event)) | {"row": {"at": AT.isoformat()} | row}
    return LogEntry(SESSION, ORGANIZATION, seq, 2, event.type, at_ms, event.audience, orjson.dumps(payload))


def test_a_final_is_a_transcript_numbered_by_its_seq() -> None:
    [row] = rows_of([spooled(final(3), stt_provider="whisper")]).transcripts
    assert (row.content, row.speaker, row.sequence_number, row.stt_provider) == ("sentence 3", "Ada", 7, "whisper")
    assert (row.start_time_seconds, row.end_time_seconds) == (Decimal("3.000"), Decimal("3.800"))
    assert (row.participant_id, row.utterance_id, row.language, row.created_at) == (PARTICIPANT, "u3", "en", AT)


def test_a_marked_gap_is_a_transcript_without_text_that_keeps_its_times() -> None:
    gap = replace(final(3), text="", words=[], confidence=0.0, language="", failure="recognizer_overloaded")
    [row] = rows_of([spooled(gap, stt_provider=None)]).transcripts
    assert (row.content, row.speaker, row.utterance_id, row.participant_id) == ("", "Ada", "u3", PARTICIPANT)
    assert (row.start_time_seconds, row.end_time_seconds) == (Decimal("3.000"), Decimal("3.800"))
    assert (row.confidence_score, row.language, row.stt_provider, row.words) == (None, None, None, b"[]")


def test_a_final_keeps_its_words() -> None:
    [row] = rows_of([spooled(final(3))]).transcripts
    assert row.words is not None
    assert orjson.loads(row.words)[0] == {"text": "sentence", "start_ms": 3000, "end_ms": 3400, "probability": 0.9}


def test_guidance_names_the_newest_words_it_rests_on() -> None:
    evidence = [Evidence(str(GUIDANCE), "older"), Evidence(str(TRANSCRIPT), "how much is it?")]
    shown = GuidanceShown(str(GUIDANCE), "ask", 2, "Answer the price.", evidence, "question", 9000)
    [row] = rows_of([spooled(shown, model_used="rules")]).guidance
    assert (row.triggered_by_transcript_id, row.context_snippet) == (TRANSCRIPT, "how much is it?")
    assert (row.triggered_at_seconds, row.expires_at_seconds) == (Decimal("2.500"), Decimal("9.000"))
    assert (row.id, row.priority, row.cue, row.model_used) == (GUIDANCE, 2, "question", "rules")


def test_guidance_by_hand_keeps_whom_it_is_for() -> None:
    shown = GuidanceShown(str(GUIDANCE), "warn", 1, "Slow down.", [], "by_hand", 9000)
    for audience in ("coached", "role:host"):
        [row] = rows_of([replace(spooled(shown), audience=audience)]).guidance
        assert row.audience == audience


def test_guidance_may_rest_on_no_words() -> None:
    [row] = rows_of([spooled(GuidanceShown(str(GUIDANCE), "warn", 1, "Slow down.", [], "pace", 9000))]).guidance
    assert row.triggered_by_transcript_id is None


def test_feedback_marks_its_guidance() -> None:
    [feedback] = rows_of([spooled(GuidanceFeedback(str(GUIDANCE), str(PARTICIPANT), "helpful"))]).feedback
    assert feedback == Feedback(GUIDANCE, SESSION, PARTICIPANT, "helpful")


def test_feedback_on_what_is_no_guidance_marks_nothing() -> None:
    assert rows_of([spooled(GuidanceFeedback("x", str(PARTICIPANT), "helpful"))]) == Rows()


def test_usage_is_an_interval_of_its_epoch() -> None:
    [row] = rows_of([spooled(UsageRecorded(str(PARTICIPANT), 500, 10_500))]).usage
    assert row == UsageInterval(SESSION, ORGANIZATION, PARTICIPANT, epoch=2, from_ms=500, to_ms=10_500)


def test_usage_of_the_release_before_is_seconds_of_a_minute() -> None:
    wire = {"minute_at": AT.isoformat(), "seconds": 42, "row": {"at": AT.isoformat(), "user_id": str(GUIDANCE)}}
    entry = LogEntry(SESSION, ORGANIZATION, 7, 1, "usage.recorded", 0, "server", orjson.dumps(wire))
    assert rows_of([entry]) == Rows(usage_seconds=[UsageSeconds(SESSION, ORGANIZATION, GUIDANCE, AT, 42)])


def test_coming_and_going_keep_their_order() -> None:
    person = (str(PARTICIPANT), "Ada", "host", "browser")
    events = [ParticipantJoined(*person), ParticipantLeft(*person), ParticipantJoined(*person)]  # type: ignore[arg-type]
    presence = rows_of(spooled(event) for event in events).presence
    assert presence == [Presence(PARTICIPANT, AT, is_here) for is_here in (True, False, True)]


def test_a_session_starts_when_its_first_packet_came() -> None:
    started_at = datetime(2026, 11, 22, 9, 29, tzinfo=UTC)
    entry = spooled(SessionStateChanged("active", "recording"), started_at=started_at.isoformat())
    assert rows_of([entry]).steps == [Step(SESSION, 2, started_at, is_paused=False)]


def test_a_session_pauses() -> None:
    assert rows_of([spooled(SessionStateChanged("paused", "by host"))]).steps == [Step(SESSION, 2, AT, is_paused=True)]


def test_a_session_ends_when_it_is_finalized() -> None:
    ended_at = datetime(2026, 11, 22, 9, 45, tzinfo=UTC)
    entry = spooled(SessionStateChanged("finalizing", "ended by host"), ended_at=ended_at.isoformat())
    assert rows_of([entry]).ended == [(SESSION, ended_at)]


def test_other_entries_stand_for_no_row() -> None:
    nothing_recorded = SessionStateChanged("draft", "ended by host")
    assert rows_of([spooled(PipelineStatus(1, "full")), spooled(nothing_recorded)]) == Rows()


def test_an_entry_that_lacks_something_is_refused_with_a_code() -> None:
    with pytest.raises(BadEntryError) as refusal:
        rows_of([LogEntry(SESSION, ORGANIZATION, 1, 1, "transcript.final", 0, "everyone", b'{"text":"secret"}')])
    assert refusal.value.code == "entry_invalid"
    assert "secret" not in str(refusal.value)


def test_what_is_stored_is_what_was_sent() -> None:
    assert orjson.loads(without_row(spooled(PipelineStatus(1, "full"))).payload) == {"lag_ms": 1, "level": "full"}
