"""A caller over plain RTP, for contestants that take it: a UDP socket on the loopback."""

from __future__ import annotations

import asyncio

from deploy.bench.media_caller import Returned
from deploy.bench.media_rtp import rtp_packet

_LOOPBACK = "127.0.0.1"


class PlainCaller(asyncio.DatagramProtocol):
    def __init__(self, ssrc: int) -> None:
        self._ssrc = ssrc
        self._number = 0
        self._transport: asyncio.DatagramTransport | None = None
        self._remote: tuple[str, int] = (_LOOPBACK, 0)
        self.returned = Returned()

    async def listen(self) -> int:
        """The port that it takes packets on."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(_LOOPBACK, 0))
        return int(self._transport.get_extra_info("sockname")[1])

    async def connect(self, answer: str) -> None:
        """Send to this port of the loopback from now on."""
        self._remote = (_LOOPBACK, int(answer))

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        self.returned.take(data)

    async def send(self, payload: bytes | None) -> None:
        """The next packet; None: it is lost."""
        number, self._number = self._number, self._number + 1
        if payload is not None and self._transport is not None:
            self._transport.sendto(rtp_packet(number, self._ssrc & 0xFFFF, self._ssrc, payload), self._remote)

    async def send_odd(self) -> None:
        """Nothing: they only measure."""

    async def vanish(self) -> None:
        await self.close()

    async def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
