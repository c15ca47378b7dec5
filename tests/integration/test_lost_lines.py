"""A caller's line is gone for a while, or leads elsewhere: how soon that is noticed, and that nothing is told twice.

Goal of `make chaos`: noticed within 6 s, and within 3 s of that, or of the network's return, back.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from statistics import median

import pytest
import pytest_asyncio

from deploy.call import connection
from tests.chaos import IS_CHAOS, chosen, figures, often, progress
from tests.conftest import Database
from tests.lab.call import LabCall, LabStage, Voice, require_namespaces, stage_in_lab, turns
from tests.lab.link import CLIENT_HOST

BACK_S = 90.0
"""In any case, however busy the machine is."""
GOAL_NOTICED_S, GOAL_BACK_S = 6.0, 3.0
HURRIED_S = 1.5
"""In `make test` a caller loses its patience sooner."""
TIMES = chosen("FLAPS") or often(ci=1, chaos=10)
ELSEWHERE = "10.77.0.3"

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.slow,
    pytest.mark.chaos,
    pytest.mark.timeout(1800 + 120 * TIMES),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(shared_database: Database, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LabStage]:
    require_namespaces()
    async with stage_in_lab(shared_database, tmp_path_factory.mktemp("node")) as stage:
        yield stage


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    happens: Callable[[LabCall], Awaitable[None]]
    outage_s: float = 0.0
    """From its begin until there is a network again."""
    connections: tuple[int, ...] = (0, 1)
    """How many new ones it may take."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds; None where the connection stayed."""

    noticed_s: float | None
    """From the begin of the fault."""
    back_s: float | None
    """From noticing it, or from the network's return when that was later."""
    gap_s: float
    """Without audio at the node."""
    connections: int


def _darkness(seconds: float, *connections: int) -> Fault:
    return Fault(f"R24: {seconds} s of darkness", lambda call: call.lab.blackout(seconds), seconds, connections)


def _no_network(seconds: float) -> Fault:
    return Fault(f"R24: {seconds} s without a network", lambda call: call.lab.unplug(seconds), seconds, (1,))


async def _move(call: LabCall) -> None:
    await call.lab.move_client(ELSEWHERE if call.lab.client.host == CLIENT_HOST else CLIENT_HOST)


FAULTS = [
    Fault("R23: another port at the NAT", lambda call: call.lab.rebind()),
    Fault("R25: another network", _move, connections=(1,)),
    *([_darkness(1, 0), _darkness(5, 0, 1), _darkness(15, 1)] if IS_CHAOS else [_darkness(0.5, 0), _darkness(4, 1)]),
    *([_no_network(10), _no_network(45)] if IS_CHAOS else []),
]


async def _understood(voice: Voice) -> None:
    """Something that is said from now on is told."""
    finals = len(voice.of_type("transcript.final"))
    async with asyncio.timeout(BACK_S):
        while len(voice.of_type("transcript.final")) <= finals:
            await asyncio.sleep(0.05)


async def _suffer(call: LabCall, voice: Voice, fault: Fault) -> Cost:
    loop = asyncio.get_running_loop()
    before, began_at = len(voice.line), loop.time()
    faulting = asyncio.ensure_future(fault.happens(call))
    await asyncio.sleep(0.15)  # what was on its way has arrived
    received = (await call.received()).received
    async with asyncio.timeout(BACK_S):
        while (await call.received()).received <= received:
            await asyncio.sleep(0.02)
    gap_s = loop.time() - began_at
    await faulting
    await _understood(voice)
    line = voice.line[before:]
    assert len(line) % 2 == 0
    if not line:
        return Cost(None, None, gap_s, 0)
    (_, lost_at), (_, back_at) = line[0], line[-1]
    return Cost(lost_at - began_at, back_at - max(lost_at, began_at + fault.outage_s), gap_s, len(line) // 2)


def _spread(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    return {"p50": round(median(values), 2), "max": round(max(values), 2)}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_a_caller_is_back_and_has_read_everything_once(
    stage: LabStage, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not IS_CHAOS:
        monkeypatch.setattr(connection, "SILENT_S", HURRIED_S)
    times = TIMES if fault.outage_s < 45 else 2
    async with stage.call() as call:
        [voice] = await call.start(turns(times * (fault.outage_s + 30)))
        await _understood(voice)
        costs = []
        for done in range(times):
            costs.append(await _suffer(call, voice, fault))
            progress(fault.name, done + 1, times)
        noticed_s = [cost.noticed_s for cost in costs if cost.noticed_s is not None]
        back_s = [cost.back_s for cost in costs if cost.back_s is not None]
        figures(
            fault.name,
            times=times,
            noticed_s=_spread(noticed_s),
            back_s=_spread(back_s),
            gap_s=_spread([cost.gap_s for cost in costs]),
            connections=sum(cost.connections for cost in costs),
            read_twice=len(voice.seqs) - len(set(voice.seqs)),
        )
        assert voice.seqs == sorted(set(voice.seqs))
        assert await call.replay(voice) == voice.seqs
    finals = voice.of_type("transcript.final")
    spans = sorted((final["start_ms"], final["end_ms"]) for final in finals)
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(spans)), spans
    if fault.connections == (0,) or IS_CHAOS:
        assert all(cost.connections in fault.connections for cost in costs)
    if IS_CHAOS:
        assert max(noticed_s, default=0) <= GOAL_NOTICED_S
        assert max(back_s, default=0) <= GOAL_BACK_S
