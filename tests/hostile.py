"""One peer of a media node that tests attack: by a stranger who knows its port, and by its own client.

Rules:
- The client is a real aiortc one; what it sends past aiortc's own senders goes out encrypted, or raw from its address.
- A stranger is a UDP socket of its own on 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from struct import pack
from typing import Any

import numpy as np
from aioice import stun
from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from prometheus_client import REGISTRY

from media_server.rtc.heartbeat import transports
from media_server.rtc.peer import Peer, PeerCallbacks
from media_server.settings import Limits
from tests.chaos import IS_CHAOS
from tests.peer_audio import SENT_RATE_HZ, Playback
from tests.talking_peer import loopback_candidates

CONNECT_S = 20.0
CUT_OFF_S = 2.0 if IS_CHAOS else 10.0
"""Until whoever is to be cut off is; a busy machine takes its time."""
SPRAY_INTERVAL_S = 0.002


def dropped(reason: str) -> float:
    """Packets dropped for this reason since the process began."""
    return REGISTRY.get_sample_value("liveconvo_media_packets_dropped_total", {"reason": reason}) or 0.0


def dtls_record(kind: int, body: bytes) -> bytes:
    """A record that needs no key: epoch 0 (RFC 6347 §4.1)."""
    return pack("!BHHHLH", kind, 0xFEFF, 0, 0, 7, len(body)) + body


def client_hello(cipher_suite: int) -> bytes:
    body = pack("!H32sBBHHBB", 0xFEFD, b"r" * 32, 0, 0, 2, cipher_suite, 1, 0)
    lengths = len(body).to_bytes(3, "big")
    return dtls_record(22, b"\x01" + lengths + b"\0\0" + b"\0\0\0" + lengths + body)


FATAL_ALERT = dtls_record(21, b"\x02\x28")
NULL_CIPHER_HELLO = client_hello(0x0000)


def stun_request(attributes: bytes = b"", method: int = 0x0001) -> bytes:
    return pack("!HHI12s", method, len(attributes), stun.COOKIE, b"transaction!") + attributes


class AttackedPeer:
    """A peer that answered its client; `connect` lets them meet, `running` ends when the peer is to be closed."""

    def __init__(self, limits: Limits, *, talks: bool) -> None:
        self.blocks = 0
        self.messages: list[str | bytes] = []
        self.peer = Peer(limits, PeerCallbacks(self._on_audio, self.messages.append))
        self.client = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.track: Playback | None = None
        if talks:
            hum = (3_000 * np.sin(np.arange(60 * SENT_RATE_HZ) * 0.06)).astype(np.int16)
            self.track = Playback(hum)
            self.client.addTrack(self.track)
        else:
            self.client.addTransceiver("audio", direction="recvonly")
        self.channel: RTCDataChannel = self.client.createDataChannel("events", negotiated=True, id=0)
        live = self.client.createDataChannel("live", negotiated=True, id=1)
        self.read: list[bytes] = []
        """What the client was sent over both channels."""
        for channel in (self.channel, live):
            channel.on("message", lambda raw: self.read.append(raw.encode()))
        self.running: asyncio.Task[None]

    def _on_audio(self, block: object) -> None:
        self.blocks += 1

    async def answer(self, setup: str = "actpass", max_message_bytes: int | None = None) -> None:
        """Let the peer answer; from here on its port can be known."""
        with loopback_candidates():
            await self.client.setLocalDescription(await self.client.createOffer())
            offer = self.client.localDescription.sdp.replace("a=setup:actpass", f"a=setup:{setup}")
            if max_message_bytes is not None:
                offer = re.sub(r"a=max-message-size:\d+", f"a=max-message-size:{max_message_bytes}", offer)
            self._answer = await self.peer.answer(offer)

    async def connect(self) -> None:
        await self.client.setRemoteDescription(RTCSessionDescription(self._answer, "answer"))
        async with asyncio.timeout(CONNECT_S):
            assert await self.peer.connected()
            while self.client_dtls.state != "connected":
                await asyncio.sleep(0.01)
        if self.track is not None:
            self.track.start(asyncio.get_running_loop().time())
            await self.hears(2)

    def stop_reading(self) -> Callable[[], None]:
        """The client acknowledges nothing any more; call the result and it goes on."""
        return stop_reading(self.client)

    async def opened(self) -> None:
        async with asyncio.timeout(CONNECT_S):
            while self.channel.readyState != "open":
                await asyncio.sleep(0.01)
        assert self.client.sctp is not None
        self.client.sctp._remote_max_message_size = 0  # it sends what it likes

    async def reads(self, text: str) -> None:
        """Send one message on `events` and wait until the peer has it, and so everything before it."""
        await self.opened()
        self.channel.send(text)
        async with asyncio.timeout(CONNECT_S):
            while text not in self.messages:
                await asyncio.sleep(0.01)

    async def hears(self, blocks: int) -> None:
        """Wait until so many more blocks of audio have come."""
        wanted = self.blocks + blocks
        async with asyncio.timeout(CONNECT_S):
            while self.blocks < wanted:
                await asyncio.sleep(0.01)

    @property
    def is_leaving(self) -> bool:
        """Told to go, by whomever."""
        return self.peer._gone.is_set()

    async def is_cut_off(self, within_s: float) -> bool:
        done, _ = await asyncio.wait([self.running], timeout=within_s)
        return bool(done)

    async def wait_dropped(self, reason: str, count: float) -> None:
        async with asyncio.timeout(CONNECT_S):
            while dropped(reason) < count:
                await asyncio.sleep(0.01)

    @property
    def dtls(self) -> Any:
        (transport,) = transports(self.peer._pc)
        return transport

    @property
    def client_dtls(self) -> Any:
        """The audio section's, which everything is bundled on once there is an answer."""
        return self.client.getTransceivers()[0].receiver.transport

    @property
    def connection(self) -> Any:
        return self.dtls.transport._connection

    @property
    def address(self) -> tuple[str, int]:
        (candidate,) = self.connection.local_candidates
        return candidate.host, candidate.port

    @property
    def client_address(self) -> tuple[str, int]:
        (candidate,) = self.client_dtls.transport._connection.local_candidates
        return candidate.host, candidate.port

    def inject(self, data: bytes, source: tuple[str, int] | None = None) -> None:
        """What the network would deliver, from the client's own address when no other is named."""
        (protocol,) = self.connection._protocols
        protocol.datagram_received(data, source or self.client_address)

    def ice_check(self, priority: bool = True) -> bytes:
        """A check that passes, since the client knows both passwords."""
        connection, ours = self.connection, self.client_dtls.transport._connection
        request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        request.attributes["USERNAME"] = f"{connection.local_username}:{ours.local_username}"
        if priority:
            request.attributes["PRIORITY"] = 1
        request.attributes["ICE-CONTROLLING"] = 1
        request.add_message_integrity(connection.local_password.encode())
        return bytes(request)


