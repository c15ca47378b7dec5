"""A node with many calls and a stranger who sends to all their ports, for a process each."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from deploy.bench.media_node import OurNode, our_node

ROUND_S = 0.02


class CountedNode:
    """Counts the blocks of audio of each call."""

    def __init__(self, node: OurNode) -> None:
        self._node = node
        self._heard = Counter[int]()
        self._calls = 0

    async def answers(self, offers: Sequence[str]) -> list[str]:
        answers = []
        for offer in offers:
            answers.append(await self._node.answer(offer, partial(self._hear, self._calls)))
            self._calls += 1
        return answers

    async def heard(self) -> list[int]:
        return [self._heard[number] for number in range(self._calls)]

    async def people(self) -> int:
        return self._node.people

    def _hear(self, number: int, *_: object) -> None:
        self._heard[number] += 1


class Attacker:
    """Sends one datagram to each port, 50 times a second, from one address."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # event loops leave out empty datagrams
        self._socket.setblocking(False)
        self._spraying: asyncio.Task[None] | None = None
        self._sent = 0

    async def begin(self, datagrams: Sequence[bytes], ports: Sequence[int]) -> None:
        self._spraying = asyncio.create_task(self._spray(datagrams, ports))

    async def stop(self) -> int:
        """How many were sent so far, over all."""
        assert self._spraying is not None
        self._spraying.cancel()
        await asyncio.wait([self._spraying])
        return self._sent

    def close(self) -> None:
        self._socket.close()

    async def _spray(self, datagrams: Sequence[bytes], ports: Sequence[int]) -> None:
        while True:
            for number, port in enumerate(ports):
                with contextlib.suppress(BlockingIOError):
                    self._socket.sendto(datagrams[number % len(datagrams)], ("127.0.0.1", port))
                    self._sent += 1
            await asyncio.sleep(ROUND_S)


@asynccontextmanager
async def counted_node() -> AsyncIterator[CountedNode]:
    async with our_node(False) as node:
        yield CountedNode(node)


@asynccontextmanager
async def attacker() -> AsyncIterator[Attacker]:
    one = Attacker()
    try:
        yield one
    finally:
        one.close()
