"""More speech than there is time for: what is left out, and that nothing which ended is left out silently.

Times are a twentieth of what they are in a node, so that minutes of overload are seconds.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from media_server import telemetry
from media_server.conversation import ladder, patience
from media_server.conversation.ladder import Level
from media_server.conversation.types import SpeechEnded, SpeechPaused, SpeechStarted, ms_to_samples, samples_to_ms
from media_server.engines.protocols import Recognizer, Samples
from media_server.pipeline.listen import Stream
from media_server.pipeline.track import OVERLOADED, PARTIAL_STEP_SAMPLES, Final, Partial
from media_server.pipeline.transcribe import Track, Transcriber
from tests.recognizers import ScriptedRecognizer, loud, quiet

pytestmark = pytest.mark.slow

SCALE = 20
WAIT_S = 20.0
BUSY_S = 1.5
"""What a busy machine may take longer, without anything being late by that."""
SECOND = 16_000


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ladder, "UP_LAG_S", tuple(lag_s / SCALE for lag_s in ladder.UP_LAG_S))
    for name in ("CALM_S", "LONGEST_CALM_S", "STEP_S", "RELAPSE_S"):
        monkeypatch.setattr(ladder, name, getattr(ladder, name) / SCALE)
    for name in ("PATIENCE_S", "PATIENCE_UNDER_OVERLOAD_S", "FRESH_S"):
        monkeypatch.setattr(patience, name, getattr(patience, name) / SCALE)


def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PATIENCE_S", 60.0)
    monkeypatch.setattr(patience, "PATIENCE_UNDER_OVERLOAD_S", 60.0)


@dataclass
class Talker:
    """One participant: what was said, and what came back."""

    stream: Stream
    track: Track = field(init=False)
    said: list[tuple[int, int]] = field(default_factory=list)
    """Start and end of each utterance that ended, ms."""
    finals: list[Final] = field(default_factory=list)
    partials: list[Partial] = field(default_factory=list)

    async def keep(self, final: Final) -> None:
        self.finals.append(final)

    def speak(self, seconds: float, *, pauses: bool = True) -> None:
        """A whole utterance at once, with the pause before its end is certain."""
        start = self.begin(seconds)
        if pauses:
            self.track.on_speech(SpeechPaused(start, self.stream.end_sample - SECOND))
        self.end(start)

    def begin(self, seconds: float) -> int:
        start = self.stream.end_sample
        self.stream.write(start, loud(int(seconds * SECOND)))
        self.stream.write(self.stream.end_sample, quiet(SECOND))
        self.track.on_speech(SpeechStarted(start))
        return start

    def end(self, start: int) -> None:
        end = self.stream.end_sample - SECOND
        self.said.append((samples_to_ms(start), samples_to_ms(end)))
        self.track.on_speech(SpeechEnded(start, end))


@asynccontextmanager
async def talkers(
    recognizer: Recognizer, count: int, workers: int = 1, batch: int = 1
) -> AsyncIterator[tuple[Transcriber, list[Talker]]]:
    transcriber = Transcriber([recognizer] * workers, batch)
    people = [Talker(Stream(lambda speech: None, object)) for _ in range(count)]
    for one in people:
        one.stream.write(0, quiet(SECOND))
        one.track = transcriber.track(one.stream, one.partials.append, one.keep)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(transcriber.run())
        await asyncio.sleep(0)
        yield transcriber, people
        running.cancel()


def takes(seconds: float) -> ScriptedRecognizer:
    def script(audio: Samples, is_final: bool) -> str:
        time.sleep(seconds)
        return "said"

    return ScriptedRecognizer(script)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not holds():
            await asyncio.sleep(0.01)


async def until_level(transcriber: Transcriber, level: Level) -> None:
    await until(lambda: transcriber.level == level)


def held(gate: ScriptedRecognizer) -> ScriptedRecognizer:
    gate.gate.clear()
    return gate


@pytest.mark.parametrize("seed", range(6))
async def test_every_utterance_has_one_final_or_one_marked_gap_in_order(seed: int) -> None:
    """Whatever the recognizer does and whatever the load is."""
    draw = random.Random(seed)
    slow_s = draw.choice([0.005, 0.03, 0.08])

    def script(audio: Samples, is_final: bool) -> str:
        time.sleep(draw.uniform(0, 2 * slow_s))
        if draw.random() < 0.2:
            raise RuntimeError("no memory")
        return "said"

    async with talkers(ScriptedRecognizer(script), 4, workers=draw.choice([1, 2]), batch=draw.choice([1, 3])) as (
        transcriber,
        people,
    ):
        for _ in range(40):
            draw.choice(people).speak(draw.uniform(0.1, 3.0), pauses=draw.random() < 0.5)
            await asyncio.sleep(draw.uniform(0, 0.04))
        assert await transcriber.drain(WAIT_S)
    for one in people:
        assert [(final.start_ms, final.end_ms) for final in one.finals] == one.said
        assert all(bool(final.text) == (final.failure is None) for final in one.finals)
    assert transcriber.lag_ms == 0


async def test_under_overload_everybody_is_given_something_and_the_rest_is_marked() -> None:
    """One utterance every 15 ms for four talkers, of which one in four can be recognized."""
    async with talkers(takes(0.06), 4) as (transcriber, people):
        for turn in range(100):
            people[turn % 4].speak(0.5)
            await asyncio.sleep(0.015)
        assert transcriber.level == "metrics_only"
        assert await transcriber.drain(WAIT_S)
    given = [sum(final.failure is None for final in one.finals) for one in people]
    marked = [final for one in people for final in one.finals if final.failure is not None]
    assert sum(given) + len(marked) == 100
    assert {final.failure for final in marked} == {OVERLOADED}
    assert all(final.text == "" and final.end_ms > final.start_ms for final in marked)
    assert min(given) >= 2


async def test_after_overload_it_is_back_at_the_first_level_and_nothing_is_marked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with talkers(takes(0.06), 2) as (transcriber, people):
        for turn in range(30):
            people[turn % 2].speak(0.5)
            await asyncio.sleep(0.02)
        assert await transcriber.drain(WAIT_S)
        await until_level(transcriber, "full")
        monkeypatch.setattr(patience, "PATIENCE_S", BUSY_S)
        before = [len(one.finals) for one in people]
        for one in people:
            one.speak(0.5)
            assert await transcriber.drain(WAIT_S)
        assert [final.text for one, at in zip(people, before, strict=True) for final in one.finals[at:]] == ["said"] * 2


async def test_at_finals_only_nothing_is_recognized_before_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    unlimited(monkeypatch)
    monkeypatch.setattr(ladder, "UP_LAG_S", (0.05, 0.1, 60.0))
    recognizer = held(ScriptedRecognizer())
    left_out = telemetry.PARTIALS_LEFT_OUT._value.get()
    async with talkers(recognizer, 2) as (transcriber, people):
        people[0].speak(1.0, pauses=False)
        await until_level(transcriber, "finals_only")
        start = people[1].begin(3.0)
        people[1].track.on_speech(SpeechPaused(start, people[1].stream.end_sample - SECOND))
        await until(lambda: telemetry.PARTIALS_LEFT_OUT._value.get() > left_out)
        people[1].end(start)
        recognizer.gate.set()
        assert await transcriber.drain(WAIT_S)
    assert [is_final for _, is_final in recognizer.asked] == [True, True]
    assert people[1].partials == []


async def test_what_was_asked_for_before_its_end_is_forgotten_when_partials_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unlimited(monkeypatch)
    monkeypatch.setattr(ladder, "UP_LAG_S", (0.2, 0.3, 60.0))
    recognizer = held(ScriptedRecognizer())
    async with talkers(recognizer, 3) as (transcriber, people):
        people[0].speak(1.0, pauses=False)
        await until(lambda: len(recognizer.asked) == 1)
        people[1].begin(2.0)
        start = people[2].begin(2.0)
        people[2].track.on_speech(SpeechPaused(start, people[2].stream.end_sample - SECOND))
        await until_level(transcriber, "finals_only")
        recognizer.gate.set()
        await until(lambda: len(people[0].finals) == 1)
        assert len(recognizer.asked) == 1
        people[2].end(start)
        assert await transcriber.drain(WAIT_S)
    assert [final.text.split()[-1] for final in people[2].finals] == ["w19"]


async def test_partials_come_back_in_the_same_utterance(monkeypatch: pytest.MonkeyPatch) -> None:
    unlimited(monkeypatch)
    recognizer = held(ScriptedRecognizer())
    async with talkers(recognizer, 2) as (transcriber, people):
        people[0].speak(1.0, pauses=False)
        people[1].begin(2.0)
        await until_level(transcriber, "metrics_only")
        recognizer.gate.set()
        await until_level(transcriber, "full")
        people[1].stream.write(people[1].stream.end_sample, loud(3 * SECOND))
        await until(lambda: bool(people[1].partials))


async def test_coalesced_partials_are_further_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    unlimited(monkeypatch)
    monkeypatch.setattr(ladder, "UP_LAG_S", (0.05, 60.0, 60.0))
    recognizer = held(ScriptedRecognizer())
    async with talkers(recognizer, 2, workers=2) as (transcriber, people):
        people[0].speak(1.0, pauses=False)
        await until_level(transcriber, "coalesced")
        listener = people[1]
        listener.begin(1.0)
        await until(lambda: len(recognizer.asked) == 2)
        before = listener.stream.end_sample
        recognizer.gate.set()
        await until(lambda: bool(listener.partials))
        recognizer.gate.clear()
        people[0].speak(1.0, pauses=False)
        await until(lambda: len(recognizer.asked) == 3)
        await until_level(transcriber, "coalesced")
        listener.stream.write(before, loud(PARTIAL_STEP_SAMPLES + ms_to_samples(100)))
        await asyncio.sleep(0.15)
        assert len(recognizer.asked) == 3
        listener.stream.write(listener.stream.end_sample, loud(PARTIAL_STEP_SAMPLES))
        await until(lambda: len(recognizer.asked) == 4)
        recognizer.gate.set()


async def test_the_lag_that_is_told_is_the_age_of_what_is_owed() -> None:
    """Recognition at 0.3 of real time: what is told never differs from the truth by more than a tenth."""
    async with talkers(takes(0.12), 1) as (transcriber, (one,)):
        ended_s: list[tuple[float, float]] = []
        """Between these two, each: a busy machine may let this test wait anywhere."""
        for _ in range(20):
            speaks_s = time.monotonic()
            one.speak(0.5)
            ended_s.append((speaks_s, time.monotonic()))
            for _ in range(4):
                await asyncio.sleep(0.01)
                asked_s, lag_s, told_s = time.monotonic(), transcriber.lag_ms / 1000, time.monotonic()
                earliest_s, latest_s = (ended_s[len(one.finals) :] or [(told_s, asked_s)])[0]
                assert 0.9 * (asked_s - latest_s) - 0.005 <= lag_s <= 1.1 * (told_s - earliest_s) + 0.005


async def test_what_cannot_be_on_time_gives_way_to_what_can(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long utterance takes longer than anybody waits for it, a short one does not; the long one came first."""
    for name in ("PATIENCE_S", "PATIENCE_UNDER_OVERLOAD_S"):
        monkeypatch.setattr(patience, name, BUSY_S)
    monkeypatch.setattr(patience, "FRESH_S", BUSY_S / 3)
    begun: list[int] = []

    def script(audio: Samples, is_final: bool) -> str:
        begun.append(len(audio))
        time.sleep(0.1 * len(audio) / SECOND)
        return "said"

    async with talkers(ScriptedRecognizer(script), 3) as (transcriber, people):
        for _ in range(10):
            people[0].speak(1.0, pauses=False)
            await until(lambda: len(people[0].finals) == len(people[0].said))
        count = len(begun)
        people[0].speak(3.0, pauses=False)
        await until(lambda: len(begun) > count)
        people[1].speak(20.0, pauses=False)
        people[2].speak(0.1, pauses=False)
        assert await transcriber.drain(WAIT_S)
        assert [(one.text, one.failure) for one in people[1].finals + people[2].finals] == [
            ("", OVERLOADED),
            ("said", None),
        ]
        people[1].speak(20.0, pauses=False)
        assert await transcriber.drain(WAIT_S)
    assert people[1].finals[-1].text == "said", "a worker was idle, and it was not tried"
