"""Our node in a process of its own, for a soak: people come and go, and what is kept of them is weighed."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.bench.media_node import OurNode, our_node

_PAGE_BYTES = 4096
_CACHED_ADDRESSES = 2_048
"""That many uvloop remembers what it made of them, a third of a kilobyte each."""


@dataclass(frozen=True, slots=True)
class Weight:
    people: int
    rss_mb: float
    """As the system counts it."""
    kept_mb: float
    """The same, after garbage was collected and freed memory given back: what is still needed, or leaked."""
    tasks: int
    threads: int
    descriptors: int
    objects: int
    """That Python's collector knows."""


class SoakedNode:
    def __init__(self, node: OurNode) -> None:
        self._node = node

    async def answers(self, offers: Sequence[str]) -> list[str]:
        return [await self._node.answer(offer, lambda pts, samples: None) for offer in offers]

    async def leave(self, number: int) -> None:
        await self._node.leave(number)

    async def weight(self) -> Weight:
        rss_mb = _rss_mb()
        gc.collect()
        _give_back()
        descriptors = len(list(Path("/proc/self/fd").iterdir()))
        tasks, threads, objects = len(asyncio.all_tasks()), threading.active_count(), len(gc.get_objects())
        return Weight(self._node.people, rss_mb, _rss_mb(), tasks, threads, descriptors, objects)


def _rss_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES / 1e6


def _give_back() -> None:
    """glibc's malloc_trim; other libraries have none."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


async def _fill_the_cache_of_addresses() -> None:
    """Else each caller would look like growth until it is full, the first thousand or two."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
    for number in range(2 * _CACHED_ADDRESSES):
        transport.sendto(b"", (f"127.1.{number // 250}.{number % 250 + 1}", 9))
        await asyncio.sleep(0)
    transport.close()


@asynccontextmanager
async def soaked_node() -> AsyncIterator[SoakedNode]:
    await _fill_the_cache_of_addresses()
    async with our_node(True) as node:
        yield SoakedNode(node)
