"""Postgres loses a process, or stands still: calls go on, requests are told, and all of it heals by itself."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest
from blockbuster import blockbuster_ctx
from pytest_aiohttp import AiohttpClient

from db.errors import UnavailableError
from db.pool import Pool, transaction
from media_server import recorder
from tests.api import open_api
from tests.chaos import figures, often
from tests.loop_stall import watched_loop
from tests.own_cluster import OwnCluster, own_cluster
from tests.people import Person, connected, make_people, make_session
from tests.pools import check_whole
from tests.recording_node import IN_TIME_S, RecordingNode, losses, recording_node, stored, talking

BACKENDS_KILLED = often(3, 50)
STOPPED_S = often(2, 60)
"""At least; and until enough was said and asked meanwhile."""
SIZE = 8

pytestmark = [pytest.mark.slow, pytest.mark.chaos, pytest.mark.timeout(often(120, 900))]


@pytest.fixture
async def cluster() -> AsyncIterator[OwnCluster]:
    async with own_cluster() as cluster:
        yield cluster


class Writer:
    """Makes sessions, one after the other, and remembers what was acknowledged."""

    def __init__(self, pool: Pool, person: Person) -> None:
        self.acknowledged: list[UUID] = []
        self.failed = 0
        self.last_ok_at = 0.0
        self._pool = pool
        self._person = person

    async def write(self) -> None:
        """Until cancelled."""
        while True:
            try:
                session = await make_session(self._pool, self._person)
            except UnavailableError:
                self.failed += 1
                await asyncio.sleep(0.02)
            else:
                self.acknowledged.append(session.id)
                self.last_ok_at = time.monotonic()

    async def write_more(self, count: int) -> None:
        wanted = len(self.acknowledged) + count
        while len(self.acknowledged) < wanted:
            await asyncio.sleep(0.005)


@asynccontextmanager
async def writing(*writers: Writer) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        hands = [tasks.create_task(writer.write()) for writer in writers]
        yield
        for hand in hands:
            hand.cancel()


async def test_a_killed_backend_costs_some_requests_and_nothing_that_was_acknowledged(
    cluster: OwnCluster, tmp_path: Path
) -> None:
    people = await make_people(cluster.database.owner_url)
    heal_s: list[float] = []
    async with (
        connected(cluster.database.api_url, max_size=SIZE) as pool,
        connected(cluster.database.media_url) as media,
        recording_node(pool, cluster.database.media_url, people.alice, tmp_path) as node,
    ):
        writers = [Writer(pool, people.alice) for _ in range(SIZE)]
        async with asyncio.timeout(IN_TIME_S + 10 * BACKENDS_KILLED), talking(node), writing(*writers):
            for _ in range(BACKENDS_KILLED):
                await asyncio.gather(*(writer.write_more(5) for writer in writers))
                async with transaction(pool) as conn:
                    victim = await conn.fetchval("SELECT pg_backend_pid()")
                failed, killed_at = sum(writer.failed for writer in writers), time.monotonic()
                os.kill(victim, signal.SIGKILL)
                # All of them lose their connections: Postgres restarts itself, since shared memory may be broken.
                while sum(writer.failed for writer in writers) == failed:
                    await asyncio.sleep(0.001)
                await asyncio.gather(*(writer.write_more(2) for writer in writers))
                heal_s.append(min(writer.last_ok_at for writer in writers) - killed_at)
        await check_whole(pool, SIZE)
        await node.record_everything()
        transcripts, entries = await stored(media, node.session.id)
        assert transcripts == entries == node.published
        async with transaction(pool, user_id=people.alice.user_id) as conn:
            kept = {row["id"] for row in await conn.fetch("SELECT id FROM sessions")}
    acknowledged = [session for writer in writers for session in writer.acknowledged]
    failed = sum(writer.failed for writer in writers)
    figures(
        "backends_killed",
        kills=BACKENDS_KILLED,
        acknowledged=len(acknowledged),
        failed_requests=failed,
        lost=len(set(acknowledged) - kept),
        heal_s_max=round(max(heal_s), 2),
    )
    assert set(acknowledged) <= kept
    assert failed > 0


async def spool_bytes(node: RecordingNode) -> int:
    files = await asyncio.to_thread(lambda: list(node.spool.folder.iterdir()))
    return sum(file.stat().st_size for file in files)


async def test_while_postgres_stands_still_calls_go_on_and_requests_are_told(
    cluster: OwnCluster, valkey: str, aiohttp_client: AiohttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "TRANSACTION_S", 0.5)
    async with (
        open_api(cluster.database, valkey, aiohttp_client, transaction_timeout_s=0.3) as api,
        recording_node(api.state.pool, cluster.database.media_url, api.people.alice, tmp_path) as node,
        watched_loop() as stall,
        asyncio.timeout(IN_TIME_S + STOPPED_S),
    ):
        async with talking(node):
            await node.publish_more(50)
            bytes_before = await spool_bytes(node)
            with cluster.stopped(), blockbuster_ctx("media_server") as watch:
                for function in watch.functions.values():  # asyncpg looks for a key file whenever it connects
                    function.can_block_in("asyncpg/connect_utils.py", "_parse_connect_dsn_and_args")
                stopped_at, said_before = time.monotonic(), len(node.published)
                refused = await asyncio.gather(*(api.get("/v1/sessions") for _ in range(20)))
                await node.publish_more(100)
                while time.monotonic() < stopped_at + STOPPED_S:
                    refused += [await api.get("/v1/sessions")]
                    await asyncio.sleep(0.1)
                readiness = await api.get("/readyz", None)
                stopped_s, said = time.monotonic() - stopped_at, len(node.published) - said_before
                bytes_stopped = await spool_bytes(node)
                spooled = node.spool.size
            continued_at = time.monotonic()
            while (await api.get("/v1/sessions")).status != 200:
                await asyncio.sleep(0.02)
            api_s = time.monotonic() - continued_at
            await node.publish_more(50)
        await node.record_everything()
        recorded_s, stall_ms = time.monotonic() - continued_at, stall.longest_ms
        transcripts, entries = await stored(api.media, node.session.id)
    figures(
        "postgres_stopped",
        seconds=round(stopped_s, 1),
        said=said,
        spooled=spooled,
        spool_bytes_an_entry=(bytes_stopped - bytes_before) // spooled,
        requests_told=len(refused),
        loop_stall_ms=stall_ms,
        api_back_s=round(api_s, 2),
        recorded_s=round(recorded_s, 2),
        **losses(node.published, entries),
    )
    assert {answer.status for answer in (*refused, readiness)} == {503}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
    assert spooled >= said >= 100
    assert transcripts == entries == node.published
