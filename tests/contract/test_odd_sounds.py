"""Bad input through the real voice activity and the real weights, heard in audio time.

What is no speech gives no words. Speech that a line, a room or a converter spoilt gives the words that are left of it,
and none that nobody said.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from difflib import SequenceMatcher
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from deploy.bench.asr_cuts import bare, transcribed
from deploy.call.audio_file import read_recording
from media_server.engines import catalog
from media_server.engines.protocols import Recognizer, Samples, VoiceActivity
from tests.odd_sounds import (
    dialled_digits,
    hold_tone,
    music,
    noise,
    shouted,
    silence,
    telephone,
    tones,
    whispered,
)

DEMO = Path(__file__).parents[2] / "deploy" / "demo"
BUNDLED = SimpleNamespace(whisper_model="tiny.en", whisper_device="cpu", whisper_compute_type="", asr_workers=1)
Said = Callable[[Samples], list[str]]


@pytest.fixture(scope="module")
def engines() -> tuple[VoiceActivity, Recognizer]:
    return catalog.voice_activity(BUNDLED), catalog.recognizer(BUNDLED)


@pytest.fixture
def said(engines: tuple[VoiceActivity, Recognizer]) -> Said:
    """The words of what a stream says, with 1.5 s of silence after it; a failure fails the test."""

    def words(samples: Samples) -> list[str]:
        stream = np.concatenate([samples, silence(1.5)]).astype(np.float32)
        finals, _ = asyncio.run(transcribed(stream, *engines))
        assert [final.failure for final in finals if final.failure] == []
        return [bare(word) for final in finals for word in final.text.split()]

    return words


def demo(number: int) -> tuple[Samples, list[str]]:
    """What somebody says in the demo, and its words."""
    line = json.loads((DEMO / "script.json").read_text())["utterances"][number]
    track = read_recording(DEMO / ("host.opus" if line["speaker"] == "Anna" else "guest.opus")).for_listening()
    samples = track[(line["start_ms"] - 300) * 16 : (line["end_ms"] + 200) * 16]
    return samples, [bare(word) for word in line["text"].split()]


@pytest.mark.parametrize(
    "sound",
    [
        pytest.param(hold_tone(), id="a hold tone"),
        pytest.param(dialled_digits(), id="DTMF"),
        pytest.param(music(), id="music"),
        pytest.param(tones((440,), 4), id="a tone"),
        pytest.param(np.sign(tones((200,), 4)), id="a clipped tone"),
        pytest.param(noise(4), id="noise"),
        pytest.param(np.clip(noise(4, 3.0), -1, 1), id="clipped noise"),
        pytest.param(np.full(64_000, 0.5), id="a constant"),
        pytest.param(silence(4), id="zeros"),
        pytest.param(np.full(64_000, np.nan), id="no numbers"),
        pytest.param(np.tile([np.inf, -np.inf], 32_000), id="infinities"),
    ],
)
def test_what_is_no_speech_gives_no_words(said: Said, sound: Samples) -> None:
    assert said(sound) == []


def dotted_with_nan(speech: Samples) -> Samples:
    return np.where(np.arange(len(speech)) % 1600 == 0, np.nan, speech)


@pytest.mark.parametrize(
    ("spoil", "most_missing"),
    [
        pytest.param(lambda speech: speech, 0, id="clean"),
        pytest.param(telephone, 1, id="a telephone at 8 kHz"),
        pytest.param(shouted, 2, id="shouted and clipped"),
        pytest.param(whispered, 4, id="whispered"),
        pytest.param(lambda speech: speech / 100, 1, id="very quiet"),
        pytest.param(lambda speech: speech / 2 + 0.4, 1, id="a DC offset"),
        pytest.param(dotted_with_nan, 1, id="samples that are no numbers"),
        pytest.param(lambda speech: np.concatenate([speech, silence(8)]), 0, id="silence after speech"),
        pytest.param(lambda speech: np.concatenate([speech, noise(8, 0.003)]), 1, id="noise after speech"),
    ],
)
def test_spoilt_speech_gives_what_is_left_of_it(
    said: Said, spoil: Callable[[Samples], Samples], most_missing: int
) -> None:
    speech, words = demo(0)
    heard = said(spoil(speech))
    same = sum(block.size for block in SequenceMatcher(None, words, heard, autojunk=False).get_matching_blocks())
    assert len(words) - same <= most_missing
    assert len(heard) - same <= most_missing


@pytest.mark.parametrize("number", [5, 8])
def test_a_word_of_a_tenth_of_a_second_is_at_most_one_word(said: Said, number: int) -> None:
    speech, words = demo(number)
    loud = np.flatnonzero(np.abs(speech) > 0.1)[0]
    heard = said(np.concatenate([silence(0.5), speech[loud : loud + 1_600]]))
    assert len(heard) <= 1, words[0]


def test_voice_activity_hears_speech_as_well_after_what_is_no_number(said: Said) -> None:
    speech, words = demo(8)
    assert said(np.concatenate([np.full(16_000, np.nan), silence(0.5), speech]))[-4:] == words[-4:]
