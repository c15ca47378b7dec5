"""What `liveconvo transcribe` writes, and what it says meanwhile."""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path

import pytest

from deploy.cli import parser
from deploy.errors import DeployError
from deploy.transcribe.command import Options, unfit
from deploy.transcribe.engine import Heard
from deploy.transcribe.progress import Progress, described
from deploy.transcribe.transcript import FORMATS, Transcript
from media_server.conversation.types import SpokenWord
from media_server.pipeline.track import Final


def final(text: str, start_ms: int, failure: str | None = None) -> Final:
    words = tuple(
        SpokenWord(word, start_ms + 200 * at, start_ms + 200 * (at + 1), 0.9) for at, word in enumerate(text.split())
    )
    return Final("u", start_ms, start_ms + 2_000, text, words, 0.87654, "en", "whisper:tiny.en", 0, failure)


def transcript(*heard: Heard, channels: int = 1) -> Transcript:
    return Transcript("call.mp3", "tiny.en", 12.3456, channels, heard)


TWO = transcript(Heard(0, final("How much is it?", 500)), Heard(1, final("Forty, I think.", 3_000)), channels=2)
LOST = transcript(Heard(0, final("Hello.", 0)), Heard(0, final("", 4_000, "recognizer_timeout")))


def test_text_has_a_line_for_each_utterance() -> None:
    assert FORMATS["txt"](TWO, False) == "Channel 1: How much is it?\nChannel 2: Forty, I think.\n"


def test_one_channel_has_no_name() -> None:
    assert FORMATS["txt"](LOST, False) == "Hello.\n"


def test_json_has_times_and_words_only_when_they_are_wanted() -> None:
    content = json.loads(FORMATS["json"](TWO, True))
    first = content["segments"][0]
    assert (content["file"], content["model"], content["duration_s"]) == ("call.mp3", "tiny.en", 12.346)
    assert (first["start_ms"], first["end_ms"], first["speaker"], first["confidence"]) == (
        500,
        2_500,
        "Channel 1",
        0.877,
    )
    assert first["words"][1] == {"text": "much", "start_ms": 700, "end_ms": 900, "probability": 0.9}
    assert "words" not in json.loads(FORMATS["json"](TWO, False))["segments"][0]


def test_a_gap_is_marked_where_a_file_can_hold_a_mark() -> None:
    assert "NOTE not recognized: 4000–6000 ms, recognizer_timeout" in FORMATS["vtt"](LOST, False)
    assert json.loads(FORMATS["json"](LOST, False))["segments"][1]["failure"] == "recognizer_timeout"
    assert [gap.start_ms for gap in LOST.lost] == [4_000]


def test_nothing_said_is_a_valid_file_of_each_kind() -> None:
    written = {extension: write(transcript(), True) for extension, write in FORMATS.items()}
    assert (written["txt"], written["vtt"], written["srt"]) == ("", "WEBVTT\n", "")
    assert json.loads(written["json"])["segments"] == []


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_one_line_that_is_written_over() -> None:
    now_s, out = [0.0], Terminal()
    progress = Progress("a.wav", 100.0, out, lambda: now_s[0])
    for now_s[0], read_s in ((1.0, 10.0), (1.1, 11.0), (2.0, 50.0)):
        progress.at(read_s)
    progress.close("done")
    assert out.getvalue().count("\r") == 3
    assert out.getvalue().count("\n") == 1
    assert "50%  00:50 of 01:40, 25× real time, 00:02 left" in out.getvalue()


def test_elsewhere_lines_come_now_and_then() -> None:
    now_s, out = [0.0], io.StringIO()
    progress = Progress("a.wav", 100.0, out, lambda: now_s[0])
    for now_s[0] in range(1, 32):
        progress.at(now_s[0])
    assert len(out.getvalue().splitlines()) == 2


def test_a_file_that_does_not_say_its_length_has_no_share() -> None:
    assert described("-", 3_725.0, None, 10.0) == "-: 1:02:05, 372× real time"


def options(*arguments: str) -> Options:
    from deploy.transcribe.command import _options  # what the arguments mean

    args: argparse.Namespace = parser().parse_args(["transcribe", *arguments])
    return _options(args)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("a.wav", "--format", "vtt", "--format", "srt"), "several formats need --output-dir"),
        (("a.wav", "b.wav", "--format", "srt"), "several files as srt need --output-dir"),
        (("x/a.wav", "y/a.mp3", "--output-dir", "out"), "2 files would all be written as a.txt"),
        (("-", "-"), "standard input can be read once"),
        (("a.wav", "--language", "de", "--model", "tiny.en"), "tiny.en knows English only"),
    ],
)
def test_options_that_do_not_fit_together_are_told(arguments: tuple[str, ...], problem: str) -> None:
    assert (unfit(options(*arguments)) or "").startswith(problem)


@pytest.mark.parametrize(
    "arguments",
    [("a.wav",), ("a.wav", "b.wav", "--format", "json"), ("a.wav", "b.wav", "--format", "srt", "--output-dir", "o")],
)
def test_options_that_fit(arguments: tuple[str, ...]) -> None:
    assert unfit(options(*arguments)) is None


def test_the_engine_is_that_of_the_media_server_unless_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVECONVO_WHISPER_MODEL", "/models/base")
    monkeypatch.setenv("LIVECONVO_WHISPER_DEVICE", "cuda")
    found = options("a.wav")
    assert (found.model, found.device, found.folder, found.formats) == ("/models/base", "cuda", None, ("txt",))
    assert found.compute_type == ""
    monkeypatch.setenv("LIVECONVO_WHISPER_COMPUTE_TYPE", "float16")
    assert options("a.wav").compute_type == "float16"
    assert options("a.wav", "--compute-type", "float32").compute_type == "float32"
    assert options("a.wav", "--model", "tiny.en", "--output-dir", "o").folder == Path("o")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LIVECONVO_ASR_WORKERS", "two"),
        ("LIVECONVO_WHISPER_DEVICE", "gpu"),
        ("LIVECONVO_WHISPER_COMPUTE_TYPE", "int4"),
    ],
)
def test_a_setting_that_makes_no_sense_is_told(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(DeployError, match=name):
        options("a.wav")


@pytest.mark.parametrize("code", ["german", "DE", "d", "d3"])
def test_a_language_is_a_code(code: str) -> None:
    with pytest.raises(SystemExit):
        options("a.wav", "--language", code)
    assert options("a.wav", "--language", "yue").language == "yue"
