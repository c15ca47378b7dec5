"""The end of a peer connection: nothing of it begins any more, and nothing of it goes on.

A handshake may be over just when its connection is closed. What follows it, reports, data channels, checks of consent,
would then begin on a connection that is closed already, and nobody would end it.

Rules:
- `begin_nothing` before it is closed: from then on nothing starts.
- `closed` waits for aiortc's own closing, if it has begun because the other side has closed: whoever gives up waiting
  must not break that off half way.
- `cut` when it could not be closed in time: its sockets are gone and its tasks cancelled, whatever they wait for.

Both reach into aiortc and aioice on this connection's own objects; contract tests hold the versions.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

from aiortc import RTCPeerConnection

from media_server.rtc.heartbeat import transports


def begin_nothing(pc: RTCPeerConnection) -> None:
    """Call it right before `closed`."""
    starting: list[tuple[Any, str]] = [(pc.sctp, "start")] if pc.sctp is not None else []
    for transceiver in pc.getTransceivers():
        starting += [(transceiver.receiver, "receive"), (transceiver.sender, "send")]
    for part, name in starting:
        setattr(part, name, _nothing)
    for transport in transports(pc):
        connection: Any = transport.transport._connection
        if connection._query_consent_task is None:  # else closing ends it
            connection.query_consent = _nothing


async def closed(pc: RTCPeerConnection) -> None:
    """
    Raises:
        ConnectionAbortedError: aiortc's own closing was cut off, and ends no more; or whatever closing raises.
    """
    own = _own_closing(pc)
    if own is None:
        await pc.close()
        return
    await asyncio.wait([own])
    if own.cancelled():  # not we were: whoever closes goes on
        raise ConnectionAbortedError
    own.result()


def _own_closing(pc: Any) -> asyncio.Future[None] | None:
    own: asyncio.Future[None] | None = pc._RTCPeerConnection__closeTask
    return own


def cut(pc: RTCPeerConnection) -> None:
    """End what `closed` did not."""
    for transport in transports(pc):
        for protocol in transport.transport._connection._protocols:
            with contextlib.suppress(Exception):
                protocol.transport.abort()
    for task in _tasks(pc):
        task.cancel()


def _tasks(pc: RTCPeerConnection) -> Iterator[asyncio.Future[None]]:
    yield from _there(_own_closing(pc))
    for transport in transports(pc):
        ice: Any = transport.transport
        yield from _there(transport._task, ice._RTCIceTransport__monitor_task, ice._connection._query_consent_task)
    for transceiver in pc.getTransceivers():
        receiver: Any = transceiver.receiver
        yield from _there(receiver._RTCRtpReceiver__rtcp_task)


def _there(*tasks: asyncio.Future[None] | None) -> Iterator[asyncio.Future[None]]:
    return (task for task in tasks if task is not None)


async def _nothing(*_: object) -> None:
    """In place of what would begin."""
