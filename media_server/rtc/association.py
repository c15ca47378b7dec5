"""What one peer may hold of us through data channels: four of them, and little that is not complete yet.

Rules:
- Two channels are agreed on beforehand; a client may open two more, which nobody reads, and is cut off at the next.
- What aiortc keeps until a message is complete, or until what was sent before it has come, is bounded in bytes and in
  chunks. A whole message above what a client may send is answered by whoever reads it; it fits here.

Call it after `Heartbeat.listen_to`, whose wrapper of the same method stays inside.
"""

from __future__ import annotations

from aiortc import RTCSctpTransport
from aiortc.rtcsctptransport import DATA_CHANNEL_OPEN, WEBRTC_DCEP

from media_server.rtc.sctp import is_bearable
from media_server.rtc.tally import Tally
from media_server.settings import Limits

FIRST_RTO_S = 1.0
"""RTO.Initial of RFC 9260 §16; that of RFC 4960 is three times as long, and so was a call's begin on a bad line."""


def hasten(sctp: RTCSctpTransport) -> None:
    """What is lost before the round-trip time is known is sent again after `FIRST_RTO_S`; call it before it starts."""
    sctp._rto = FIRST_RTO_S


def guard_association(sctp: RTCSctpTransport, limits: Limits, tally: Tally) -> None:
    """Bound what the other side can make `sctp` keep."""
    hasten(sctp)
    handle, receive = sctp._handle_data, sctp._data_channel_receive
    whole_window_bytes = sctp._advertised_rwnd

    async def handle_bearable(data: bytes) -> None:
        if tally.is_cut_off:
            tally.drop("cut_off")
            return
        if not is_bearable(data, limits.sack_span):
            raise ValueError("SCTP packet that aiortc cannot bear")
        await handle(data)
        if whole_window_bytes - sctp._advertised_rwnd > limits.reassembly_bytes or _chunks(sctp) > (
            limits.reassembly_chunks
        ):
            tally.cut_off("reassembly")
        elif len(sctp._inbound_streams) > limits.data_channels:
            tally.cut_off("data_channels")

    async def receive_within_limits(stream_id: int, pp_id: int, data: bytes) -> None:
        is_open = pp_id == WEBRTC_DCEP and data[:1] == bytes([DATA_CHANNEL_OPEN])
        if is_open and len(sctp._data_channels) >= limits.data_channels:
            tally.cut_off("data_channels")
        else:
            await receive(stream_id, pp_id, data)

    sctp._handle_data = handle_bearable  # type: ignore[method-assign]
    sctp._data_channel_receive = receive_within_limits  # type: ignore[method-assign]


def _chunks(sctp: RTCSctpTransport) -> int:
    """Chunks that wait for others, or that others wait for; aiortc sorts them at every packet."""
    waiting = sum(len(stream.reassembly) for stream in sctp._inbound_streams.values())
    return max(waiting, len(sctp._sack_misordered))
