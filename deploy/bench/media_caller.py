"""A caller that costs next to nothing: real ICE, DTLS and SRTP, with packets that were encoded before.

No RTP sender, encoder, jitter buffer or RTCP of aiortc takes part; what comes back is decrypted and counted.
"""

from __future__ import annotations

import asyncio
import time

from aiortc import RTCCertificate, RTCDtlsTransport, RTCIceGatherer, RTCIceTransport
from aiortc.rtp import RtcpByePacket

from deploy.bench.media_rtp import offer, read_answer, rtp_packet, rtp_payload

_CLOSE_S = 3.0


class Returned:
    """What comes back to one caller."""

    def __init__(self) -> None:
        self.count = 0
        self.kept: list[tuple[float, bytes]] | None = None
        """Arrival and payload; None: packets are only counted."""

    def take(self, packet: bytes) -> None:
        self.count += 1
        if self.kept is not None:
            self.kept.append((time.monotonic(), rtp_payload(packet)))


class CountingTransport(RTCDtlsTransport):
    """Parses nothing of what it decrypts."""

    def __init__(self, transport: RTCIceTransport, certificate: RTCCertificate, returned: Returned) -> None:
        super().__init__(transport, [certificate])
        self._returned = returned

    async def _handle_rtp_data(self, data: bytes, arrival_time_ms: int) -> None:
        self._returned.take(data)

    async def _handle_rtcp_data(self, data: bytes) -> None:
        return


class Caller:
    def __init__(self, ssrc: int, certificate: RTCCertificate) -> None:
        self._ssrc = ssrc
        self._certificate = certificate
        self._gatherer = RTCIceGatherer(iceServers=[])
        self._ice = RTCIceTransport(self._gatherer)
        self._ice._connection.ice_controlling = True
        self._number = self._odd = 0
        self.returned = Returned()
        self._transport = CountingTransport(self._ice, certificate, self.returned)

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
        await self._transport.start(remote.dtls)
        if self._transport.state != "connected":
            raise ConnectionError(f"DTLS is {self._transport.state}")

    async def send(self, payload: bytes | None) -> None:
        """The next packet; None: it is lost."""
        packet = None if payload is None else rtp_packet(self._number, self._ssrc & 0xFFFF, self._ssrc, payload)
        self._number += 1
        if packet is not None:
            await self._transport._send_rtp(packet)

    async def send_odd(self) -> None:
        """What a sender should not: no Opus, a codec nobody agreed on, a goodbye, a repetition, garbage."""
        header, garbage = rtp_packet(self._number, self._ssrc & 0xFFFF, self._ssrc, b""), bytes(range(100))
        self._odd += 1
        match self._odd % 5:
            case 0:
                await self._transport._send_rtp(header + b"\xff" * 40)
            case 1:
                await self._transport._send_rtp(header[:1] + b"\x08" + header[2:] + garbage)
            case 2:
                await self._transport._send_rtp(bytes(RtcpByePacket(sources=[self._ssrc])))
            case 3:
                await self._transport._send_rtp(rtp_packet(self._number - 1, self._ssrc & 0xFFFF, self._ssrc, garbage))
            case _:
                await self._ice._send(b"\x80" + garbage)

    async def vanish(self) -> None:
        """Be gone without a word."""
        async with asyncio.timeout(_CLOSE_S):
            await self._ice.stop()
            await self._transport.stop()

    async def close(self) -> None:
        async with asyncio.timeout(_CLOSE_S):
            await self._transport.stop()
            await self._ice.stop()
