"""When anything authenticated was last heard of a peer: STUN, RTP, RTCP or SCTP.

aiortc notices a dead peer after half a minute and says so nowhere before. Here the places where a packet has just
passed its check are wrapped, on this peer's own objects; a contract test fails when a version of aiortc or aioice no
longer has them. RTP is ours to take, and says so by `beat`.

Who sends nothing but checks of consent sends one every 4 to 6 s (RFC 7675 §5.1), too seldom for us to tell them from
somebody who is gone. So ours go out every second or two, and their answers count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aioice.ice
from aiortc import RTCPeerConnection
from aiortc.rtcdtlstransport import RTCDtlsTransport

CONSENT_EVERY_S = 1.5
"""aioice varies it by a fifth; three are lost before anybody is taken for gone."""


class Heartbeat:
    """Loop time of the last authenticated packet of one peer."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.last_heard = self._loop.time()

    def silent_s(self) -> float:
        return self._loop.time() - self.last_heard

    def beat(self) -> None:
        self.last_heard = self._loop.time()

    def listen_to(self, pc: RTCPeerConnection) -> None:
        """Watch every transport of `pc`, except for its RTP; call it once the remote description is set."""
        aioice.ice.CONSENT_INTERVAL = CONSENT_EVERY_S  # type: ignore[assignment]
        for transport in transports(pc):
            self._watch(transport, "_handle_rtcp_data")
            self._watch_checks(transport.transport._connection)
        if pc.sctp is not None:
            self._watch(pc.sctp, "_handle_data")

    def _watch(self, receiver: Any, name: str) -> None:
        handler: Callable[..., Awaitable[None]] = getattr(receiver, name)

        async def heard(*args: Any, **kwargs: Any) -> None:
            self.beat()
            await handler(*args, **kwargs)

        setattr(receiver, name, heard)

    def _watch_checks(self, connection: Any) -> None:
        """aioice calls `check_incoming` for a STUN check whose integrity it has just verified; `request` returns when
        the answer to one of ours passed the same."""
        check_incoming, gather = connection.check_incoming, connection.gather_candidates

        def heard(*args: Any) -> None:
            self.beat()
            check_incoming(*args)

        async def gather_candidates() -> None:
            await gather()
            for protocol in connection._protocols:
                self._watch_answers(protocol)

        connection.check_incoming = heard
        connection.gather_candidates = gather_candidates

    def _watch_answers(self, protocol: Any) -> None:
        request = protocol.request

        async def heard(*args: Any, **kwargs: Any) -> Any:
            answer = await request(*args, **kwargs)
            self.last_heard = self._loop.time()
            return answer

        protocol.request = heard


def transports(pc: RTCPeerConnection) -> set[RTCDtlsTransport]:
    """The DTLS transports of a peer connection; one when everything is bundled.

    An offer that aiortc gave up on may have left a section without one.
    """
    found = {transceiver.receiver.transport for transceiver in pc.getTransceivers()}
    if pc.sctp is not None:
        found.add(pc.sctp.transport)
    return {transport for transport in found if transport is not None}
