"""Whisper with its real weights on the demo's recordings and on sounds that are no speech."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from deploy.call.audio_file import read_recording
from media_server.engines import catalog
from media_server.engines.protocols import Recognizer, Samples
from media_server.engines.whisper import says_twice

DEMO = Path(__file__).parents[2] / "deploy" / "demo"
BUNDLED = SimpleNamespace(whisper_model="tiny.en", whisper_device="cpu", asr_workers=1)


@pytest.fixture(scope="module")
def whisper() -> Recognizer:
    return catalog.recognizer(BUNDLED)


@pytest.fixture(scope="module")
def spoken() -> tuple[Samples, str]:
    """The first thing the demo's host says, and its words."""
    line = next(line for line in json.loads((DEMO / "script.json").read_text())["utterances"])
    samples = read_recording(DEMO / "host.opus").for_listening()
    return samples[(line["start_ms"] - 200) * 16 : (line["end_ms"] + 150) * 16], line["text"]


def bare(text: str) -> list[str]:
    return "".join(letter for letter in text.casefold() if letter.isalnum() or letter == " ").split()


def test_a_final_has_the_words_that_were_said(whisper: Recognizer, spoken: tuple[Samples, str]) -> None:
    audio, text = spoken
    assert bare(whisper.recognize(audio, is_final=True).text) == bare(text)


def test_word_times_are_in_order_and_inside_the_audio(whisper: Recognizer, spoken: tuple[Samples, str]) -> None:
    audio, text = spoken
    words = whisper.recognize(audio, is_final=True).words
    times = [time for word in words for time in (word.start_s, word.end_s)]
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] <= len(audio) / 16_000
    assert bare(" ".join(word.text for word in words)) == bare(text)


def test_a_partial_has_text_and_no_word_times(whisper: Recognizer, spoken: tuple[Samples, str]) -> None:
    recognition = whisper.recognize(spoken[0], is_final=False)
    assert recognition.text
    assert recognition.words == ()


def test_the_same_audio_gives_the_same_text(whisper: Recognizer, spoken: tuple[Samples, str]) -> None:
    assert whisper.recognize(spoken[0], is_final=True) == whisper.recognize(spoken[0], is_final=True)


@pytest.mark.parametrize("is_final", [True, False])
@pytest.mark.parametrize(
    "sound",
    [
        pytest.param(np.zeros(0, np.float32), id="nothing"),
        pytest.param(np.zeros(1, np.float32), id="one sample"),
        pytest.param(np.zeros(3 * 16_000, np.float32), id="silence"),
        pytest.param(np.full(16_000, np.nan, np.float32), id="not a number"),
        pytest.param(np.full(16_000, 0.5, np.float32), id="constant"),
        pytest.param(np.random.default_rng(0).normal(0, 0.1, 3 * 16_000).astype(np.float32), id="white noise"),
        pytest.param(np.sin(np.arange(32_000) * 2 * np.pi * 440 / 16_000).astype(np.float32), id="a tone"),
    ],
)
def test_no_words_are_invented(whisper: Recognizer, sound: Samples, is_final: bool) -> None:
    assert whisper.recognize(sound, is_final=is_final).text == ""


def test_more_than_a_window_of_audio_is_no_error(whisper: Recognizer, spoken: tuple[Samples, str]) -> None:
    audio, text = spoken
    long = np.concatenate([audio, np.zeros(31 * 16_000, np.float32)])
    assert bare(text)[:3] == bare(whisper.recognize(long, is_final=True).text)[:3]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("You don't mean that. You don't mean", True),
        ("yes, yes, yes", False),
        ("We ship on Monday and you pay on Friday.", False),
    ],
)
def test_three_words_that_come_back_are_noticed(text: str, expected: bool) -> None:
    assert says_twice(text) is expected
