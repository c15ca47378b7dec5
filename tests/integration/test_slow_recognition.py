"""A recognizer at 0.3 of real time, ten minutes in `make chaos`: memory, lag, and what becomes of every utterance."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest

from media_server.conversation.ladder import Level
from media_server.conversation.types import SAMPLE_RATE_HZ
from media_server.engines.protocols import Samples
from media_server.pipeline.listen import Listener
from media_server.pipeline.transcribe import Transcriber
from tests.busy_node import hurry
from tests.chaos import IS_CHAOS, figures
from tests.footprint import rss_mb
from tests.overload import Voice, speaking, spoken_and_silent
from tests.recognizers import LoudnessVad, ScriptedRecognizer, loud

SPEED = 0.3
SECONDS = 600.0 if IS_CHAOS else 6.0
SETTLE_S = min(60.0, SECONDS / 4)
"""What a process takes once and for all."""
UTTERANCE_S, PAUSE_S = (1.2, 0.8) if IS_CHAOS else (0.3, 0.6)
GOAL_GROWTH_MB = 64.0
GOAL_LAG_ERROR = 0.1
LOOK_S, ROUNDING_S = 0.1, 0.005


def slowly(audio: Samples, is_final: bool) -> str:
    time.sleep(len(audio) / SAMPLE_RATE_HZ / SPEED)
    return "said"


@pytest.mark.chaos
@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_a_recognizer_at_a_third_of_real_time_loses_nothing_and_the_lag_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not IS_CHAOS:
        hurry(monkeypatch.setattr)
    listener, transcriber = Listener(LoudnessVad()), Transcriber([ScriptedRecognizer(slowly)])
    speech = spoken_and_silent(loud(int(UTTERANCE_S * SAMPLE_RATE_HZ)), PAUSE_S)
    voices = [Voice(speech, listener, transcriber) for _ in range(2)]
    errors: list[float] = []
    lags_s: list[float] = []
    levels: list[Level] = []
    loop = asyncio.get_running_loop()
    async with speaking(voices, listener, transcriber):
        until_s, grown_from_mb = loop.time() + SECONDS, 0.0
        while loop.time() < until_s:
            await asyncio.sleep(LOOK_S)
            if not grown_from_mb and until_s - loop.time() < SECONDS - SETTLE_S:
                grown_from_mb = rss_mb()
            least_s, most_s = (max(ends) for ends in zip(*(voice.lag_s(loop.time()) for voice in voices), strict=True))
            told_s = transcriber.lag_ms / 1000
            lags_s.append(told_s)
            levels.append(transcriber.level)
            errors.append(max(least_s - told_s - ROUNDING_S, told_s - most_s, 0.0) / max(told_s, LOOK_S))
        grown_mb, level = rss_mb() - grown_from_mb, transcriber.level
    ended, marked = sum(len(voice.ended) for voice in voices), sum(voice.marked for voice in voices)
    given = sum(len(voice.late_s) for voice in voices)
    figures(
        "R36, G12: a recognizer at 0.3 of real time",
        seconds=SECONDS,
        grown_mb=round(grown_mb, 1),
        utterances=ended,
        given=given,
        marked=marked,
        lost=sum(not voice.is_whole for voice in voices),
        longest_lag_s=round(max(lags_s), 2),
        worst_lag_error=round(max(errors), 3),
        level=level,
        changes_of_level=sum(before != after for before, after in pairwise(levels)),
    )
    assert all(voice.is_whole for voice in voices)
    assert given > 0
    assert marked > 0
    assert level in {"finals_only", "metrics_only"}
    assert max(errors) <= GOAL_LAG_ERROR
    assert grown_mb <= GOAL_GROWTH_MB
