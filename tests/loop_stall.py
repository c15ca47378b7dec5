"""How long the event loop let others wait while something went on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

TICK_S = 0.005


@dataclass(slots=True)
class Stall:
    longest_s: float = 0.0
    ticks: int = 0

    @property
    def longest_ms(self) -> int:
        return round(self.longest_s * 1000)


@asynccontextmanager
async def watched_loop() -> AsyncIterator[Stall]:
    stall = Stall()
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(_watch(stall))
        yield stall
        watching.cancel()


async def _watch(stall: Stall) -> None:
    clock = asyncio.get_running_loop().time
    while True:
        asked_at = clock()
        await asyncio.sleep(TICK_S)
        stall.longest_s = max(stall.longest_s, clock() - asked_at - TICK_S)
        stall.ticks += 1
