"""Many callers in one process, who send on the clock; the instant of each packet is kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from aiortc import RTCCertificate

from deploy.bench.media_caller import Caller
from deploy.bench.media_node import stay_on_loopback
from deploy.bench.media_plain_caller import PlainCaller

PACKET_S = 0.02
LATE_S = 0.02
"""A packet that is sent later than this after its time is counted as late."""
_EARLY_S = 0.0005
"""The event loop sleeps whole milliseconds."""
_CONNECT_S = 30.0
_SSRC = 0x1000_0000


@dataclass(frozen=True, slots=True)
class Sending:
    """What one caller sends."""

    packets: Sequence[bytes]
    """Begun again after the last one."""
    count: int
    first: int = 0
    """Of `packets`."""
    lost: frozenset[int] = frozenset()
    """Counted from 0; these are not sent."""
    phase: float = 0.0
    """Of 20 ms, 0 … 1."""
    odd: frozenset[int] = frozenset()
    """With these something goes out that should not."""


@dataclass(frozen=True, slots=True)
class Played:
    sent_s: dict[int, npt.NDArray[np.float64]]
    """Of each caller: `time.monotonic()` of every packet, NaN for one that was lost."""
    received: dict[int, int]
    """Packets that came back to each meanwhile."""
    late: int
    ended: frozenset[int]
    """Whom the other side closed; it sent nothing more."""
    cpu_s: float
    wall_s: float


class Callers:
    """Numbered in the order of their offers, or of their ports."""

    def __init__(self) -> None:
        self._certificate = RTCCertificate.generateCertificate()
        self._known = 0
        self._callers: dict[int, Caller | PlainCaller] = {}

    async def offers(self, count: int, direction: str) -> list[str]:
        new = [Caller(_SSRC + self._known + number, self._certificate) for number in range(count)]
        self._know(new)
        return [await caller.offer(direction) for caller in new]

    async def connect(self, answers: Sequence[str]) -> None:
        """The callers of the last offers, or of the last ports: their answers are the ports to send to."""
        async with asyncio.timeout(_CONNECT_S), asyncio.TaskGroup() as tasks:
            for number, answer in enumerate(answers, self._known - len(answers)):
                tasks.create_task(self._callers[number].connect(answer))

    async def ports(self, count: int) -> list[int]:
        """Of so many callers over plain RTP."""
        new = [PlainCaller(_SSRC + self._known + number) for number in range(count)]
        self._know(new)
        return [await caller.listen() for caller in new]

    def _know(self, new: Sequence[Caller | PlainCaller]) -> None:
        self._callers.update(enumerate(new, self._known))
        self._known += len(new)

    async def keep(self) -> None:
        """From now on keep what comes."""
        for caller in self._callers.values():
            caller.returned.kept = []

    async def kept(self) -> list[list[tuple[float, bytes]]]:
        return [caller.returned.kept or [] for caller in self._callers.values()]

    async def play(self, sendings: dict[int, Sending], may_end: bool = False) -> Played:
        """Send everything on the clock.

        Raises:
            ConnectionError: somebody was closed, which may not be.
        """
        ended: set[int] = set()
        began_s, began_cpu_s = time.monotonic() + PACKET_S, time.process_time()
        sent_s = {number: np.full(sending.count, np.nan) for number, sending in sendings.items()}
        before = {number: self._callers[number].returned.count for number in sendings}
        late = 0
        in_order = sorted(sendings.items(), key=lambda item: item[1].phase)
        for tick in range(max(sending.count for sending in sendings.values())):
            for number, sending in in_order:
                if tick >= sending.count or number in ended:
                    continue
                due_s = began_s + (tick + sending.phase) * PACKET_S
                if due_s - time.monotonic() > _EARLY_S:
                    await asyncio.sleep(due_s - time.monotonic())
                is_lost = tick in sending.lost
                payload = sending.packets[(sending.first + tick) % len(sending.packets)]
                if not is_lost:
                    sent_s[number][tick] = now_s = time.monotonic()
                    late += now_s - due_s > LATE_S
                try:
                    await self._callers[number].send(None if is_lost else payload)
                    if tick in sending.odd:
                        await self._callers[number].send_odd()
                except ConnectionError:
                    if not may_end:
                        raise
                    ended.add(number)
        received = {number: self._callers[number].returned.count - count for number, count in before.items()}
        cpu_s, wall_s = time.process_time() - began_cpu_s, time.monotonic() - began_s
        return Played(sent_s, received, late, frozenset(ended), cpu_s, wall_s)

    async def leave(self, number: int) -> None:
        await self._callers.pop(number).close()

    async def vanish(self, number: int) -> None:
        await self._callers.pop(number).vanish()

    async def close(self) -> None:
        await asyncio.gather(*(caller.close() for caller in self._callers.values()), return_exceptions=True)


def spread_phases(sendings: Sequence[Sending]) -> list[Sending]:
    """The same, evenly over 20 ms in this order."""
    return [replace(sending, phase=number / len(sendings)) for number, sending in enumerate(sendings)]


@asynccontextmanager
async def callers() -> AsyncIterator[Callers]:
    """For a process of its own."""
    stay_on_loopback()
    all_callers = Callers()
    try:
        yield all_callers
    finally:
        await all_callers.close()
