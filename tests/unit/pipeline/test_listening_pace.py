"""A listener wakes up seldom, and nothing that it decides comes later for that."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine

import numpy as np
import numpy.typing as npt
import pytest

from media_server.conversation.endpointing import EndpointSettings
from media_server.conversation.types import SAMPLE_RATE_HZ, WINDOW_SAMPLES, Speech, SpeechEnded, SpeechStarted
from media_server.pipeline.listen import TICK_S, UNHURRIED_WINDOWS, Listener, Stream
from tests.recognizers import LoudnessVad, loud, quiet

SETTINGS = EndpointSettings()
FRAME = 320
BEFORE_S, SPOKEN_S, AFTER_S = 1.0, 2.0, 1.0


class JumpingSelector(selectors.SelectSelector):
    """Waits no time: the clock jumps to when the wait would be over."""

    now_s = 1_000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now_s += timeout or 0.0
        return super().select(0)


class TimedVad(LoudnessVad):
    """Notes when it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked_s: list[float] = []

    def probabilities(self, windows: npt.NDArray[np.float32], states: list[object]) -> list[float]:
        self.asked_s.append(asyncio.get_running_loop().time())
        return super().probabilities(windows, states)


def simulated(scene: Coroutine[None, None, None]) -> None:
    selector = JumpingSelector()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.now_s  # type: ignore[method-assign]
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(scene)


def audible(count: int) -> npt.NDArray[np.float32]:
    """Too quiet for speech, too loud to be passed over."""
    return quiet(count) + np.float32(0.001)


async def listened(vad: LoudnessVad, *, lead_samples: int = 0) -> list[tuple[float, Speech]]:
    """What was told, and when, of a second of quiet, two of speech and one of quiet: seconds after they begin."""
    loop, heard = asyncio.get_running_loop(), list[tuple[float, Speech]]()
    samples = np.concatenate(
        [
            audible(round(BEFORE_S * SAMPLE_RATE_HZ) + lead_samples),
            loud(round(SPOKEN_S * SAMPLE_RATE_HZ)),
            audible(round(AFTER_S * SAMPLE_RATE_HZ)),
        ]
    )
    listener = Listener(vad)
    stream = listener.add_stream(lambda speech: heard.append((loop.time() - began_s, speech)))
    running = asyncio.ensure_future(listener.run())
    began_s = loop.time()
    for start in range(0, len(samples), FRAME):
        await asyncio.sleep(began_s + (start + FRAME) / SAMPLE_RATE_HZ - loop.time())
        stream.write(start, samples[start : start + FRAME])
    running.cancel()
    return heard


@pytest.mark.parametrize("lead_samples", range(0, 1536, 96))
def test_nothing_is_told_later_than_it_would_be_if_every_window_were_heard_by_itself(lead_samples: int) -> None:
    async def scene() -> None:
        needed_ms = (SETTINGS.min_speech_ms, SETTINGS.pause_ms, SETTINGS.hangover_ms)
        heard = await listened(LoudnessVad(), lead_samples=lead_samples)
        assert len(heard) == len(needed_ms)
        for (at_s, speech), ms in zip(heard, needed_ms, strict=True):
            since = speech.start_sample if isinstance(speech, SpeechStarted) else speech.end_sample
            latest_s = since / SAMPLE_RATE_HZ + ms / 1000 + FRAME / SAMPLE_RATE_HZ + TICK_S
            assert at_s <= latest_s + 1e-6

    simulated(scene())


def test_where_nothing_is_decided_three_windows_are_heard_at_a_time() -> None:
    async def scene() -> None:
        vad = TimedVad()
        await listened(vad)
        asked_s = np.array(vad.asked_s) - vad.asked_s[0]
        for begin_s, end_s in ((0.0, BEFORE_S), (BEFORE_S + 0.2, BEFORE_S + SPOKEN_S)):
            times = asked_s[(asked_s >= begin_s) & (asked_s < end_s)]
            assert len(times) >= 0.9 * (end_s - begin_s) / TICK_S
            assert len(set(times)) <= len(times) / 2

    simulated(scene())


def test_a_stream_that_fell_behind_is_heard_at_every_tick() -> None:
    stream = Stream(lambda speech: None, LoudnessVad().new_state)
    stream.write(0, quiet(UNHURRIED_WINDOWS * WINDOW_SAMPLES))
    assert not stream.is_urgent
    stream.write(stream.end_sample, quiet(1))
    assert stream.is_urgent


def test_what_was_about_to_be_heard_belongs_to_the_speech_that_ends() -> None:
    heard: list[Speech] = []
    listener = Listener(LoudnessVad())
    stream = listener.add_stream(heard.append)
    stream.write(0, loud(8 * WINDOW_SAMPLES))
    listener.tick()
    stream.write(stream.end_sample, loud(UNHURRIED_WINDOWS * WINDOW_SAMPLES))
    listener.remove_stream(stream)
    assert heard[-1] == SpeechEnded(0, (8 + UNHURRIED_WINDOWS) * WINDOW_SAMPLES)


def test_no_more_is_waited_for_than_a_start_or_a_pause_takes() -> None:
    assert min(SETTINGS.min_speech_ms, SETTINGS.pause_ms) >= UNHURRIED_WINDOWS * TICK_S * 1000
