"""Our media node as the benchmarks see it: the one place that knows its classes.

An offer goes in, an answer comes out, and 16 kHz audio arrives at a callback; with a mix everybody hears the others.
What changes in `media_server.rtc` is followed here and nowhere else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

import numpy as np
import numpy.typing as npt

from media_server.rtc.addresses import offer_addresses
from media_server.rtc.audio_input import AudioBlock
from media_server.rtc.mixer import Mixer, Talker
from media_server.rtc.peer import Peer, PeerCallbacks
from media_server.settings import Limits

OnAudio = Callable[[int, npt.NDArray[np.float32]], None]
"""First sample since the call's first, and the samples: 16 kHz mono, -1 … 1."""


class Node(Protocol):
    """What is measured; the numbers count the answers."""

    async def answer(self, offer: str, on_audio: OnAudio) -> str: ...

    async def leave(self, number: int) -> None: ...


class OurNode:
    def __init__(self, tasks: asyncio.TaskGroup, *, mixes: bool) -> None:
        self._tasks = tasks
        self._mixes = mixes
        self._peers: dict[int, Peer] = {}
        self._answered = 0
        self.mixer = Mixer()

    async def answer(self, offer: str, on_audio: OnAudio) -> str:
        number, self._answered = self._answered, self._answered + 1
        talker = self.mixer.add_talker(number) if self._mixes else None

        def hear(block: AudioBlock) -> None:
            _hear(block, talker, on_audio)

        callbacks = PeerCallbacks(
            on_audio=hear,
            on_message=lambda message: None,
            is_heard=lambda: talker is not None and talker.is_wanted,
        )
        self._peers[number] = peer = Peer(Limits(), callbacks)
        self.mixer.add_listener(number, peer.sender.send, peer.sender.lost)
        answer = await peer.answer(offer)
        self._tasks.create_task(self._host(number, peer))
        return answer

    @property
    def people(self) -> int:
        return len(self._peers)

    async def _host(self, number: int, peer: Peer) -> None:
        await peer.run()
        await self.leave(number)

    async def leave(self, number: int) -> None:
        """Or nothing, when they have left already."""
        self.mixer.remove(number)
        if (peer := self._peers.pop(number, None)) is not None:
            await peer.close()

    async def close(self) -> None:
        await asyncio.gather(*(self.leave(number) for number in list(self._peers)))


def _hear(block: AudioBlock, talker: Talker | None, on_audio: OnAudio) -> None:
    if talker is not None:
        talker.write(block.pts, block.heard, asyncio.get_running_loop().time())
    on_audio(block.pts, block.samples)


@asynccontextmanager
async def our_node(mixes: bool) -> AsyncIterator[OurNode]:
    """Without a mix the offers must be `sendonly`."""
    stay_on_loopback()
    async with asyncio.TaskGroup() as tasks:
        node = OurNode(tasks, mixes=mixes)
        mixing = tasks.create_task(node.mixer.run()) if mixes else None
        try:
            yield node
        finally:
            await node.close()
            if mixing is not None:
                mixing.cancel()


def stay_on_loopback() -> None:
    """Offer 127.0.0.1 and no other address; for the whole process."""
    offer_addresses(["127.0.0.1"])
