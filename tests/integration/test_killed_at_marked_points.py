"""`kill -9` of a node at every step between "said" and "stored": what was published is stored, once."""

from __future__ import annotations

import asyncio
import itertools
import random
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from db.pool import Pool, transaction
from media_server.recorder import Recorder
from media_server.spool import Spool
from tests.appending_node import Orders
from tests.chaos import figures, often
from tests.conftest import Database
from tests.log_entries import NoFollowers
from tests.marked_node import MARKS, ORPHANS_MARKS, Life, argv
from tests.people import connected, make_participant, make_people, make_session

ROUNDS = often(ci=2, chaos=40)
NUMBERS_IN_A_LIFE = 2_000
"""Each number is a second of the call, and the last one has to fit into its column."""
IN_TIME_S = 30.0
SEED = 20261122

Said = tuple[int, str]
"""The seq and the text of a final."""


@pytest.fixture
async def orders(database: Database, tmp_path: Path) -> Orders:
    people = await make_people(database.owner_url)
    async with connected(database.api_url) as api:
        session = await make_session(api, people.alice)
        participant_id = await make_participant(api, people.alice, session)
    return Orders(database.media_url, str(tmp_path), "host-0", str(session.id), str(participant_id), 0)


class Nodes:
    """Lives of one node after the other, each in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.published: list[Said] = []

    async def live(self, life: Life) -> None:
        """Until it is killed at its mark."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(life.line())
        while line := (await self._process.stdout.readline()).decode():
            word, number, *text = line.split()
            if word == "dead":
                assert int(number) == signal.SIGKILL, life.mark
                return
            self.published.append((int(number), " ".join(text)))
        raise AssertionError("the program ended")


@asynccontextmanager
async def nodes() -> AsyncIterator[Nodes]:
    process = await asyncio.create_subprocess_exec(*argv(), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield Nodes(process)
    finally:
        process.kill()
        await process.wait()


@pytest.mark.slow
@pytest.mark.chaos
@pytest.mark.timeout(1200)
async def test_what_was_published_is_stored_once_whenever_the_node_is_killed(orders: Orders) -> None:
    chance = random.Random(SEED)
    marks = [mark for _ in range(ROUNDS) for mark in chance.sample(list(MARKS), len(MARKS))]
    numbers = itertools.count()
    async with nodes() as killed:
        for mark in marks:
            passage = chance.randrange(1, 12)
            if mark in ORPHANS_MARKS:  # then there has to be an orphan: what was just published cannot be recorded yet
                await killed.live(_life(orders, next(numbers), "published", passage))
                passage = 1
            await killed.live(_life(orders, next(numbers), mark, passage))
    async with connected(orders.database_url) as pool:
        await record_the_rest(pool, Path(orders.data_dir) / "spool" / "last")
        await assert_stored_once(pool, killed.published)
    figures("killed at marked points", kills=len(marks), marks=len(MARKS), published=len(killed.published), lost=0)


def _life(orders: Orders, number: int, mark: str, passage: int) -> Life:
    orders = replace(orders, first_number=number * NUMBERS_IN_A_LIFE)
    return Life(orders, f"life-{number}", mark, passage)


async def record_the_rest(pool: Pool, folder: Path) -> None:
    spool = Spool(folder)
    await spool.open()
    recorder = Recorder(spool, pool, NoFollowers())
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(recorder.run())
        async with asyncio.timeout(IN_TIME_S):
            while {path.name for path in folder.parent.iterdir()} != {folder.name}:
                await asyncio.sleep(0.01)
        assert await recorder.drain(IN_TIME_S)
        running.cancel()
    assert await spool.refused() == []
    await spool.aclose()


async def assert_stored_once(pool: Pool, published: list[Said]) -> None:
    async with transaction(pool, timeout_s=IN_TIME_S) as conn:
        rows = [tuple(row) for row in await conn.fetch("SELECT sequence_number, content FROM transcripts")]
        entries = [
            (row["seq"], orjson.loads(row["payload"])["text"])
            for row in await conn.fetch("SELECT seq, payload FROM session_events")
        ]
    assert sorted(rows) == sorted(entries)
    assert set(Counter(text for _, text in rows).values()) == {1}
    assert len(published) == len(set(published)) > 0
    assert set(published) <= set(rows)
