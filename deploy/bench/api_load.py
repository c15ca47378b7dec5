"""Load on an HTTP server, in two ways.

Open loop: requests are due at the times of a schedule, whatever became of those before, and the latency of each counts
from when it was due; so a server that stands still is charged for everybody who would have come meanwhile (Tene, "How
NOT to Measure Latency"). Closed loop: each connection asks again as soon as it is answered, which tells what a server
can do and nothing about latency.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from deploy.bench.api_http import Connection

CONNECTIONS = 64
"""For the open loop: more than 200 requests a second take in 0.3 s; who waits for one waits on the clock."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One request to be made, and what to count it as."""

    name: str
    request: bytes


@dataclass(slots=True)
class Tally:
    latencies_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    failures: Counter[str] = field(default_factory=Counter)
    """By name and status."""
    late_ms: float = 0.0
    """How late the client itself was at worst: what it adds to latencies."""

    def add(self, shot: Shot, status: int, latency_ms: float) -> None:
        if status < 400:
            self.latencies_ms[shot.name].append(latency_ms)
        else:
            self.failures[f"{shot.name} {status}"] += 1


def arrivals(rate_hz: float, seconds: float, seed: int = 1) -> Iterator[float]:
    """Seconds after the beginning at which requests are due: a Poisson process, as people come."""
    chance = random.Random(seed)  # noqa: S311  a distribution, no secret
    at_s = chance.expovariate(rate_hz)
    while at_s < seconds:
        yield at_s
        at_s += chance.expovariate(rate_hz)


async def open_loop(port: int, draw: Callable[[], Shot], *, rate_hz: float, seconds: float) -> Tally:
    """Everything that was due is asked and waited for, however late."""
    tally = Tally()
    free: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
    for _ in range(CONNECTIONS):
        free.put_nowait(Connection(port))
    began_s = time.perf_counter()

    async def fire(shot: Shot, due_s: float) -> None:
        connection = await free.get()
        try:
            status, _ = await connection.send(shot.request)
        except (OSError, TimeoutError):
            status = 599
        finally:
            free.put_nowait(connection)
        tally.add(shot, status, (time.perf_counter() - began_s - due_s) * 1000)

    async with asyncio.TaskGroup() as tasks:
        for due_s in arrivals(rate_hz, seconds):
            await asyncio.sleep(max(0.0, due_s - (time.perf_counter() - began_s)))
            tally.late_ms = max(tally.late_ms, (time.perf_counter() - began_s - due_s) * 1000)
            tasks.create_task(fire(draw(), due_s))
    while not free.empty():
        await free.get_nowait().__aexit__(None, None, None)
    return tally


async def closed_loop(port: int, draw: Callable[[], Shot], *, connections: int, seconds: float) -> float:
    """Requests a second that were answered well.

    Raises:
        RuntimeError: one was not.
    """
    until_s = time.perf_counter() + seconds

    async def ask() -> int:
        done = 0
        async with Connection(port) as connection:
            while time.perf_counter() < until_s:
                shot = draw()
                status, body = await connection.send(shot.request)
                if status >= 400:
                    raise RuntimeError(f"{shot.name} was answered {status}: {body[:200]!r}")
                done += 1
        return done

    began_s = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        asking = [tasks.create_task(ask()) for _ in range(connections)]
    return sum(task.result() for task in asking) / (time.perf_counter() - began_s)
