"""Callers that cost next to nothing: real ICE, DTLS and SRTP, with packets that were encoded before.

No RTP sender, encoder, jitter buffer or RTCP of aiortc takes part; what comes back is decrypted and counted. Packets
are sent on the clock, up to half a millisecond early, and the instant of each is kept.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from aiortc import RTCCertificate, RTCDtlsTransport, RTCIceGatherer, RTCIceTransport

from deploy.bench.media_node import stay_on_loopback
from deploy.bench.media_rtp import offer, read_answer, rtp_packet, rtp_payload

PACKET_S = 0.02
LATE_S = 0.02
"""A packet that is sent later than this after its time is counted as late."""
_EARLY_S = 0.0005
_CONNECT_S = 30.0
_CLOSE_S = 3.0
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


@dataclass(frozen=True, slots=True)
class Played:
    sent_s: dict[int, npt.NDArray[np.float64]]
    """Of each caller: `time.monotonic()` of every packet, NaN for one that was lost."""
    received: dict[int, int]
    """Packets that came back to each meanwhile."""
    late: int
    cpu_s: float
    wall_s: float


class CountingTransport(RTCDtlsTransport):
    """Parses nothing of what it decrypts."""

    def __init__(self, transport: RTCIceTransport, certificate: RTCCertificate) -> None:
        super().__init__(transport, [certificate])
        self.received = 0
        self.kept: list[tuple[float, bytes]] | None = None
        """Arrival and payload of what comes; None: it is only counted."""

    async def _handle_rtp_data(self, data: bytes, arrival_time_ms: int) -> None:
        self.received += 1
        if self.kept is not None:
            self.kept.append((time.monotonic(), rtp_payload(data)))

    async def _handle_rtcp_data(self, data: bytes) -> None:
        return


class Caller:
    def __init__(self, ssrc: int, certificate: RTCCertificate) -> None:
        self._ssrc = ssrc
        self._certificate = certificate
        self._gatherer = RTCIceGatherer(iceServers=[])
        self._ice = RTCIceTransport(self._gatherer)
        self._ice._connection.ice_controlling = True
        self._number = 0
        self.transport = CountingTransport(self._ice, certificate)

    async def offer(self, direction: str) -> str:
        await self._gatherer.gather()
        parameters, candidates = self._gatherer.getLocalParameters(), self._gatherer.getLocalCandidates()
        return offer(parameters, candidates, self._certificate.getFingerprints()[0], self._ssrc, direction)

    async def connect(self, answer: str) -> None:
        remote = read_answer(answer)
        for candidate in remote.candidates:
            await self._ice.addRemoteCandidate(candidate)
        await self._ice.addRemoteCandidate(None)
        await self._ice.start(remote.ice)
        await self.transport.start(remote.dtls)
        if self.transport.state != "connected":
            raise ConnectionError(f"DTLS is {self.transport.state}")

    async def send(self, payload: bytes | None) -> None:
        """The next packet; None: it is lost."""
        packet = None if payload is None else rtp_packet(self._number, self._ssrc & 0xFFFF, self._ssrc, payload)
        self._number += 1
        if packet is not None:
            await self.transport._send_rtp(packet)

    async def close(self) -> None:
        async with asyncio.timeout(_CLOSE_S):
            await self.transport.stop()
            await self._ice.stop()


class Callers:
    """All callers of one process, numbered in the order of their offers."""

    def __init__(self) -> None:
        self._certificate = RTCCertificate.generateCertificate()
        self._callers: list[Caller] = []

    async def offers(self, count: int, direction: str) -> list[str]:
        new = [Caller(_SSRC + len(self._callers) + number, self._certificate) for number in range(count)]
        self._callers += new
        return [await caller.offer(direction) for caller in new]

    async def connect(self, answers: Sequence[str]) -> None:
        """The callers of the last offers."""
        async with asyncio.timeout(_CONNECT_S), asyncio.TaskGroup() as tasks:
            for caller, answer in zip(self._callers[-len(answers) :], answers, strict=True):
                tasks.create_task(caller.connect(answer))

    async def keep(self) -> None:
        """From now on keep what comes."""
        for caller in self._callers:
            caller.transport.kept = []

    async def kept(self) -> list[list[tuple[float, bytes]]]:
        return [caller.transport.kept or [] for caller in self._callers]

    async def play(self, sendings: dict[int, Sending]) -> Played:
        """Send everything on the clock."""
        began_s, began_cpu_s = time.monotonic() + PACKET_S, time.process_time()
        sent_s = {number: np.full(sending.count, np.nan) for number, sending in sendings.items()}
        before = {number: self._callers[number].transport.received for number in sendings}
        late = 0
        in_order = sorted(sendings.items(), key=lambda item: item[1].phase)
        for tick in range(max(sending.count for sending in sendings.values())):
            for number, sending in in_order:
                if tick >= sending.count:
                    continue
                due_s = began_s + (tick + sending.phase) * PACKET_S
                if due_s - time.monotonic() > _EARLY_S:
                    await asyncio.sleep(due_s - time.monotonic())
                is_lost = tick in sending.lost
                payload = sending.packets[(sending.first + tick) % len(sending.packets)]
                if not is_lost:
                    sent_s[number][tick] = now_s = time.monotonic()
                    late += now_s - due_s > LATE_S
                await self._callers[number].send(None if is_lost else payload)
        received = {number: self._callers[number].transport.received - count for number, count in before.items()}
        return Played(sent_s, received, late, time.process_time() - began_cpu_s, time.monotonic() - began_s)

    async def leave(self, number: int) -> None:
        await self._callers[number].close()

    async def close(self) -> None:
        await asyncio.gather(*(caller.close() for caller in self._callers), return_exceptions=True)


@asynccontextmanager
async def callers() -> AsyncIterator[Callers]:
    """For a process of its own."""
    stay_on_loopback()
    all_callers = Callers()
    try:
        yield all_callers
    finally:
        await all_callers.close()
