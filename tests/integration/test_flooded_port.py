"""A stranger's datagrams at one port of a node: calls at other ports go on."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict

import pytest
import pytest_asyncio

from tests.chaos import IS_CHAOS, figures, often
from tests.conftest import Database
from tests.lab.call import LabStage, require_namespaces, stage_in_lab, turns
from tests.lab.flood import Orders
from tests.lab.lab import Lab
from tests.small_node import SmallNode

PER_S = often(ci=2_000, chaos=20_000)
SECONDS = often(ci=1, chaos=20)
OURS, STRANGERS = "10.78.0.1", "10.78.0.2"
LOST = 0.01 if IS_CHAOS else 0.2
"""Share of what arrived at other ports; a busy machine loses by itself."""

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow, pytest.mark.chaos, pytest.mark.timeout(300)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(shared_database: Database, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LabStage]:
    require_namespaces()
    async with stage_in_lab(shared_database, tmp_path_factory.mktemp("node")) as stage:
        yield stage


async def port_of_the_first(stage: LabStage) -> int:
    def find(node: SmallNode) -> int:
        [call] = node.calls._calls.values()
        peer = next(iter(call._peers.values()))
        assert peer._pc.sctp is not None
        [candidate] = peer._pc.sctp.transport.transport._connection.local_candidates
        return int(candidate.port)

    return await stage.lab.server.call(lambda: find(stage.node))


async def flooded(lab: Lab, port: int) -> int:
    """How many datagrams a stranger sent there, over a wire of its own to the server."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.lab.flood", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(SECONDS + 30):
            assert await process.stdout.readline() == b"ready\n"
            await lab.server.ip(f"link add wire0 type veth peer name wire1 netns {process.pid}")
            await lab.server.ip(f"addr add {OURS}/24 dev wire0")
            await lab.server.ip("link set wire0 up")
            orders = Orders("wire1", STRANGERS, (lab.server.host, port), PER_S, SECONDS)
            process.stdin.write(json.dumps(asdict(orders)).encode() + b"\n")
            sent = json.loads(await process.stdout.readline())
            await process.wait()
            return int(sent)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_flood_at_one_port_leaves_the_other_calls_alone(stage: LabStage) -> None:
    async with stage.call() as call:
        await call.start(turns(SECONDS + 10), turns(SECONDS + 10))
        await asyncio.sleep(0.5)
        before, arrived_before = await call.received(), await call.arrived()
        sent = await flooded(stage.lab, await port_of_the_first(stage))
        await asyncio.sleep(0.5)
        after, arrived = await call.received(), await call.arrived() - arrived_before
        heard = after.received - before.received
        figures(
            "R35: flood at one port",
            sent_per_s=round(sent / SECONDS),
            arrived=arrived,
            heard=heard,
            lost_percent=round(100 * (1 - heard / arrived), 2),
        )
        assert sent > 0.5 * PER_S * SECONDS
        assert heard >= (1 - LOST) * arrived
