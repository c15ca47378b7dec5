"""A participant in the tests: a real aiortc client that plays a recording and keeps what it hears and reads.

Rules:
- It does what a browser does: gathers its candidates first, then one POST (RFC 9725), two pre-negotiated channels,
  `hello {last_seq}` as soon as `events` is open.
- Every wait has a deadline. `async with` closes; `close` says goodbye (DELETE), `vanish` does not.
- Times are loop times in seconds (`asyncio.get_running_loop().time()`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import urljoin

import aiohttp
import aioice.ice
import numpy as np
import orjson
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCIceTransportPolicy,
    RTCPeerConnection,
    RTCSessionDescription,
)
from numpy.typing import NDArray

from tests.peer_audio import Ear, Playback, Samples, samples_to_send

Message = dict[str, Any]

PROTOCOL = "liveconvo.v1"
CONNECT_S = 15.0
CLOSE_S = 3.0


class RefusedError(Exception):
    """The media server answered the offer with a problem document."""

    def __init__(self, status: int, problem: Message) -> None:
        super().__init__(f"{status} {problem.get('code')}")
        self.status = status
        self.code = problem.get("code")


class TalkingPeer:
    """Plays `audio` (a file, samples, or None: only listens) into the WHIP endpoint `media_url`."""

    def __init__(
        self,
        media_url: str,
        ticket: str,
        audio: Path | Samples | None,
        *,
        last_seq: int | None = None,
        relay: RTCIceServer | None = None,
    ) -> None:
        """
        Args:
            relay: a TURN server; nothing goes another way then.
        """
        self.media_url = media_url
        self.ticket = ticket
        self.messages: list[Message] = []
        """Everything that came over both channels, in order of arrival, each with `arrived_at` and `channel` added."""
        self.track: Playback | None = None
        self.resource_url: str | None = None
        self.started_at = 0.0
        """When the first packet was sent."""
        self._audio = audio
        self._last_seq = last_seq
        self._configuration = RTCConfiguration(
            iceServers=[relay] if relay else [],
            iceTransportPolicy=RTCIceTransportPolicy.RELAY if relay else RTCIceTransportPolicy.ALL,
            bundlePolicy=RTCBundlePolicy.BALANCED,
        )
        self._arrived = asyncio.Event()
        """Set by the next message, which also replaces it."""
        self._pc: RTCPeerConnection | None = None
        self._events: RTCDataChannel | None = None
        self._hearing: list[asyncio.Task[None]] = []
        self._ear = Ear()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Connect and begin to play.

        Raises:
            RefusedError: the offer was not accepted.
            TimeoutError: no connection within 15 s.
        """
        await self.connect()
        self.play()

    async def connect(self) -> None:
        """Exchange offer and answer, and wait until both channels are open; nothing is played yet."""
        samples = await asyncio.to_thread(samples_to_send, self._audio)
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._connect(samples)
        except BaseException:
            await self.vanish()
            raise

    def play(self, at: float | None = None) -> None:
        """Send the first packet now or at a loop time, so that several peers start together."""
        self.started_at = asyncio.get_running_loop().time() if at is None else at
        if self.track is not None:
            self.track.start(self.started_at)

    async def played(self, timeout_s: float) -> None:
        """Wait until the whole recording was sent."""
        assert self.track is not None
        async with asyncio.timeout(timeout_s):
            await self.track.finished.wait()

    async def wait_for(
        self, type_: str, timeout_s: float = 10.0, where: Callable[[Message], bool] = lambda message: True
    ) -> Message:
        """The first message of this type that fits, whether it is here already or still to come.

        Raises:
            TimeoutError: with the types that did come.
        """

        async with _deadline(timeout_s, lambda: f"no {type_} among {[m['type'] for m in self.messages]}"):
            seen = 0
            while True:
                for message in self.messages[seen:]:
                    if message["type"] == type_ and where(message):
                        return message
                seen = len(self.messages)
                await self._arrived.wait()

    @property
    def is_closed(self) -> bool:
        """The node closed the connection, or it never was there."""
        return self._events is None or self._events.readyState == "closed"

    def of_type(self, type_: str) -> list[Message]:
        return [message for message in self.messages if message["type"] == type_]

    def send(self, message: Message | str) -> None:
        """Send on `events`; a string goes as it is, so that a test can send nonsense."""
        assert self._events is not None
        self._events.send(message if isinstance(message, str) else orjson.dumps(message).decode())

    def heard(self) -> Samples:
        """What came back as audio, from the first frame on, gaps as silence."""
        return self._ear.samples()

    async def close(self) -> None:
        """Leave the call: DELETE the resource, then close the connection, each within 3 s."""
        if self.resource_url is not None:
            headers = {"Authorization": f"Bearer {self.ticket}"}
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with _http(CLOSE_S) as http, http.delete(self.resource_url, headers=headers):
                    self.resource_url = None
        await self.vanish()

    async def vanish(self) -> None:
        """Close without a word to the server's HTTP side."""
        for task in self._hearing:
            task.cancel()
        if self._pc is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await self._pc.close()
        await asyncio.gather(*self._hearing, return_exceptions=True)

    async def _connect(self, samples: NDArray[np.int16] | None) -> None:
        self._pc = pc = RTCPeerConnection(self._configuration)
        if samples is None:
            pc.addTransceiver("audio", direction="recvonly")
        else:
            self.track = Playback(samples)
            pc.addTrack(self.track)
        pc.on("track", self._listen)
        events = pc.createDataChannel("events", protocol=PROTOCOL, negotiated=True, id=0)
        live = pc.createDataChannel("live", ordered=False, maxRetransmits=0, protocol=PROTOCOL, negotiated=True, id=1)
        opened = [self._watch(channel) for channel in (events, live)]
        self._events = events
        with loopback_candidates():
            await pc.setLocalDescription(await pc.createOffer())
        answer = await self._exchange(pc.localDescription.sdp)
        await pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        for event in opened:
            await event.wait()
        self.send({"type": "hello", "last_seq": self._last_seq})

    async def _exchange(self, offer: str) -> str:
        headers = {"Authorization": f"Bearer {self.ticket}", "Content-Type": "application/sdp"}
        async with _http(CONNECT_S) as http, http.post(self.media_url, data=offer, headers=headers) as response:
            if response.status != 201:
                raise RefusedError(response.status, await response.json(content_type=None))
            self.resource_url = urljoin(self.media_url, response.headers["Location"])
            return await response.text()

    def _watch(self, channel: RTCDataChannel) -> asyncio.Event:
        opened = asyncio.Event()
        channel.on("open", opened.set)
        channel.on("message", lambda raw: self._keep(channel.label, raw))
        return opened

    def _keep(self, channel: str, raw: str | bytes) -> None:
        now = asyncio.get_running_loop().time()
        self.messages.append(orjson.loads(raw) | {"arrived_at": now, "channel": channel})
        arrived, self._arrived = self._arrived, asyncio.Event()
        arrived.set()

    def _listen(self, track: MediaStreamTrack) -> None:
        self._hearing.append(asyncio.ensure_future(self._ear.listen(track)))


_loopback_users = 0
_host_addresses = aioice.ice.get_host_addresses


@contextlib.contextmanager
def loopback_candidates() -> Iterator[None]:
    """Offer 127.0.0.1, and nothing else, as a host candidate of connections that gather meanwhile.

    aioice lists every address of the machine but this one and has no setting for it, so its module function is
    replaced; a machine without a network can run the tests, and no test depends on the network it has. Peers may
    gather at the same time: the first one replaces the function, the last one puts back what was there.
    """
    global _loopback_users, _host_addresses  # noqa: PLW0603 - it is the state of another module that is guarded here
    if _loopback_users == 0:
        _host_addresses = aioice.ice.get_host_addresses
        aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
    _loopback_users += 1
    try:
        yield
    finally:
        _loopback_users -= 1
        if _loopback_users == 0:
            aioice.ice.get_host_addresses = _host_addresses


@contextlib.asynccontextmanager
async def _deadline(timeout_s: float, complaint: Callable[[], str]) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except TimeoutError as error:
        raise TimeoutError(complaint()) from error


def _http(timeout_s: float) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=timeout_s))
