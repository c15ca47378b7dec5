"""A recording that is spoken on the clock, whatever becomes of the connection meanwhile."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from typing import Any

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from deploy.call.audio_file import FRAME_SAMPLES, SENT_RATE_HZ

FRAME_S = FRAME_SAMPLES / SENT_RATE_HZ
LATE_S = 0.2
"""What could not be sent for so long is not sent any more, as a microphone has it."""


class Playing:
    """Encoded packets and when each is due; connections may follow one another."""

    def __init__(self, packets: list[bytes]) -> None:
        self.packets = packets
        self.started: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.finished = asyncio.Event()
        self.number = 0
        """Of the next packet."""

    def start(self, at: float) -> None:
        """The first packet is due at this loop time."""
        self.started.set_result(at)

    async def next(self) -> Any:
        """The next packet when it is due; after the last one this never returns."""
        loop = asyncio.get_running_loop()
        started = await self.started
        late = int((loop.time() - LATE_S - started) / FRAME_S)
        self.number = max(self.number, late)
        if self.number >= len(self.packets):
            self.finished.set()
            await loop.create_future()  # until the sender is stopped
        await asyncio.sleep(max(0.0, started + self.number * FRAME_S - loop.time()))
        packet = av.Packet(self.packets[self.number])
        packet.pts = self.number * FRAME_SAMPLES
        packet.time_base = Fraction(1, SENT_RATE_HZ)
        self.number += 1
        return packet

    async def over(self) -> None:
        """Wait until everything was due, sent or not."""
        loop = asyncio.get_running_loop()
        end = await self.started + len(self.packets) * FRAME_S + LATE_S
        await asyncio.wait([loop.create_task(self.finished.wait())], timeout=max(0.0, end - loop.time()))


class PacketTrack(MediaStreamTrack):
    """What one connection sends of it."""

    kind = "audio"

    def __init__(self, playing: Playing) -> None:
        super().__init__()
        self._playing = playing

    async def recv(self) -> Any:
        if self.readyState != "live":
            raise MediaStreamError
        return await self._playing.next()
