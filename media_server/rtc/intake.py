"""One transport's RTP, decrypted, on its way to whoever takes it: in one step, which waits for nothing.

Rules:
- Packets of more than `ssrcs` sources are dropped before anything is kept for them (`Sources`).
- A packet is the heartbeat of its peer once its source is one that is heard.
- Which section a packet belongs to is aiortc's to say: its router knows what was agreed on. Of the sections one is
  taken; what comes for others is dropped.
- aiortc's receiver is told what it needs to report (RTCP), and no more.

aiortc would parse every header extension and pass a packet through five coroutines, which cost as much as a decode.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aiortc.rtcdtlstransport import RTCDtlsTransport

from media_server.rtc.packets import Sources
from media_server.rtc.rtp import RtpPacket, parse_rtp
from media_server.rtc.tally import Tally

Take = Callable[[RtpPacket], None]


class RtpIntake:
    """Takes the packets of one transport; several transports of a peer share their sources."""

    def __init__(
        self,
        transport: RTCDtlsTransport,
        sources: Sources,
        tally: Tally,
        beat: Callable[[], None],
        takers: Mapping[Any, Take],
    ) -> None:
        self._router: Any = transport._rtp_router  # it reads the source and the payload type only
        self._sources = sources
        self._tally = tally
        self._beat = beat
        self._takers = takers
        """By aiortc's receiver."""

    def take(self, data: bytes) -> None:
        """Take one packet. What a handler raises is the caller's to count."""
        if not self._sources.is_heard(data[8:12]):
            self._tally.drop("ssrc")
            return
        self._beat()
        packet = parse_rtp(data)
        if packet is None:
            self._tally.drop("rtp")
            return
        take = self._takers.get(self._router.route_rtp(packet))
        if take is not None:
            take(packet)
