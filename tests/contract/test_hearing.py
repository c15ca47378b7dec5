"""Silero hears the first word after long quiet as soon when it has just forgotten as when it never does."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from deploy.call.audio_file import read_recording
from media_server.conversation.types import WINDOW_SAMPLES, SpeechStarted
from media_server.engines.protocols import Samples
from media_server.engines.silero_vad import SileroVad
from media_server.pipeline import hearing
from media_server.pipeline.hearing import FORGET_AFTER_WINDOWS
from media_server.pipeline.listen import Listener

DEMO = Path(__file__).parents[2] / "deploy" / "demo"
NOISE = 0.03
SPOKEN_MS = 1_000
LATEST_SAMPLES = WINDOW_SAMPLES


@pytest.fixture(scope="module")
def vad() -> SileroVad:
    return SileroVad()


def spoken(number: int) -> Samples:
    """What the demo's host says, by the number of the line, from its first sound on."""
    script = json.loads((DEMO / "script.json").read_text())["utterances"]
    lines = [line for line in script if line["speaker"] == script[0]["speaker"]]
    start_ms = lines[number]["start_ms"] - 100
    return read_recording(DEMO / "host.opus").for_listening()[start_ms * 16 : (start_ms + SPOKEN_MS) * 16]


def begins(vad: SileroVad, audio: Samples) -> int:
    """The sample at which speech is heard to begin."""
    speech: list[object] = []
    listener = Listener(vad)
    stream = listener.add_stream(speech.append)
    for start in range(0, len(audio), WINDOW_SAMPLES):
        stream.write(start, audio[start : start + WINDOW_SAMPLES])
        listener.tick()
    return next(one.start_sample for one in speech if isinstance(one, SpeechStarted))


def test_a_word_that_begins_where_it_forgets_is_heard_in_time(vad: SileroVad, monkeypatch: pytest.MonkeyPatch) -> None:
    voice, lead = spoken(5), FORGET_AFTER_WINDOWS * WINDOW_SAMPLES
    noise = NOISE * np.random.default_rng(1).standard_normal(lead + len(voice))
    audio = (noise + np.append(np.zeros(lead), voice)).astype(np.float32)
    with monkeypatch.context() as never:
        never.setattr(hearing, "FORGET_AFTER_WINDOWS", 10_000)
        in_time = begins(vad, audio)
    for forgets_at in range(in_time // WINDOW_SAMPLES - 2, in_time // WINDOW_SAMPLES + 1):
        with monkeypatch.context() as earlier_or_later:
            earlier_or_later.setattr(hearing, "FORGET_AFTER_WINDOWS", forgets_at)
            assert begins(vad, audio) <= in_time + LATEST_SAMPLES, f"forgot before window {forgets_at}"
