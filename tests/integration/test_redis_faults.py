"""Redis is killed, wiped, slow, or not there when a node starts: calls go on, no word is lost, and health says so."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import redis.asyncio

from db import commands
from db.live import Live
from db.pool import transaction
from deploy.ports import free_port
from deploy.valkey import EmbeddedValkey
from tests.chaos import figures
from tests.cluster import TALK, Cluster, Member, a_cluster, assert_nothing_lost
from tests.conftest import Database, scratch_folder
from tests.scripted_node import health
from tests.tcp_proxy import Proxy, Way, passing, proxy_to

SLOW_S = 2.0

pytestmark = [pytest.mark.slow, pytest.mark.chaos, pytest.mark.timeout(300)]


@pytest.fixture
def own_valkey() -> Iterator[EmbeddedValkey]:
    """One that a test may kill; not started."""
    with scratch_folder("valkey") as folder:
        server = EmbeddedValkey(folder, free_port())
        yield server
        server.stop()


async def slow(way: Way, chunk: bytes) -> bool:
    """Each reply takes two seconds."""
    if way is Way.TO_CLIENT:
        await asyncio.sleep(SLOW_S)
    return True


async def test_calls_go_on_whatever_becomes_of_redis(
    database: Database, own_valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    async with (
        proxy_to(own_valkey.url) as proxy,
        a_cluster(database, proxy.url(own_valkey.url), tmp_path, "a", LEASE_S="3") as cluster,
    ):
        ann = await cluster.member(await cluster.session(), "Ann", TALK)
        async with ann.staying():
            await goes_on(cluster, ann, "down at the start")
            await told(cluster, is_away=True)
            await asyncio.to_thread(own_valkey.start)
            await told(cluster, is_away=False)
            async with redis.asyncio.Redis.from_url(own_valkey.url) as client:
                await client.flushall()
            await goes_on(cluster, ann, "wiped")
            proxy.script = slow
            await told(cluster, is_away=True)
            await goes_on(cluster, ann, "slow")
            proxy.script = passing
            await told(cluster, is_away=False)
            kill(own_valkey, proxy)
            await goes_on(cluster, ann, "killed")
            await told(cluster, is_away=True)
            # An order reaches the call without it too.
            async with transaction(cluster.api, user_id=cluster.person.user_id) as conn:
                await commands.insert_command(
                    conn, id=uuid4(), session_id=ann.session.id, organization_id=ann.session.organization_id,
                    kind="end", payload={}, created_by=cluster.person.user_id,
                )  # fmt: skip
            await ann.until(lambda: any(m["state"] == "finalizing" for m in ann.of_type("session.state")), "end")
            assert not ann.returns
        await assert_nothing_lost(cluster, ann)
    figures("Redis down, wiped, slow and killed", lost=0, broken_connections=0)


def kill(server: EmbeddedValkey, proxy: Proxy) -> None:
    assert server._child is not None
    server._child.kill()
    server._child.wait()
    proxy.cut()


async def goes_on(cluster: Cluster, ann: Member, state: str) -> None:
    """Text comes, somebody new is placed, and gets in."""
    await ann.saw("transcript.final", len(ann.of_type("transcript.final")))
    async with (await cluster.member(await cluster.session(), "New")).staying() as new:
        assert not new.returns, state


async def told(cluster: Cluster, *, is_away: bool) -> None:
    async with asyncio.timeout(20):
        while True:
            status, body = await health(cluster.nodes[0])
            assert (status, body["reasons"]) == (200, [])  # a node without Redis takes calls
            if ("redis_away" in body["notes"]) == is_away:
                return
            await asyncio.sleep(0.1)


async def test_a_client_says_whether_redis_is_there(own_valkey: EmbeddedValkey) -> None:
    live = Live(own_valkey.url)
    assert not live.is_away
    await live.ping()
    assert live.is_away
    await asyncio.to_thread(own_valkey.start)
    async with asyncio.timeout(10):
        while live.is_away:
            await live.ping()
            await asyncio.sleep(0.05)
    await live.aclose()
