"""`kill -9` of a node and of Postgres: every entry that anybody saw is stored, exactly once."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import pytest

from db.calls import acquire_lease
from db.migrate import migrate, set_role_passwords
from db.pool import Pool, transaction
from deploy.ports import free_port
from deploy.postgres import EmbeddedPostgres
from media_server.recorder import Recorder
from media_server.spool import Spool
from tests.appending_node import Orders
from tests.log_entries import NoFollowers
from tests.people import connected, make_participant, make_people, make_session

NODE_KILLS = 10
POSTGRES_KILLED_IN = (2, 5, 8)
READY_S = 30.0
SEED = 20261122

pytestmark = [pytest.mark.slow]


@dataclass(frozen=True, slots=True)
class Scene:
    postgres: EmbeddedPostgres
    orders: Orders

    async def kill_postgres(self) -> None:
        """The server with all its children, as a power cut would, then start it again."""
        pid = self.postgres.pid
        assert pid is not None
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for victim in (pid, *map(int, children)):
            os.kill(victim, signal.SIGKILL)
        await asyncio.to_thread(self.postgres.start)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    with tempfile.TemporaryDirectory(prefix="liveconvo-kills-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        postgres = EmbeddedPostgres(Path(folder) / "postgres", free_port())
        await asyncio.to_thread(postgres.start)
        try:
            yield Scene(postgres, await _orders(postgres, Path(folder)))
        finally:
            await asyncio.to_thread(postgres.stop)


async def _orders(postgres: EmbeddedPostgres, folder: Path) -> Orders:
    await migrate(postgres.owner_url)
    passwords = {role: secrets.token_urlsafe(16) for role in ("liveconvo_api", "liveconvo_media", "liveconvo_jobs")}
    await set_role_passwords(postgres.owner_url, passwords)
    url = postgres.owner_url.split("@")[1]
    people = await make_people(postgres.owner_url)
    async with connected(f"postgresql://liveconvo_api:{passwords['liveconvo_api']}@{url}") as api:
        session = await make_session(api, people.alice)
        participant_id = await make_participant(api, people.alice, session)
    return Orders(
        database_url=f"postgresql://liveconvo_media:{passwords['liveconvo_media']}@{url}",
        data_dir=str(folder / "data"),
        node="host-0",
        session_id=str(session.id),
        participant_id=str(participant_id),
        first_number=0,
    )


class Child:
    """An appending node as a program of its own, and every seq that it published."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.published: list[int] = []

    async def read(self, until: int) -> bool:
        """Collect until so many were published, or the program ends; True: its lease was lost."""
        assert self.process.stdout is not None
        while len(self.published) < until and (line := await self.process.stdout.readline()):
            if line == b"lost\n":
                return True
            if line.endswith(b"\n"):
                self.published.append(int(line.split()[1]))
        return False


@asynccontextmanager
async def child(orders: Orders) -> AsyncIterator[Child]:
    process = await asyncio.create_subprocess_exec(*orders.argv(), stdout=subprocess.PIPE)
    running = Child(process)
    try:
        async with asyncio.timeout(READY_S):
            await running.read(until=1)
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await running.read(until=10**9)
        await process.wait()


async def stored(pool: Pool, table: str, column: str) -> Counter[int]:
    async with transaction(pool, timeout_s=30) as conn:
        return Counter(row[0] for row in await conn.fetch(f"SELECT {column} FROM {table}"))  # noqa: S608


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


@pytest.mark.timeout(300)
async def test_every_published_entry_is_stored_exactly_once(scene: Scene) -> None:
    chance = random.Random(SEED)
    published: list[int] = []
    for kill in range(NODE_KILLS):
        async with child(replace(scene.orders, first_number=kill * 1_000_000)) as node:
            if kill in POSTGRES_KILLED_IN:
                await scene.kill_postgres()
            async with asyncio.timeout(READY_S):
                await node.read(until=len(node.published) + chance.randrange(5, 400))
        published += node.published
    async with connected(scene.orders.database_url) as pool:
        await record_the_rest(pool, scene.orders)
        transcripts = await stored(pool, "transcripts", "sequence_number")
        entries = await stored(pool, "session_events", "seq")
    assert len(published) == len(set(published)) > NODE_KILLS * 5
    assert {seq: transcripts[seq] for seq in published} == dict.fromkeys(published, 1)
    assert {seq: entries[seq] for seq in published} == dict.fromkeys(published, 1)
    assert published == sorted(published)


async def test_a_stopped_node_that_was_replaced_publishes_nothing_more(scene: Scene) -> None:
    orders = replace(scene.orders, lease_s=1.0, stops_after=20)
    async with child(orders) as node, connected(orders.database_url) as pool:
        async with asyncio.timeout(READY_S):
            await node.read(until=20)
        await asyncio.sleep(1.1)  # the lease runs out by the clock of Postgres
        async with transaction(pool) as conn:
            taken = await acquire_lease(conn, UUID(orders.session_id), "host-1", "http://host-1", orders.lease_s)
        node.process.send_signal(signal.SIGCONT)
        async with asyncio.timeout(READY_S):
            was_lost = await node.read(until=10**9)
        await node.process.wait()
        await record_the_rest(pool, orders)
        transcripts = await stored(pool, "transcripts", "sequence_number")
    assert was_lost
    assert len(node.published) == 20
    assert all(transcripts[seq] == 1 and seq < taken.first_seq for seq in node.published)
