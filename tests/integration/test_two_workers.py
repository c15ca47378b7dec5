"""`liveconvo up --workers 2`: two nodes, each a process of its own; a crash of one costs its own calls a pause.

Only in `make chaos`: it starts the whole product.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import pytest

from db.pool import owner_connection
from deploy.call.api import Api, ApiError, Joining
from deploy.call.audio_file import SENT_RATE_HZ, opus_packets, read_recording
from deploy.call.caller import Caller
from deploy.call.connection import Message
from deploy.stack import Stack, throwaway_stack
from media_server.rtc.addresses import offer_addresses
from tests.chaos import IS_CHAOS, figures

__test__ = IS_CHAOS

DEMO = Path(__file__).parents[2] / "deploy" / "demo"
IN_TIME_S = 60.0

pytestmark = [pytest.mark.slow, pytest.mark.chaos, pytest.mark.timeout(600)]


@dataclass(slots=True)
class Talker:
    session_id: str
    messages: list[tuple[Message, float]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    returns: list[float] = field(default_factory=list)

    def note_line(self, is_there: bool) -> None:
        (self.returns if is_there else self.losses).append(asyncio.get_running_loop().time())

    def finals(self) -> int:
        return sum(message["type"] == "transcript.final" for message, _ in self.messages)

    async def until(self, holds: object) -> None:
        assert callable(holds)
        async with asyncio.timeout(IN_TIME_S):
            while not holds():
                await asyncio.sleep(0.05)

    async def goes_on(self) -> None:
        before = self.finals()
        await self.until(lambda: self.finals() > before)


@asynccontextmanager
async def talking(api: Api, packets: list[bytes]) -> AsyncIterator[Talker]:
    session_id = await api.create_session("Two workers", "sales")
    talker = Talker(session_id)

    async def join(previous: str | None = None) -> Joining:
        return await api.join(session_id, "Ann", "host", shared_mic=False, previous_ticket=previous)

    caller = Caller(packets, lambda message, at: talker.messages.append((message, at)), join, talker.note_line)
    async with asyncio.timeout(IN_TIME_S):
        while True:
            try:
                await caller.connect(await join())
                break
            except ApiError:  # a node that is late takes no new call
                await asyncio.sleep(1)
    caller.playing.start(asyncio.get_running_loop().time())
    staying = asyncio.create_task(caller.stay())
    try:
        yield talker
    finally:
        staying.cancel()
        await caller.close()


async def nodes(stack: Stack) -> dict[str, str]:
    """Which node has which session."""
    async with owner_connection(stack.owner_database_url) as conn:
        return {str(row["session_id"]): row["node"] for row in await conn.fetch("SELECT session_id, node FROM calls")}


def short_turns() -> list[bytes]:
    samples = read_recording(DEMO / "guest.opus").samples
    turn = samples[int(44.6 * SENT_RATE_HZ) : int(46.1 * SENT_RATE_HZ)]
    return opus_packets(np.concatenate((turn, np.zeros(SENT_RATE_HZ, np.int16)))) * 240


@pytest.mark.parametrize("fault", [signal.SIGSEGV, signal.SIGKILL])
async def test_a_crash_costs_the_calls_of_one_node_a_pause(fault: signal.Signals) -> None:
    offer_addresses(())
    packets = short_turns()
    async with throwaway_stack(workers=2) as stack, Api(stack.url, stack.token) as api, AsyncExitStack() as calls:
        pids = [stack.pid("media-0"), stack.pid("media-1")]
        assert len({psutil.Process(pid).pid for pid in pids}) == 2
        talkers = []
        for _ in range(4):
            talkers.append(await calls.enter_async_context(talking(api, packets)))
            await asyncio.sleep(2.5)  # nodes tell how busy they are every two seconds
        placed = await nodes(stack)
        assert len(set(placed.values())) == 2, placed
        await asyncio.gather(*(talker.goes_on() for talker in talkers))
        victim = next(iter(set(placed.values())))
        os.kill(pids[int(victim[-1])], fault)
        hurt = [talker for talker in talkers if placed[talker.session_id] == victim]
        unhurt = [talker for talker in talkers if talker not in hurt]
        for talker in hurt:
            await talker.until(lambda talker=talker: talker.returns)
        await asyncio.gather(*(talker.goes_on() for talker in talkers))
        assert not any(talker.losses for talker in unhurt)
        pauses = [talker.returns[0] - talker.losses[0] for talker in hurt]
        for talker in talkers:
            numbers = [message["seq"] for message, _ in talker.messages if "seq" in message]
            assert numbers == sorted(set(numbers))
            assert not any(message["type"] == "participant.left" for message, _ in talker.messages)
    figures("one of two nodes crashes", fault=fault.name, calls=len(talkers), hurt=len(hurt),
            once_noticed_s=[round(pause, 1) for pause in pauses])  # fmt: skip
