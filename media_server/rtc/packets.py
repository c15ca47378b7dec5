"""What one peer may do with packets that passed their check: break a few, and send on a few sources.

Rules:
- Whatever a packet raises inside aiortc costs that packet, not the call; after `broken_packets` the peer is cut off.
- Packets of more than `ssrcs` sources are dropped before aiortc keeps anything for them, and whoever goes on to rotate
  is cut off: with 256 of them aiortc's reports cannot be packed any more, and closing waits for ever. Those who send
  RTCP are counted for themselves; libsrtp keeps something for each.
- An RTCP BYE is a pause, not an end (aiortc would stop the decoder for good). Requests to send again are not answered:
  nobody negotiated them for audio, and one packet could ask for thousands.

`guard_packets` wraps what `Heartbeat.listen_to` wrapped, so call it afterwards: a packet that is dropped here was not
heard. Both replace methods on this peer's own objects only.
"""

from __future__ import annotations

from typing import Any

from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtp import RtcpByePacket, RtcpRtpfbPacket

from media_server.rtc.tally import Tally
from media_server.settings import Limits


class Sources:
    """The SSRCs that one peer has sent RTP on, or RTCP: the first ones are heard."""

    def __init__(self, limits: Limits, tally: Tally) -> None:
        self._limits = limits
        self._tally = tally
        self._seen: list[bytes] = []

    def is_heard(self, ssrc: bytes) -> bool:
        if ssrc not in self._seen:
            if len(self._seen) >= self._limits.ssrcs_seen:
                self._tally.cut_off("ssrcs")
                return False
            self._seen.append(ssrc)
        return self._seen.index(ssrc) < self._limits.ssrcs


def guard_packets(transport: RTCDtlsTransport, reporters: Sources, tally: Tally) -> None:
    """Make one transport survive its packets; several transports of a peer share their sources."""
    receive_next, route_rtcp = transport._recv_next, transport._rtp_router.route_rtcp
    handle_rtcp = transport._handle_rtcp_data

    async def survive() -> None:
        try:
            await receive_next()
        except ConnectionError:
            raise
        except Exception as error:  # parsers raise anything, and the loop around this would end
            tally.fail(error)
            if tally.is_cut_off:
                raise ConnectionError from error

    async def handle_heard_rtcp(data: bytes) -> None:
        if reporters.is_heard(data[4:8]):  # RFC 3550 §6.4
            await handle_rtcp(data)
        else:
            tally.drop("ssrc")

    def route_some(packet: Any) -> Any:
        return set() if isinstance(packet, RtcpByePacket | RtcpRtpfbPacket) else route_rtcp(packet)

    transport._recv_next = survive  # type: ignore[method-assign]
    transport._handle_rtcp_data = handle_heard_rtcp  # type: ignore[method-assign]
    transport._rtp_router.route_rtcp = route_some  # type: ignore[method-assign]
