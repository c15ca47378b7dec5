"""Recognizers that die, hang and stand still in calls: nobody's words are lost, doubled or held up for long."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from media_server.engines import pace
from media_server.engines.recognizer_process import RecognizerProcess
from media_server.pipeline.transcribe import Final, Transcriber
from tests.chaos import IS_CHAOS, figures, often
from tests.dying_recognizer import ABORTS, ABORTS_ONCE, HANGS_ONCE, DyingRecognizer
from tests.speakers import PATIENCE_S, Speaker, transcribing

SOON_S = 5.0 if IS_CHAOS else 1.0
"""The deadline of an answer; what the product has is for `make chaos`."""


async def until(holds: Callable[[], bool], what: str) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline_s, what
        await asyncio.sleep(0.01)


class Node:
    """Recognizers in processes, and people who speak."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.recognizers = [RecognizerProcess(DyingRecognizer, folder) for _ in range(workers)]
        self.transcriber = Transcriber(self.recognizers, batch=4)

    def speaker(self) -> Speaker:
        return Speaker(self.transcriber)

    @property
    def pids(self) -> list[int | None]:
        return [recognizer.pid for recognizer in self.recognizers]

    async def replaced(self, pid: int) -> None:
        await until(lambda: pid not in self.pids, "the dead one is still there")
        await self.all_ready()

    async def all_ready(self) -> None:
        await until(lambda: self.transcriber.workers_ready == len(self.recognizers), "a recognizer is not ready again")


@asynccontextmanager
async def node(folder: Path, workers: int = 2, *, is_started: bool = True) -> AsyncIterator[Node]:
    running = Node(folder, workers)
    if is_started:
        await running.transcriber.start()
    async with transcribing(running.transcriber):
        yield running


def words(final: Final) -> int:
    return len(final.text.split())


async def test_one_that_dies_once_costs_its_utterance_a_second_try(tmp_path: Path) -> None:
    async with node(tmp_path) as running:
        unlucky, other = running.speaker(), running.speaker()
        unlucky.say(2, ABORTS_ONCE)
        other.say(1)
        [final] = await unlucky.answered()
        assert (final.failure, words(final)) == (None, 20)
        assert [words(final) for final in await other.answered()] == [10]
        await running.all_ready()
        unlucky.say(2, ABORTS_ONCE)
        assert [words(final) for final in await unlucky.answered()] == [20, 20]


async def test_what_kills_everybody_is_marked_and_its_neighbours_survive(tmp_path: Path) -> None:
    async with node(tmp_path, workers=1, is_started=False) as running:
        # It is still beginning, so they wait and are taken together.
        poison, *neighbours = (running.speaker() for _ in range(4))
        poison.say(2, ABORTS)
        for neighbour in neighbours:
            neighbour.say(1)
        for neighbour in neighbours:
            assert [(words(final), final.failure) for final in await neighbour.answered()] == [(10, None)]
        assert [(final.text, final.failure) for final in await poison.answered()] == [("", "recognizer_crashed")]
        poison.say(1)
        assert [words(final) for final in await poison.answered()] == [0, 10]
        # The batch, and then the poison alone.
        assert running.transcriber.failed_count == 4 + 1


async def test_an_utterance_that_kills_costs_few_recognizers_however_often_it_pauses(tmp_path: Path) -> None:
    async with node(tmp_path, workers=1) as running:
        speaker = running.speaker()
        start = speaker.begin(2, ABORTS)
        await until(lambda: running.transcriber.failed_count == 1, "no partial was asked for")
        for _ in range(2):
            await running.all_ready()
            speaker.pause(start)
            await asyncio.sleep(0.3)
            speaker.go_on(1, ABORTS)
        speaker.end(start)
        assert [final.failure for final in await speaker.answered()] == ["recognizer_crashed"]
        # A partial, and the final twice.
        assert running.transcriber.failed_count == 3


async def test_one_that_stands_still_holds_nobody_else_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "LEAST_S", SOON_S)
    async with node(tmp_path) as running:
        stopped = running.pids[0]
        assert stopped is not None
        os.kill(stopped, signal.SIGSTOP)
        speakers = [running.speaker() for _ in range(6)]
        began_s = asyncio.get_running_loop().time()
        for speaker in speakers:
            speaker.say(1)
            await asyncio.sleep(0.05)
        for speaker in speakers:
            assert [words(final) for final in await speaker.answered()] == [10]
        late_s = sorted(speaker.arrived_s[0] - began_s for speaker in speakers)
        await running.all_ready()
        assert stopped not in running.pids
        assert late_s[-1] >= SOON_S, "nothing was given to the one that stands still"
        assert late_s[0] < late_s[-1], "everybody waited for it"
        figures("R38", deadline_s=SOON_S, late_s=[round(late, 2) for late in late_s])


async def test_one_that_never_answers_is_given_up_and_nothing_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "LEAST_S", SOON_S)
    async with node(tmp_path) as running:
        speaker = running.speaker()
        began_s = asyncio.get_running_loop().time()
        speaker.say(2, HANGS_ONCE)
        speaker.say(1)
        assert [words(final) for final in await speaker.answered()] == [20, 10]
        figures("R44", deadline_s=SOON_S, failover_s=round(speaker.arrived_s[0] - began_s, 2), gap_words=0)


async def test_one_that_dies_while_nobody_speaks_is_begun_again_at_once(tmp_path: Path) -> None:
    async with node(tmp_path, workers=1) as running:
        [killed] = running.pids
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        await running.replaced(killed)
        assert running.transcriber.failed_count == 0


@pytest.mark.chaos
async def test_recognizers_that_are_killed_at_any_moment_lose_and_double_nothing(tmp_path: Path) -> None:
    kills, dice = often(3, 100), random.Random(1)
    async with node(tmp_path) as running:
        speakers = [running.speaker() for _ in range(4)]
        expected: list[list[int]] = [[] for _ in speakers]
        away_s = []
        for _ in range(kills):
            for speaker, lengths in zip(speakers, expected, strict=True):
                tenths = dice.randint(3, 40)
                speaker.say(tenths / 10)
                lengths.append(tenths)
            await asyncio.sleep(dice.uniform(0, 0.02))
            victim = dice.choice([pid for pid in running.pids if pid is not None])
            os.kill(victim, signal.SIGKILL)
            began_s = time.monotonic()
            for speaker in speakers:
                await speaker.answered()
            await running.replaced(victim)
            away_s.append(time.monotonic() - began_s)
        heard = [[words(final) for final in speaker.finals] for speaker in speakers]
    assert heard == expected
    figures(
        "R37",
        kills=kills,
        utterances=kills * len(speakers),
        lost=0,
        doubled=0,
        second_tries=running.transcriber.failed_count,
        away_s_p50=round(sorted(away_s)[len(away_s) // 2], 2),
        away_s_max=round(max(away_s), 2),
    )
