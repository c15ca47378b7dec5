"""`kill -9` of a node and of Postgres, anywhere and at marked points: what anybody saw is stored once, in its order."""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from db.pool import Pool
from media_server.recorder import Recorder
from media_server.spool import Spool
from tests.appending_node import Orders
from tests.chaos import figures, often
from tests.log_entries import NoFollowers
from tests.own_cluster import OwnCluster, own_cluster
from tests.people import connected, make_participant, make_people, make_session
from tests.recording_node import UNHARMED, Said, losses, stored
from tests.tcp_proxy import Proxy, Way, passing, proxy_to

NODE_KILLS = often(10, 100)
POSTGRES_KILLS_IN_A_LIFE = 2
"""So many for each node that lives in between."""
NUMBERS_IN_A_LIFE = 50_000
"""Each number is a second of the call, and the last one has to fit into its column."""
READY_S = 30.0
SEED = 20261122

pytestmark = [pytest.mark.slow, pytest.mark.chaos]


class Point(Enum):
    """Where a transaction is when the killer comes: which bytes have passed, and whether they pass still."""

    ANYWHERE = ()
    BEGIN_ARRIVES = (Way.TO_SERVER, b"BEGIN", False)
    COMMIT_ARRIVES = (Way.TO_SERVER, b"COMMIT", False)
    COMMIT_IS_UNDER_WAY = (Way.TO_SERVER, b"COMMIT", True)
    ANSWER_IS_LOST = (Way.TO_CLIENT, b"COMMIT\0", False)
    ANSWER_ARRIVES = (Way.TO_CLIENT, b"COMMIT\0", True)


@dataclass(frozen=True, slots=True)
class Scene:
    cluster: OwnCluster
    proxy: Proxy
    orders: Orders

    async def at(self, point: Point, kill: Callable[[], Any]) -> Any:
        """Call `kill` at the next such point; what it returned."""
        if point is Point.ANYWHERE:
            return kill()
        way, mark, passes = point.value
        killed: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        async def script(goes: Way, chunk: bytes) -> bool:
            if goes is not way or mark not in chunk or self.proxy.script is not script:
                return True
            self.proxy.script = passing
            if passes:  # its bytes are sent before the loop comes to this
                asyncio.get_running_loop().call_soon(lambda: killed.set_result(kill()))
            else:
                killed.set_result(kill())
            return bool(passes)

        self.proxy.script = script
        async with asyncio.timeout(READY_S):
            return await killed

    async def committed(self) -> None:
        """Until Postgres has answered a COMMIT."""
        answered = asyncio.Event()

        async def script(way: Way, chunk: bytes) -> bool:
            if way is Way.TO_CLIENT and b"COMMIT\0" in chunk:
                answered.set()
            return True

        self.proxy.script = script
        async with asyncio.timeout(READY_S):
            await answered.wait()


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with own_cluster() as cluster, proxy_to(cluster.database.media_url) as proxy:
        people = await make_people(cluster.database.owner_url)
        async with connected(cluster.database.api_url) as api:
            session = await make_session(api, people.alice)
            participant_id = await make_participant(api, people.alice, session)
        orders = Orders(
            database_url=proxy.url(cluster.database.media_url),
            data_dir=str(tmp_path / "data"),
            node="host-0",
            session_id=str(session.id),
            participant_id=str(participant_id),
            first_number=0,
        )
        yield Scene(cluster, proxy, orders)


class Child:
    """An appending node as a program of its own, and all that it published."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.published: list[Said] = []
        self._more = asyncio.Condition()

    async def read(self) -> None:
        """Until it ends."""
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            async with self._more:
                if line.endswith(b"\n") and line != b"lost\n":
                    _, seq, text = line.decode().rstrip().split(" ", 2)
                    self.published.append((int(seq), text))
                self._more.notify_all()

    async def publish(self, total: int) -> None:
        """Wait until it has published so many."""
        async with asyncio.timeout(READY_S), self._more:
            await self._more.wait_for(lambda: len(self.published) >= total)

    async def publish_more(self, count: int) -> None:
        await self.publish(len(self.published) + count)


@asynccontextmanager
async def child(orders: Orders) -> AsyncIterator[Child]:
    process = await asyncio.create_subprocess_exec(*orders.argv(), stdout=subprocess.PIPE)
    running = Child(process)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(running.read())
        try:
            await running.publish_more(1)
            yield running
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def record_the_rest(pool: Pool, orders: Orders) -> None:
    spool = Spool(Path(orders.data_dir) / "spool" / orders.node)
    await spool.open()
    recorder = Recorder(spool, pool, NoFollowers())
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(recorder.run())
        assert await recorder.drain(READY_S)
        running.cancel()
    assert await spool.refused() == []
    await spool.aclose()


@pytest.mark.timeout(often(300, 3600))
async def test_every_published_entry_is_stored_exactly_once(scene: Scene) -> None:
    chance, points = random.Random(SEED), itertools.cycle(Point)
    published: list[Said] = []
    recovery_s: list[float] = []
    for life in range(NODE_KILLS):
        async with child(replace(scene.orders, first_number=life * NUMBERS_IN_A_LIFE)) as node:
            for _ in range(POSTGRES_KILLS_IN_A_LIFE):
                await node.publish_more(chance.randrange(5, 100))
                killed = await scene.at(next(points), scene.cluster.kill)
                killed_at = time.monotonic()
                await scene.cluster.start_again(killed)
                await scene.committed()
                recovery_s.append(time.monotonic() - killed_at)
            await node.publish_more(chance.randrange(5, 200))
            await scene.at(next(points), node.process.kill)
        published += node.published
    async with connected(scene.cluster.database.media_url) as pool:
        await record_the_rest(pool, scene.orders)
        transcripts, entries = await stored(pool, UUID(scene.orders.session_id))
    figures(
        "kills",
        postgres_kills=len(recovery_s),
        node_kills=NODE_KILLS,
        published=len(published),
        **losses(published, entries),
        recovery_s_p50=round(statistics.median(recovery_s), 2),
        recovery_s_max=round(max(recovery_s), 2),
    )
    assert len(published) > NODE_KILLS * 5
    assert losses(published, transcripts) == UNHARMED
    assert losses(published, entries) == UNHARMED
    assert published == sorted(published)
