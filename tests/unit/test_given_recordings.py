"""Which files are recordings, what reads them, and what a session's log says of what was heard in them."""

from __future__ import annotations

import dataclasses
import io
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import orjson
import pytest

from control_api.recordings.conversation import DAMAGED, conversation_of
from control_api.recordings.engine import Heard, Segment, Word
from control_api.recordings.kinds import KINDS, kind_of
from control_api.recordings.transcribing import started_at_of
from control_api.settings import read_settings
from control_api.taking import HEAD_BYTES
from db.recordings import Given
from deploy.transcribe.audio import opened
from media_server import events
from tests.recorded_files import encoded, wav

FILES = [
    ("audio/wav", wav),
    ("audio/ogg", lambda: encoded("ogg", "libopus")),
    ("audio/flac", lambda: encoded("flac", "flac")),
    ("audio/mpeg", lambda: encoded("mp3", "libmp3lame")),
    ("audio/aac", lambda: encoded("adts", "aac")),
    ("audio/mp4", lambda: encoded("ipod", "aac")),
    ("video/mp4", lambda: encoded("mp4", "aac", with_video=True)),
    ("video/quicktime", lambda: encoded("mov", "aac", with_video=True)),
    ("video/webm", lambda: encoded("webm", "libopus")),
    ("video/x-matroska", lambda: encoded("matroska", "aac", with_video=True)),
]


@pytest.mark.parametrize(("media_type", "made"), FILES, ids=[media_type for media_type, _ in FILES])
def test_a_recording_is_known_by_its_content_and_read_by_its_own_demuxer(media_type: str, made: object) -> None:
    content = made()  # type: ignore[operator]
    kind = kind_of(content[:HEAD_BYTES])
    assert kind is not None
    assert (kind.media_type, KINDS[kind.media_type]) == (media_type, kind)
    with opened(io.BytesIO(content), "mix", kind.demuxer) as source:
        assert sum(block.samples.shape[1] for block in source.blocks()) == pytest.approx(7 * 16_000, rel=0.05)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff", b"\xff\xd8\xff\xe0" + bytes(9), b"%PDF-1.7", b"PK\x03\x04", b"#EXTM3U\n", b"RIFF\0\0\0\0AVI ",
        b"ffconcat version 1.0", b"<?xml version='1.0'?><MPD/>", b"\xff\xff\xff\xff" * 9, b"\0" * 64, b"plain words",
        b"\xff\xfe" + "wide words".encode("utf-16-le"),
    ],
)  # fmt: skip
def test_what_is_no_recording_is_not_taken(content: bytes) -> None:
    assert kind_of(content) is None


ADDRESSES = {
    "DATABASE_URL": "postgresql://api:secret@db/x", "LIVECONVO_JOBS_DATABASE_URL": "postgresql://jobs:secret@db/x",
    "AWS_SECRET_ACCESS_KEY": "secret", "OPENAI_API_KEY": "secret", "LIVECONVO_SECRET_KEY": "secret", "PATH": "/bin",
}  # fmt: skip


def test_what_writes_recordings_down_is_told_which_model_and_no_secret() -> None:
    told = read_settings(ADDRESSES | {"LIVECONVO_WHISPER_MODEL": "base"}).transcribe.environment
    assert told == {"PATH": "/bin", "LIVECONVO_WHISPER_MODEL": "base"}


@pytest.mark.parametrize(
    ("model", "language", "told"), [("", "de", ""), ("base.en", "de", ""), ("base", "de", "de"), ("base", "detect", "")]
)
def test_a_model_that_knows_one_language_is_told_none(model: str, language: str, told: str) -> None:
    given = {"LIVECONVO_WHISPER_MODEL": model, "LIVECONVO_LANGUAGE": language}
    assert read_settings(ADDRESSES | given).transcribe.language == told


GIVEN = Given(uuid4(), uuid4(), uuid4(), uuid4(), "recordings/x", "audio/ogg", has_consent=True)
SAID = Segment(
    start_ms=100, end_ms=900, text="Ten\0.", confidence=0.9, language="en",
    words=[Word(text="Ten.", start_ms=100, end_ms=900, probability=0.9)],
)  # fmt: skip
LOST = Segment(start_ms=1000, end_ms=1500, text="", confidence=0, language="", failure="recognizer_ended")
DROPPED = Segment(start_ms=1600, end_ms=1700, text="", confidence=0, language="en")


def heard(*segments: Segment, is_cut: bool = False) -> Heard:
    return Heard(model="tiny.en", duration_s=2.0, is_cut=is_cut, segments=list(segments))


def test_the_log_is_that_of_a_call_message_by_message() -> None:
    made = conversation_of(GIVEN, heard(SAID, LOST, DROPPED), epoch=1, first_seq=5)
    assert [entry.seq for entry in made.entries] == list(range(5, 11))
    types = {
        each.type: each
        for each in (
            events.SessionStateChanged, events.ParticipantJoined, events.ParticipantLeft, events.TranscriptFinal,
        )
    }  # fmt: skip
    for entry in made.entries:
        fields = {field.name for field in dataclasses.fields(types[entry.type])}
        assert orjson.loads(entry.payload).keys() == fields, entry.type
        assert entry.audience == events.EVERYONE
    [words] = [orjson.loads(entry.payload)["words"] for entry in made.entries if b"Ten" in entry.payload]
    assert words[0].keys() == {field.name for field in dataclasses.fields(events.Word)}


def test_a_final_is_a_row_with_word_times_and_what_was_lost_is_a_gap() -> None:
    said, lost = conversation_of(GIVEN, heard(SAID, LOST, DROPPED), 1, 1).transcripts
    assert (said.content, said.speaker, said.stt_provider) == ("Ten.", "unknown", "whisper:tiny.en")
    assert orjson.loads(said.words or b"")[0]["start_ms"] == 100
    assert (lost.content, lost.confidence_score, lost.stt_provider, lost.language) == ("", None, None, None)


def test_where_a_file_breaks_off_there_is_a_gap() -> None:
    made = conversation_of(GIVEN, heard(SAID, is_cut=True), 1, 1)
    assert orjson.loads(made.entries[-3].payload)["failure"] == DAMAGED
    assert made.transcripts[-1].content == ""


def test_its_minutes_are_those_of_the_month_in_which_it_is_written_down() -> None:
    noon = datetime(2026, 12, 1, 12, tzinfo=UTC)
    assert started_at_of(noon, 60_000) == noon - timedelta(minutes=1)
    assert started_at_of(noon - timedelta(hours=11), 2 * 3_600_000) == datetime(2026, 12, 1, tzinfo=UTC)


def test_made_twice_it_has_the_same_ids() -> None:
    first, second = (conversation_of(GIVEN, heard(SAID, LOST), 1, 1) for _ in range(2))
    assert [row.id for row in first.transcripts] == [row.id for row in second.transcripts]
