"""Where somebody speaks in a clean recording, as latencies are measured against: Silero, threshold 0.5, no padding."""

from __future__ import annotations

from functools import cache

from media_server.conversation.types import WINDOW_SAMPLES, samples_to_ms
from media_server.engines.protocols import Samples
from media_server.engines.silero_vad import SileroVad

SPEECH_PROBABILITY = 0.5
MIN_GAP_MS = 250
"""A shorter silence is a gap between words."""

Span = tuple[int, int]
"""Start and end, ms."""


def speech_spans(samples: Samples) -> list[Span]:
    """Stretches of speech in a recording, in order. Args: samples, float32, 16 kHz mono."""
    vad = _vad()
    states: list[object] = [vad.new_state()]
    windows = samples[: len(samples) // WINDOW_SAMPLES * WINDOW_SAMPLES].reshape(-1, 1, WINDOW_SAMPLES)
    spans: list[Span] = []
    for number, window in enumerate(windows):
        if vad.probabilities(window, states)[0] < SPEECH_PROBABILITY:
            continue
        start, end = (samples_to_ms(at * WINDOW_SAMPLES) for at in (number, number + 1))
        if spans and start - spans[-1][1] < MIN_GAP_MS:
            start = spans.pop()[0]
        spans.append((start, end))
    return spans


@cache
def _vad() -> SileroVad:
    return SileroVad()
