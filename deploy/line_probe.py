"""Two ends of a real WebRTC connection on this machine, and how packets fare between them.

One end is what a media node would be: its addresses, its UDP ports. The other is what a browser would be: here, or
behind a TURN server through which alone it may send. They speak DTLS and data channels, packets at the pace of audio.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCIceTransportPolicy,
    RTCPeerConnection,
    RTCSessionDescription,
)

from media_server.rtc.addresses import offer_addresses

CONNECT_S = 10.0
CLOSE_S = 3.0
PACKETS = 50
PACKET_S = 0.02
"""As audio."""
WAIT_S = 1.0
"""For the last answers."""


class NotConnectedError(Exception):
    """The two ends did not find each other."""


@dataclass(frozen=True, slots=True)
class Line:
    connect_ms: float
    """From both descriptions being known to an open data channel."""
    rtt_ms: float
    """Median; there and back."""
    lost: int
    """Of `PACKETS`, there or on the way back."""


async def measure(addresses: Sequence[str], ports: range | None, relay: RTCIceServer | None = None) -> Line:
    """Connect to an end that offers `addresses`, directly or only through `relay`, and send packets to and fro.

    Raises:
        NotConnectedError
        NoPortError: every port of the range is taken.
    """
    policy = RTCIceTransportPolicy.RELAY if relay else RTCIceTransportPolicy.ALL
    caller = RTCPeerConnection(RTCConfiguration(iceServers=[relay] if relay else [], iceTransportPolicy=policy))
    node = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        return await _measure(caller, node, addresses, ports)
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await asyncio.gather(caller.close(), node.close())


async def _measure(
    caller: RTCPeerConnection, node: RTCPeerConnection, addresses: Sequence[str], ports: range | None
) -> Line:
    loop = asyncio.get_running_loop()
    node.on("datachannel", _echo)
    channel = caller.createDataChannel("probe", ordered=False, maxRetransmits=0)
    opened = asyncio.Event()
    channel.on("open", opened.set)
    try:
        async with asyncio.timeout(CONNECT_S):
            offer_addresses(())
            await caller.setLocalDescription(await caller.createOffer())
            await node.setRemoteDescription(_described(caller))
            offer_addresses(addresses, ports)
            await node.setLocalDescription(await node.createAnswer())
            began_at = loop.time()
            await caller.setRemoteDescription(_described(node))
            await opened.wait()
    except TimeoutError as error:
        raise NotConnectedError from error
    connect_ms = (loop.time() - began_at) * 1000
    answers_ms = await _to_and_fro(channel)
    if not answers_ms:
        raise NotConnectedError
    return Line(connect_ms, statistics.median(answers_ms), PACKETS - len(answers_ms))


def _described(pc: RTCPeerConnection) -> RTCSessionDescription:
    return RTCSessionDescription(pc.localDescription.sdp, pc.localDescription.type)


def _echo(channel: RTCDataChannel) -> None:
    channel.on("message", channel.send)


async def _to_and_fro(channel: RTCDataChannel) -> list[float]:
    """How long each packet took that came back, in ms."""
    loop = asyncio.get_running_loop()
    sent_at: dict[str, float] = {}
    answers_ms: list[float] = []
    complete = asyncio.Event()

    def back(message: str) -> None:
        answers_ms.append((loop.time() - sent_at.pop(message)) * 1000)
        if len(answers_ms) == PACKETS:
            complete.set()

    channel.on("message", back)
    for number in range(PACKETS):
        sent_at[str(number)] = loop.time()
        channel.send(str(number))
        await asyncio.sleep(PACKET_S)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(WAIT_S):
            await complete.wait()
    return answers_ms