@asynccontextmanager
async def attacked_peer(limits: Limits | None = None, *, talks: bool = False) -> AsyncIterator[AttackedPeer]:
    """Answered and running, not connected; at the end both sides close, the peer within its deadline."""
    call = AttackedPeer(limits or Limits(), talks=talks)
    try:
        call.running = asyncio.create_task(call.peer.run())
        yield call
    finally:
        call.peer.leave()
        async with asyncio.timeout((limits or Limits()).close_s + 0.5):
            await call.peer.close()
        await call.running
        async with asyncio.timeout(3):
            await call.client.close()


def stop_reading(client: RTCPeerConnection) -> Callable[[], None]:
    """A client whose page is stuck: its ICE and audio go on, its data channels take nothing."""
    sctp = client.sctp
    assert sctp is not None
    handle = sctp._handle_data

    async def leave_it(data: bytes) -> None:
        """It stays with the sender."""

    def go_on() -> None:
        sctp._handle_data = handle  # type: ignore[method-assign]

    sctp._handle_data = leave_it  # type: ignore[method-assign]
    return go_on


class Stranger(asyncio.DatagramProtocol):
    """Somebody else's socket; counts what comes back."""

    def __init__(self) -> None:
        self.answers = 0
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.answers += 1

    def error_received(self, exc: Exception) -> None:
        """The other side closed its socket."""


@asynccontextmanager
async def stranger() -> AsyncIterator[Stranger]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(Stranger, local_addr=("127.0.0.1", 0))
    try:
        yield protocol
    finally:
        transport.close()


@asynccontextmanager
async def spray(datagrams: Sequence[bytes], target: tuple[str, int]) -> AsyncIterator[None]:
    """Send them in turn, one every 2 ms, for as long as the block lasts."""

    async def send(socket: Stranger) -> None:
        while True:
            for data in datagrams:
                # asyncio leaves out empty datagrams; the system does not.
                socket.transport.get_extra_info("socket")._sock.sendto(data, target)
                await asyncio.sleep(SPRAY_INTERVAL_S)

    async with stranger() as socket:
        sending = asyncio.create_task(send(socket))
        try:
            yield
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
