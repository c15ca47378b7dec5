"""Many people in one real call: callers that cost next to nothing, who join over HTTP as anybody does.

They have no data channels, send Opus that was encoded before, and count what comes back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urljoin
from uuid import UUID

import aiohttp
import numpy as np
from aiortc import RTCCertificate

from db.records import Session
from deploy.bench.media_audio import encode
from deploy.bench.media_caller import Caller
from media_server.rtc.opus import Decoder
from tests.people import Person
from tests.small_node import SmallNode
from tests.talking_peer import RefusedError

PACKET_S = 0.02
_CONNECT_S = 60.0


class LightPeople:
    """All those whom one person lets into one session."""

    def __init__(self, node: SmallNode, person: Person, session: Session) -> None:
        self._node = node
        self._person = person
        self._session = session
        self._certificate = RTCCertificate.generateCertificate()
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
        self.callers: list[Caller] = []
        self._resources: dict[Caller, tuple[str, dict[str, str]]] = {}

    async def join(self, count: int) -> list[RefusedError]:
        """So many at once; those who were refused."""
        guests = [await self._node.speaker(self._person, self._session) for _ in range(count)]
        answers = await asyncio.gather(*(self.join_as(guest) for guest in guests), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, RefusedError):
                raise answer
        return [answer for answer in answers if isinstance(answer, RefusedError)]

    async def join_as(self, guest: UUID) -> Caller:
        """
        Raises:
            RefusedError
        """
        caller = Caller(1 + len(self.callers) + int.from_bytes(guest.bytes[:3], "big"), self._certificate)
        ticket = await self._node.ticket(self._person, self._session, guest)
        offer = await caller.offer("sendrecv")
        headers = {"Authorization": f"Bearer {ticket}", "Content-Type": "application/sdp"}
        async with self._http.post(self._node.media_url(self._session), data=offer, headers=headers) as response:
            if response.status != 201:
                await caller.close()
                raise RefusedError(response.status, await response.json(content_type=None))
            answer = await response.text()
            resource = urljoin(self._node.url, response.headers["Location"])
        async with asyncio.timeout(_CONNECT_S):
            await caller.connect(answer)
        self.callers.append(caller)
        self._resources[caller] = resource, {"Authorization": f"Bearer {ticket}"}
        return caller

    async def leave(self, caller: Caller) -> None:
        """As one should, with a DELETE."""
        self.callers.remove(caller)
        resource, headers = self._resources.pop(caller)
        async with self._http.delete(resource, headers=headers) as response:
            assert response.status == 200
        await caller.close()

    async def vanish(self, caller: Caller) -> None:
        """Without a word."""
        self.callers.remove(caller)
        del self._resources[caller]
        await caller.vanish()

    async def close(self) -> None:
        await asyncio.gather(*(caller.close() for caller in self.callers), return_exceptions=True)
        await self._http.close()


@asynccontextmanager
async def light_people(node: SmallNode, person: Person, session: Session) -> AsyncIterator[LightPeople]:
    people = LightPeople(node, person, session)
    try:
        yield people
    finally:
        await people.close()


@asynccontextmanager
async def talking(caller: Caller, packets: Sequence[bytes]) -> AsyncIterator[None]:
    """Sends them over and over, one every 20 ms, for as long as the block lasts."""
    sending = asyncio.create_task(_send(caller, packets))
    try:
        yield
        assert not sending.done()
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def _send(caller: Caller, packets: Sequence[bytes]) -> None:
    due = asyncio.get_running_loop().time()
    while True:
        for packet in packets:
            await caller.send(packet)
            due += PACKET_S
            await asyncio.sleep(due - asyncio.get_running_loop().time())


def tone_packets(hz: float, seconds: float = 1.0) -> list[bytes]:
    at = np.arange(round(seconds * 48_000)) / 48_000
    return encode((8_000 * np.sin(2 * np.pi * hz * at)).astype(np.int16))


def heard_tones(packets: Sequence[bytes], hz: Sequence[float]) -> list[float]:
    """How strong each tone is in what came back, the tone as it was sent being 1."""
    decoder = Decoder(48_000)
    pcm = np.concatenate([decoder.decode_pcm(packet) for packet in packets]).astype(np.float64)
    turns = [np.exp(-2j * np.pi * one * np.arange(len(pcm)) / 48_000) for one in hz]
    return [float(2 * abs((pcm * turn).mean()) / 8_000) for turn in turns]


async def until(is_so: Callable[[], bool], timeout_s: float = 30.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not is_so():
            await asyncio.sleep(0.02)
