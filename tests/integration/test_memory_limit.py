"""A node in a control group whose memory runs short: the newest are refused, and nobody who is here loses the call."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from db.records import Session
from media_server.settings import Limits
from tests.chaos import IS_CHAOS, figures
from tests.cluster import TALK, Cluster, a_cluster
from tests.conftest import Database
from tests.memory_group import can_limit, memory_group
from tests.talking_peer import RefusedError, TalkingPeer

__test__ = IS_CHAOS

ROOM_BYTES = 24 * 1024**2
"""Beyond what must be spared: for some people and not for forty."""
PEOPLE, REFUSALS, AFTERWARDS_S = 40, 5, 20.0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.chaos,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not can_limit(), reason="needs root and a control group for memory"),
]


async def test_newest_joins_are_refused_before_the_kernel_ends_the_node(
    database: Database, valkey: str, tmp_path: Path
) -> None:
    limit = Limits().spare_bytes + ROOM_BYTES
    refused: list[str | None] = []
    joined = 0
    with memory_group(limit) as group:
        async with a_cluster(database, valkey, tmp_path, "a") as cluster, AsyncExitStack() as stack:
            [node] = cluster.nodes
            group.add(node.process.pid)
            session = await cluster.session()
            host = await cluster.member(session, audio=TALK)
            await stack.enter_async_context(host.staying())
            for _ in range(PEOPLE):
                await asyncio.sleep(1.1)  # memory is looked at once a second
                try:
                    await stack.enter_async_context(await somebody(cluster, host.session))
                    joined += 1
                except RefusedError as error:
                    refused.append(error.code)
                if len(refused) == REFUSALS:
                    break
            finals = len(host.of_type("transcript.final"))
            await asyncio.sleep(AFTERWARDS_S)
            await host.saw("transcript.final", finals + 3)
            assert node.process.poll() is None
            assert host.returns == []
            used_mb, kills = group.used_bytes / 1024**2, group.kills
    assert (refused, kills) == (["node_full"] * REFUSALS, 0)
    assert joined > 0
    figures(
        "R57", limit_mb=limit / 1024**2, used_mb=round(used_mb), joined=joined, refused=len(refused), oom_kills=kills
    )


async def somebody(cluster: Cluster, session: Session) -> TalkingPeer:
    member = await cluster.member(session)
    place = await cluster.place(member.session)
    assert place is not None
    ticket = await cluster.ticket(member.session, member.id, place)
    return TalkingPeer(f"{place.media_url}/whip/{member.session.id}", ticket, None)
