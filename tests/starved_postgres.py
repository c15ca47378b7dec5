"""Fills the disk under a Postgres while a node records and people use the api, then makes room; prints what happened.

Started as a program by a test that mounts a small disk for it: `python -m tests.starved_postgres <disk> <folder>`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
from aiohttp.test_utils import TestClient, TestServer

from db.pool import transaction
from media_server import recorder
from tests.api import Api, open_api
from tests.own_cluster import OwnCluster, cluster_in
from tests.recording_node import PAUSE_S, RecordingNode, losses, recording_node, stored, talking

NO_REDIS = "redis://127.0.0.1:9/0"
LIMIT_S = 60.0


@dataclass
class People:
    """They make sessions and read them, one after the other, and remember what was acknowledged."""

    api: Api
    statuses: Counter[str] = field(default_factory=Counter)
    acknowledged: list[str] = field(default_factory=list)
    silent_refusals: int = 0
    """503 that did not say when to come back."""

    async def use(self) -> None:
        """Until cancelled."""
        while True:
            made = await self.api.post("/v1/sessions", {"title": "Demo " * 20, "conversation_type": "sales"})
            read = await self.api.get("/v1/sessions")
            if made.status == 201:
                self.acknowledged.append(made.body["id"])
            for verb, answer in (("write", made), ("read", read)):
                self.statuses[f"{verb} {answer.status}"] += 1
                self.silent_refusals += answer.status == 503 and "Retry-After" not in answer.headers
            await asyncio.sleep(PAUSE_S)

    async def until(self, outcome: str) -> None:
        wanted = self.statuses[outcome] + 1
        while self.statuses[outcome] < wanted:
            await asyncio.sleep(PAUSE_S)


def fill(disk: Path) -> None:
    """Nothing is left after this."""
    with (disk / "ballast").open("ab", buffering=0) as file:
        for size in (1024**2, 4096, 1):
            with suppress(OSError):
                while file.write(b"\0" * size) == size:
                    pass


async def demand_a_new_segment(administrator: asyncpg.Connection[asyncpg.Record]) -> None:
    """The next record of the write-ahead log has no room: Postgres gives up until it is started again."""
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        while True:
            await administrator.execute("SELECT pg_switch_wal()")
            await administrator.execute("SELECT pg_logical_emit_message(false, 'test', 'x')")


async def starve(cluster: OwnCluster, disk: Path, node: RecordingNode, people: People) -> dict[str, object]:
    administrator = await asyncpg.connect(cluster.postgres.superuser_url)  # on a full disk nobody new gets in
    async with talking(node), asyncio.TaskGroup() as tasks:
        using = tasks.create_task(people.use())
        await people.until("write 201")
        await node.publish_more(50)
        await asyncio.to_thread(fill, disk)
        while not node.recorder.is_waiting:
            await asyncio.sleep(PAUSE_S)
        said_before = len(node.published)
        await people.until("write 503")
        await node.publish_more(50)
        full = dict(people.statuses)
        await demand_a_new_segment(administrator)
        await people.until("read 503")
        await node.publish_more(50)
        is_down = not cluster.postgres.is_ready()
        said, spooled = len(node.published) - said_before, node.spool.size
        (disk / "ballast").unlink()
        await asyncio.to_thread(cluster.postgres.start)
        await people.until("read 200")
        await people.until("write 201")
        await node.publish_more(50)
        using.cancel()
    await node.record_everything()
    return {"said_meanwhile": said, "spooled": spooled, "postgres_gave_up": is_down, "when_tables_were_full": full}


async def run(disk: Path, folder: Path) -> dict[str, object]:
    async def client_of(server: TestServer) -> TestClient:
        client = TestClient(server)
        await client.start_server()
        clients.append(client)
        return client

    clients: list[TestClient] = []
    recorder.TRANSACTION_S = 1.0
    async with (
        asyncio.timeout(LIMIT_S),
        cluster_in(disk / "postgres") as cluster,
        open_api(cluster.database, NO_REDIS, client_of, transaction_timeout_s=1.0) as api,
        recording_node(api.state.pool, cluster.database.media_url, api.people.alice, folder) as node,
    ):
        people = People(api)
        outcome = await starve(cluster, disk, node, people)
        transcripts, entries = await stored(api.media, node.session.id)
        async with transaction(api.state.pool, user_id=api.people.alice.user_id) as conn:
            kept = {str(row["id"]) for row in await conn.fetch("SELECT id FROM sessions")}
        await asyncio.gather(*(client.close() for client in clients))
    return outcome | {
        "published": len(node.published),
        "transcripts": losses(node.published, transcripts),
        "entries": losses(node.published, entries),
        "sessions_acknowledged": len(people.acknowledged),
        "sessions_lost": len(set(people.acknowledged) - kept),
        "silent_refusals": people.silent_refusals,
        "statuses": dict(people.statuses),
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(Path(sys.argv[1]), Path(sys.argv[2])))))  # noqa: T201
