"""One WebRTC connection of a participant to a media node, and when it is of no more use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import orjson
from aiortc import MediaStreamTrack, RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from deploy.call.api import REACH_S, ApiError, Joining
from media_server.rtc.association import hasten

CONNECT_S = 15.0
CLOSE_S = 3.0
PING_S = 1.0
SILENT_S = 3.5
"""Nothing came for so long after a ping: the connection is lost. With `PING_S` it is noticed within 6 s."""

Message = dict[str, Any]


class Connection:
    """Send `track`, and hand every message over; `lost` is set once it is of no more use."""

    def __init__(self, track: MediaStreamTrack, on_message: Callable[[Message], None]) -> None:
        self.lost = asyncio.Event()
        self._track = track
        self._on_message = on_message
        self._loop = asyncio.get_running_loop()
        self._pc: RTCPeerConnection | None = None
        self._dropping: list[asyncio.Task[None]] = []
        self._heard_at = 0.0

    async def open(self, joining: Joining, last_seq: int) -> None:
        """Exchange offer and answer, and wait until audio and messages can flow.

        Raises:
            ApiError: refused, or not connected in time.
        """
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._open(joining)
        except TimeoutError as error:
            raise ApiError(f"no connection to {joining.media_url} within {CONNECT_S:.0f} s") from error
        self.send({"type": "hello", "last_seq": last_seq})
        self._heard_at = self._loop.time()

    async def _open(self, joining: Joining) -> None:
        servers = [RTCIceServer(**server) for server in joining.ice_servers]
        self._pc = pc = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        opened = asyncio.Event()
        pc.addTrack(self._track)
        pc.on("track", lambda track: self._dropping.append(self._loop.create_task(_drop(track))))
        pc.on("connectionstatechange", lambda: self._watch(pc))
        self._events = pc.createDataChannel("events", protocol="liveconvo.v1", negotiated=True, id=0)
        live = pc.createDataChannel(
            "live", ordered=False, maxRetransmits=0, protocol="liveconvo.v1", negotiated=True, id=1
        )
        assert pc.sctp is not None  # noqa: S101 - it came with the channels
        hasten(pc.sctp)
        for channel in (self._events, live):
            channel.on("message", self._take)
        self._events.on("open", opened.set)
        self._events.on("close", self.lost.set)
        await pc.setLocalDescription(await pc.createOffer())
        await pc.setRemoteDescription(RTCSessionDescription(await self._exchange(joining), "answer"))
        await opened.wait()

    def send(self, message: Message) -> None:
        if self._events.readyState == "open":
            self._events.send(orjson.dumps(message).decode())

    async def last(self) -> None:
        """Ping until nothing comes back any more, or the other side has closed."""
        while not self.lost.is_set():
            asked_at = self._loop.time()
            self.send({"type": "ping"})
            await self._sleep(PING_S)
            while self._heard_at < asked_at and not self.lost.is_set():
                if self._loop.time() - asked_at > SILENT_S:
                    self.lost.set()
                    return
                await self._sleep(PING_S / 4)

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

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.lost.wait()
        except TimeoutError:
            return

    def _take(self, raw: str | bytes) -> None:
        self._heard_at = self._loop.time()
        self._on_message(orjson.loads(raw))

    def _watch(self, pc: RTCPeerConnection) -> None:
        if pc.connectionState in ("closed", "failed"):
            self.lost.set()

    async def _exchange(self, joining: Joining) -> str:
        assert self._pc is not None  # noqa: S101 - `_open` made it
        headers = {"Authorization": f"Bearer {joining.ticket}", "Content-Type": "application/sdp"}
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CONNECT_S, sock_connect=REACH_S)) as http,
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
