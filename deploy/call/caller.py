"""One WebRTC participant that plays a recording in real time and collects what comes over the data channels."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import aiohttp
import av
import orjson
from aiortc import MediaStreamTrack, RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from deploy.call.api import ApiError, Joining
from deploy.call.audio_file import FRAME_SAMPLES, SENT_RATE_HZ

FRAME_S = FRAME_SAMPLES / SENT_RATE_HZ
CONNECT_S = 15.0
CLOSE_S = 3.0
PING_S = 2.0

Message = dict[str, Any]


class PacketTrack(MediaStreamTrack):
    """Sends encoded packets on the clock from `start` on; after the last one it sends nothing."""

    kind = "audio"

    def __init__(self, packets: list[bytes]) -> None:
        super().__init__()
        self._packets = packets
        self._number = 0
        self._started: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.finished = asyncio.Event()

    def start(self, at: float) -> None:
        """Send the first packet at this loop time."""
        self._started.set_result(at)

    async def recv(self) -> Any:
        if self.readyState != "live":
            raise MediaStreamError
        started = await self._started
        if self._number >= len(self._packets):
            self.finished.set()
            await asyncio.get_running_loop().create_future()  # until the sender is stopped
        due = started + self._number * FRAME_S
        await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
        packet = av.Packet(self._packets[self._number])
        packet.pts = self._number * FRAME_SAMPLES
        packet.time_base = Fraction(1, SENT_RATE_HZ)
        self._number += 1
        return packet


class Caller:
    """Connect, play, listen, leave. `on_message(message, loop_time)` is called for every message."""

    def __init__(self, packets: list[bytes], on_message: Callable[[Message, float], None]) -> None:
        self.track = PacketTrack(packets)
        self.over = asyncio.Event()
        """The server ended the call, or the connection is lost."""
        self._on_message = on_message
        self._pc: RTCPeerConnection | None = None
        self._dropping: list[asyncio.Task[None]] = []

    async def connect(self, joining: Joining) -> None:
        """Exchange offer and answer, and wait until audio and messages can flow.

        Raises:
            ApiError: refused, or not connected in time.
        """
        loop = asyncio.get_running_loop()
        servers = [RTCIceServer(**server) for server in joining.ice_servers]
        self._pc = pc = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        opened = asyncio.Event()
        pc.addTrack(self.track)
        pc.on("track", lambda track: self._dropping.append(loop.create_task(_drop(track))))
        pc.on("connectionstatechange", lambda: self._watch(pc))
        self._events = pc.createDataChannel("events", protocol="liveconvo.v1", negotiated=True, id=0)
        live = pc.createDataChannel(
            "live", ordered=False, maxRetransmits=0, protocol="liveconvo.v1", negotiated=True, id=1
        )
        for channel in (self._events, live):
            channel.on("message", lambda raw: self._on_message(orjson.loads(raw), loop.time()))
        self._events.on("open", opened.set)
        self._events.on("close", self.over.set)
        await pc.setLocalDescription(await pc.createOffer())
        await pc.setRemoteDescription(RTCSessionDescription(await self._exchange(joining), "answer"))
        try:
            async with asyncio.timeout(CONNECT_S):
                await opened.wait()
        except TimeoutError as error:
            raise ApiError(f"no connection to {joining.media_url} within {CONNECT_S:.0f} s") from error
        self.send({"type": "hello", "last_seq": 0})

    def send(self, message: Message) -> None:
        if self._events.readyState == "open":
            self._events.send(orjson.dumps(message).decode())

    async def keep_alive(self) -> None:
        """Ping until cancelled, so that a participant who says nothing is not taken for gone."""
        while True:
            self.send({"type": "ping"})
            await asyncio.sleep(PING_S)

    async def close(self) -> None:
        """Within three seconds."""
        for task in self._dropping:
            task.cancel()
        if self._pc is None:
            return
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._pc.close()
        except TimeoutError:
            return

    def _watch(self, pc: RTCPeerConnection) -> None:
        if pc.connectionState in ("closed", "failed"):
            self.over.set()

    async def _exchange(self, joining: Joining) -> str:
        assert self._pc is not None  # noqa: S101 - connect made it
        headers = {"Authorization": f"Bearer {joining.ticket}", "Content-Type": "application/sdp"}
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CONNECT_S)) as http,
                http.post(joining.media_url, data=self._pc.localDescription.sdp, headers=headers) as response,
            ):
                text = await response.text()
                if response.status != 201:
                    raise ApiError(f"{joining.media_url}: {response.status} {text[:200]}")
                return text
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ApiError(f"{joining.media_url} cannot be reached ({type(error).__name__})") from error


async def _drop(track: MediaStreamTrack) -> None:
    """What the others say is not listened to here."""
    while True:
        try:
            await track.recv()
        except MediaStreamError:
            return
