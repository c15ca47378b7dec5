"""When anything authenticated was last heard of a peer: STUN, RTP, RTCP or SCTP.

aiortc notices a dead peer after half a minute and says so nowhere before. Here the four places where a packet has
just passed its check are wrapped, on this peer's own objects; a contract test fails when a version of aiortc or
aioice no longer has them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiortc import RTCPeerConnection
from aiortc.rtcdtlstransport import RTCDtlsTransport


class Heartbeat:
    """Loop time of the last authenticated packet of one peer."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.last_heard = self._loop.time()

    def silent_s(self) -> float:
        return self._loop.time() - self.last_heard

    def listen_to(self, pc: RTCPeerConnection) -> None:
        """Watch every transport of `pc`; call it once the remote description is set."""
        for transport in transports(pc):
            self._watch(transport, "_handle_rtp_data")
            self._watch(transport, "_handle_rtcp_data")
            self._watch_checks(transport.transport._connection)
        if pc.sctp is not None:
            self._watch(pc.sctp, "_handle_data")

    def _watch(self, receiver: Any, name: str) -> None:
        handler: Callable[..., Awaitable[None]] = getattr(receiver, name)

        async def heard(*args: Any, **kwargs: Any) -> None:
            self.last_heard = self._loop.time()
            await handler(*args, **kwargs)

        setattr(receiver, name, heard)

    def _watch_checks(self, connection: Any) -> None:
        """aioice calls `check_incoming` for a STUN check whose integrity it has just verified."""
        check_incoming = connection.check_incoming

        def heard(*args: Any) -> None:
            self.last_heard = self._loop.time()
            check_incoming(*args)

        connection.check_incoming = heard


def transports(pc: RTCPeerConnection) -> set[RTCDtlsTransport]:
    """The DTLS transports of a peer connection; one when everything is bundled.

    An offer that aiortc gave up on may have left a section without one.
    """
    found = {transceiver.receiver.transport for transceiver in pc.getTransceivers()}
    if pc.sctp is not None:
        found.add(pc.sctp.transport)
    return {transport for transport in found if transport is not None}
