"""A node that was stopped while another one took its session over: it publishes nothing more, and nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Self

import pytest

from db.pool import Pool, transaction
from media_server.recorder import Recorder
from media_server.spool import Spool
from tests.appending_node import Orders
from tests.chaos import figures, often
from tests.conftest import Database
from tests.log_entries import NoFollowers
from tests.people import connected, make_participant, make_people, make_session

TAKE_OVERS = often(ci=3, chaos=60)
LEASE_S = 1.0
NUMBERS_IN_A_LIFE = 10_000
"""Each number is a second of the call, and the last one has to fit into its column."""
IN_TIME_S = 240.0
"""For one step. On a disk that takes most of a second for a commit an acquired lease is over before it is known, again
and again: nothing is wrong then, and nothing is published meanwhile."""
SEED = 20261122

pytestmark = [pytest.mark.slow, pytest.mark.chaos]


@pytest.fixture
async def orders(database: Database, tmp_path: Path) -> Orders:
    people = await make_people(database.owner_url)
    async with connected(database.api_url) as api:
        session = await make_session(api, people.alice)
        participant_id = await make_participant(api, people.alice, session)
    return Orders(
        database.media_url, str(tmp_path), "host", str(session.id), str(participant_id), first_number=0, lease_s=LEASE_S
    )


class Node:
    """An appending node in a process of its own, that wants the session; what it published so far."""

    def __init__(self, orders: Orders, number: int) -> None:
        self.published: list[int] = []
        self.is_lost = False
        self._name = f"host-{number}"
        orders = replace(orders, node=self._name, first_number=number * NUMBERS_IN_A_LIFE)
        self._process = subprocess.Popen(orders.argv(), stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self._output = self._process.stdout.fileno()
        self._half_a_line = b""
        os.set_blocking(self._output, False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:
            self._process.kill()

    def read(self) -> None:
        """All that it has said up to now."""
        with contextlib.suppress(BlockingIOError):
            while raw := os.read(self._output, 65536):
                *lines, self._half_a_line = (self._half_a_line + raw).split(b"\n")
                for word, *rest in (line.split() for line in lines):
                    self.is_lost |= word == b"lost"
                    self.published += [int(rest[0])] if word == b"published" else []

    async def publishes(self, more: int) -> None:
        """Wait for it; a node that is starved of its processor may lose the session before."""
        wanted = len(self.published) + more
        await self._until(lambda: len(self.published) >= wanted or self.is_lost, f"publish {more} more")

    async def freeze(self) -> None:
        """Stop it in whatever it is doing; it can say nothing more until `thaw`."""
        self._process.send_signal(signal.SIGSTOP)
        await self._until(self._stands_still, "stand still")

    async def thaw(self) -> None:
        """Let it go on, until it knows that it lost the session."""
        self._process.send_signal(signal.SIGCONT)
        await self._until(lambda: self.is_lost, "notice that it lost the session")

    def _stands_still(self) -> bool:
        """All of its threads are stopped, or it has ended."""
        try:
            threads = list(Path(f"/proc/{self._process.pid}/task").iterdir())
        except FileNotFoundError:
            return True
        return all(_state(thread) in {"T", "Z"} for thread in threads)

    async def _until(self, condition: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(IN_TIME_S):
                while not self._fulfils(condition, what):
                    await asyncio.sleep(0.005)
        except TimeoutError:
            pytest.fail(f"{self._name} did not {what} in {IN_TIME_S:.0f} s; it published {len(self.published)}")
        self.read()

    def _fulfils(self, condition: Callable[[], bool], what: str) -> bool:
        code = self._process.poll()  # before its last words are read
        self.read()
        if condition():
            return True
        assert code is None, f"{self._name} ended with {code} and did not {what}"
        return False


def _state(thread: Path) -> str:
    try:
        return (thread / "stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


@pytest.fixture
async def pool(orders: Orders) -> AsyncIterator[Pool]:
    async with connected(orders.database_url) as pool:
        yield pool


@pytest.mark.timeout(900)
async def test_a_stopped_node_that_was_replaced_publishes_nothing_more(orders: Orders, pool: Pool) -> None:
    chance = random.Random(SEED)
    owners: list[Node] = []
    frozen = 0
    with contextlib.ExitStack() as stack:
        owner = stack.enter_context(Node(orders, 0))
        for number in range(1, TAKE_OVERS + 1):
            await owner.publishes(1)
            heir = stack.enter_context(Node(orders, number))
            owners.append(owner)
            await owner.publishes(chance.randrange(1, 60))
            await owner.freeze()
            before, frozen = list(owner.published), frozen + (not owner.is_lost)
            await heir.publishes(5)
            await owner.thaw()
            assert owner.published == before
            owner = heir
        owners.append(owner)
    published = [owner.published for owner in owners]
    await record_the_rest(pool, Path(orders.data_dir) / "spool" / "last")
    await assert_all_stored_once_in_order(pool, published)
    assert frozen
    figures("a stale owner", take_overs=frozen, published=sum(map(len, published)), published_after_the_fence=0)


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


async def assert_all_stored_once_in_order(pool: Pool, published: list[list[int]]) -> None:
    async with transaction(pool) as conn:
        epochs = {row["seq"]: row["epoch"] for row in await conn.fetch("SELECT seq, epoch FROM session_events")}
        rows = [row["sequence_number"] for row in await conn.fetch("SELECT sequence_number FROM transcripts")]
    assert len(rows) == len(set(rows)) == len(epochs)
    everything = list(itertools.chain.from_iterable(published))
    assert everything == sorted(set(everything))
    assert set(everything) <= set(epochs)
    lives = [{epochs[seq] for seq in seqs} for seqs in published if seqs]
    assert all(max(before) < min(after) for before, after in itertools.pairwise(lives))
