"""A node in a process of its own: what it cost so far, and what it delivered when."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from deploy.bench.media_node import Node, OnAudio

Keeps = Literal["nothing", "times", "audio"]
Contestant = Callable[[bool], AbstractAsyncContextManager[Node]]
"""Given whether it mixes."""
Arrival = tuple[int, int, float]
"""First sample at 16 kHz, number of samples, `time.monotonic()`."""
Block = tuple[int, npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Reading:
    at_s: float
    cpu_s: float
    """User and system, all threads."""
    samples: int
    """At 16 kHz, of all calls."""


class Ear:
    """Takes one call's audio."""

    def __init__(self) -> None:
        self.samples = 0
        self.arrivals: list[Arrival] = []
        self.blocks: list[Block] = []

    def count(self, pts: int, samples: npt.NDArray[np.float32]) -> None:
        self.samples += len(samples)

    def note(self, pts: int, samples: npt.NDArray[np.float32]) -> None:
        self.arrivals.append((pts, len(samples), time.monotonic()))

    def keep(self, pts: int, samples: npt.NDArray[np.float32]) -> None:
        self.blocks.append((pts, samples))

    def takes(self, keeps: Keeps) -> OnAudio:
        by_what: dict[Keeps, OnAudio] = {"nothing": self.count, "times": self.note, "audio": self.keep}
        return by_what[keeps]


class Measured:
    """Answers offers and is asked between them."""

    def __init__(self, node: Node, keeps: Keeps) -> None:
        self._node = node
        self._keeps: Keeps = keeps
        self._ears: list[Ear] = []

    async def answers(self, offers: Sequence[str]) -> list[str]:
        answers = []
        for offer in offers:
            self._ears.append(Ear())
            answers.append(await self._node.answer(offer, self._ears[-1].takes(self._keeps)))
        return answers

    async def leave(self, number: int) -> None:
        await self._node.leave(number)

    async def reading(self) -> Reading:
        return Reading(time.monotonic(), time.process_time(), sum(ear.samples for ear in self._ears))

    async def arrivals(self) -> list[list[Arrival]]:
        return [ear.arrivals for ear in self._ears]

    async def blocks(self) -> list[list[Block]]:
        return [ear.blocks for ear in self._ears]


@asynccontextmanager
async def measured(contestant: Contestant, mixes: bool, keeps: Keeps) -> AsyncIterator[Measured]:
    """For a process of its own."""
    async with contestant(mixes) as node:
        yield Measured(node, keeps)
