"""Nodes that are stopped, killed and restarted again and again, with calls on them; only in `make chaos`.

The short forms are `test_drain.py`, `test_kills.py` and `test_idle_people.py`.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from db.live import Live
from deploy.ports import free_port
from tests.chaos import IS_CHAOS, chosen, figures, progress
from tests.cluster import TALK, Cluster, Member, a_cluster, assert_nothing_lost, percentile, refused
from tests.conftest import Database

__test__ = IS_CHAOS

SEED = 20261128
KILLS, KILL_S = chosen("KILLS"), 60
KILLS_S = 600 if KILLS is None else KILL_S * KILLS
"""As many as fit into the time, when nobody says how many."""
CROWD = chosen("CROWD") or 200
CALLS, TALKERS, ROUNDS = 20, 5, 5
"""In so many of the calls somebody talks all the time; the test itself encodes that."""
REFUSED_MS, EXIT_S = 100, 10
"""Of a node that was told to stop: until it refuses, and until it is gone."""

pytestmark = [pytest.mark.slow, pytest.mark.chaos, pytest.mark.timeout(1800 + KILLS_S)]


async def test_stopping_with_calls_loses_nothing(database: Database, valkey: str, tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    exits_s, refusals_ms = [], []
    async with a_cluster(database, valkey, tmp_path, "a", "b", DRAIN_S="0") as cluster, AsyncExitStack() as stack:
        members = await in_calls(cluster, stack)
        for number in range(ROUNDS):
            for member in members[:TALKERS]:
                await member.saw("transcript.final", len(member.of_type("transcript.final")))
            node = await cluster.node_of(members[0].session)
            told_at = loop.time()
            node.signal(signal.SIGTERM)
            refusals_ms.append(await refused(node))
            assert await node.ended() == 0
            exits_s.append(loop.time() - told_at)
            await cluster.start(node.name).ready()
            await asyncio.gather(*(member.came_back() for member in members if member.returns[number:]))
        for member in members[:TALKERS]:
            await member.saw("transcript.final", len(member.of_type("transcript.final")))
        returns = [back for member in members for back in member.returns]
        assert returns
        for member in members:
            await assert_nothing_lost(cluster, member)
    gaps = [back.gap_s for back in returns]
    assert percentile(refusals_ms, 95) <= REFUSED_MS
    assert percentile(exits_s, 95) <= EXIT_S
    figures(
        "SIGTERM with calls",
        calls=CALLS, rounds=ROUNDS, exit_s_p95=percentile(exits_s, 95), refused_ms_p95=percentile(refusals_ms, 95),
        gap_s_p50=percentile(gaps, 50), gap_s_p95=percentile(gaps, 95),
        told=sum(back.was_told for back in returns) / len(returns), lost=0,
    )  # fmt: skip


async def test_a_rolling_restart_of_three_nodes_fails_no_join(database: Database, valkey: str, tmp_path: Path) -> None:
    async with a_cluster(database, valkey, tmp_path, "a", "b", "c", DRAIN_S="0") as cluster, AsyncExitStack() as stack:
        members = await in_calls(cluster, stack)
        joins = await stack.enter_async_context(joining_all_the_time(cluster))
        for _ in range(ROUNDS):
            for name in ("a", "b", "c"):
                old = next(node for node in reversed(cluster.nodes) if node.name == name)
                old.signal(signal.SIGTERM)
                assert await old.ended() == 0
                await cluster.start(name).ready()
        for member in members[:TALKERS]:
            await member.saw("transcript.final", len(member.of_type("transcript.final")))
        for member in members:
            await assert_nothing_lost(cluster, member)
        gaps = [back.gap_s for member in members for back in member.returns]
        assert gaps
        assert joins
    figures("a rolling restart", nodes=3, rounds=ROUNDS, calls=CALLS, moved=len(gaps), gap_s_p50=percentile(gaps, 50),
            gap_s_p95=percentile(gaps, 95), joins=len(joins), failed=0, join_s_p95=percentile(joins, 95))  # fmt: skip


async def test_kills_at_any_moment_cost_a_pause(database: Database, valkey: str, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    loop = asyncio.get_running_loop()
    async with a_cluster(database, valkey, tmp_path, "a", "b") as cluster, AsyncExitStack() as stack:
        session = await cluster.session()
        members = [await cluster.member(session, name, audio) for name, audio in (("Ann", TALK), ("Bob", None))]
        for member in members:
            await stack.enter_async_context(member.staying())
        ends_at, kills = loop.time() + KILLS_S, 0
        while kills != KILLS and loop.time() < ends_at:
            await members[1].saw("transcript.final", len(members[1].of_type("transcript.final")))
            await asyncio.sleep(chance.uniform(0, 2))
            node = await cluster.node_of(session)
            node.process.kill()
            kills += 1
            await node.ended()
            await cluster.start(node.name).ready()
            await asyncio.gather(*(member.came_back(kills) for member in members))
            progress("kills of a media node", kills, KILLS)
        await members[1].saw("transcript.final", len(members[1].of_type("transcript.final")))
        for member in members:
            await assert_nothing_lost(cluster, member)
        returns = [back for member in members for back in member.returns]
    gaps, once_lost = [back.gap_s for back in returns], [back.once_lost_s for back in returns]
    figures("kills of a media node", kills=kills, lost=0, gap_s_p50=percentile(gaps, 50),
            gap_s_p95=percentile(gaps, 95), once_noticed_s_p50=percentile(once_lost, 50),
            once_noticed_s_p95=percentile(once_lost, 95))  # fmt: skip


async def test_everybody_at_once_comes_back(database: Database, valkey: str, tmp_path: Path) -> None:
    room = {"NODE_PARTICIPANTS": "300", "LOG_LEVEL": "ERROR"}
    async with a_cluster(database, valkey, tmp_path, "a", **room) as cluster, AsyncExitStack() as stack:
        members = []
        for _ in range(CROWD // 4):
            session = await cluster.session()
            crowd = [await cluster.member(session, f"P{number}") for number in range(4)]
            await asyncio.gather(*(stack.enter_async_context(member.staying()) for member in crowd))
            members += crowd
        cluster.nodes[0].process.kill()
        await cluster.nodes[0].ended()
        await cluster.start("a").ready()
        async with asyncio.timeout(300):
            while not all(member.returns for member in members):
                await asyncio.sleep(0.1)
        once_lost = [member.returns[0].once_lost_s for member in members]
        refusals = Counter(refusal for member in members for refusal in member.refusals)
    figures("everybody at once", people=len(members), back_s_p50=percentile(once_lost, 50),
            back_s_p95=percentile(once_lost, 95), back_s_p99=percentile(once_lost, 99), refusals=refusals)  # fmt: skip


async def test_nobody_is_sent_to_a_node_that_hangs(database: Database, valkey: str, tmp_path: Path) -> None:
    async with a_cluster(database, valkey, tmp_path, "a", "b") as cluster:
        hung = cluster.nodes[0]
        hung.signal(signal.SIGSTOP)
        await asyncio.sleep(5.5)
        places = [await cluster.place(await cluster.session()) for _ in range(100)]
        nowhere = f"redis://127.0.0.1:{free_port()}/0"
        without = replace(cluster, live=Live(nowhere))
        places += [await without.place(await cluster.session()) for _ in range(100)]
        sent = Counter(place.node for place in places if place is not None)
        hung.signal(signal.SIGCONT)
        assert sent == {"b": 200}
    figures("a node hangs", joins=200, sent_to_it=sent["a"])


async def test_idle_people_cost_little(database: Database, valkey: str, tmp_path: Path) -> None:
    async with (
        a_cluster(database, valkey, tmp_path, "a", NODE_PARTICIPANTS="300") as cluster,
        AsyncExitStack() as stack,
    ):
        node = psutil.Process(cluster.nodes[0].process.pid)
        measured = []
        for _ in range(2):  # the first half is the warm-up
            for _ in range(CROWD // 8):
                session = await cluster.session()
                crowd = [await cluster.member(session, f"P{number}") for number in range(4)]
                await asyncio.gather(*(stack.enter_async_context(member.staying()) for member in crowd))
            await asyncio.sleep(5)
            measured.append((node.memory_info().rss / 2**20, node.num_fds(), node.num_threads()))
        cpu_s = sum(node.cpu_times()[:2])
        await asyncio.sleep(10)
        cpu_s = sum(node.cpu_times()[:2]) - cpu_s
    (rss, fds, threads), (rss_then, fds_then, threads_then) = measured
    people = CROWD // 2
    figures("idle people", people=CROWD, rss_mb_each=round((rss_then - rss) / people, 3),
            fds_each=(fds_then - fds) / people, threads_each=(threads_then - threads) / people,
            cpu_of_a_core=round(cpu_s / 10, 3))  # fmt: skip
    assert fds_then - fds <= people * 1.1
    assert threads_then <= threads + 2


async def in_calls(cluster: Cluster, stack: AsyncExitStack) -> list[Member]:
    """People in calls of their own, those who talk first."""
    members = []
    for number in range(CALLS):
        audio = TALK if number < TALKERS else None
        member = await cluster.member(await cluster.session(), f"P{number}", audio)
        members.append(await stack.enter_async_context(member.staying()))
    return members


@asynccontextmanager
async def joining_all_the_time(cluster: Cluster) -> AsyncIterator[list[float]]:
    """Somebody new in a new call, one after the other; how long each took. One that is not in within 40 s raises."""
    took: list[float] = []

    async def join() -> None:
        while True:
            began = asyncio.get_running_loop().time()
            async with (await cluster.member(await cluster.session())).staying():
                took.append(asyncio.get_running_loop().time() - began)

    async with asyncio.TaskGroup() as tasks:
        joining = tasks.create_task(join())
        yield took
        joining.cancel()
