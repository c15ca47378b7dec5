"""What one participant hears, on its way out: RTP header, SRTP and datagram in the step of the loop that encoded it.

Rules:
- A frame that cannot leave at once (nothing agreed on, no nominated pair, no keys yet, closed) is dropped and counted.
  Sending never raises: one bad listener must not cost the others their frame.
- RTP time is the loop's clock at 48 kHz from a random origin (RFC 3550 §5.1), so what it is now needs no packet.
- The marker is set on the first packet that says something after a rest (RFC 7587 §4.2).
- Once something was sent, a sender report goes out every second or so (RFC 3550 §6.4.1), and a goodbye at the end, both
  from a timer: there is no task and no queue. What the other side reports of our packets is kept.

`take_over` is the one place that reaches into aiortc's sender, whose track, encoder, task and history are not used; a
contract test holds the versions.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from aiortc.rtcdtlstransport import RTCDtlsTransport, State
from aiortc.rtcrtpsender import RTCRtpSender
from aiortc.rtp import (
    AnyRtcpPacket,
    RtcpByePacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
)
from pylibsrtp import Session

from media_server.conversation.jitter import DTX_BYTES
from media_server.rtc.opus import RTP_RATE_HZ

OPUS = "audio/opus"
REPORT_EVERY_S = 1.0
"""Times 0.5 … 1.5, so that many do not report in step (RFC 3550 §6.2)."""

_HEADER = struct.Struct("!BBHII")
_VERSION = 0x80
_MARKER = 0x80
_CNAME = 1
_NTP_EPOCH_S = 2_208_988_800
"""From 1900 to 1970."""
_COMPONENT = 1
"""Of a connection's pairs; RTCP goes the same way (RFC 8834 §4.5)."""
_FIXED_S = 1 << 16
"""Of NTP time's middle 32 bits, which reports give back."""


@dataclass(frozen=True, slots=True)
class SenderStats:
    """Of one outgoing stream; what the other side says of it is as of its last report (RFC 3550 §6.4.1)."""

    packets_sent: int = 0
    octets_sent: int = 0
    """Payload only."""
    packets_dropped: int = 0
    """Could not leave when they were due."""
    fraction_lost: float | None = None
    """0 … 1, between its last two reports; None: there was no report yet."""
    packets_lost: int = 0
    """Since the beginning; negative when packets came twice."""
    jitter_s: float = 0.0
    rtt_s: float | None = None
    """None: no report of it refers to one of ours yet."""


class Wire(Protocol):
    """Where packets go; False when they cannot."""

    def send_rtp(self, packet: bytes) -> bool: ...

    def send_rtcp(self, packet: bytes) -> bool: ...


class Clock(Protocol):
    """What a sender needs of an event loop."""

    def time(self) -> float: ...

    def call_later(self, delay: float, callback: Callable[[], None], /) -> asyncio.TimerHandle: ...


class AudioSender:
    """States: idle → sending (`start`) → stopped."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wire: Wire | None = None
        self._is_stopped = False
        self._sequence_number = secrets.randbelow(1 << 15)  # far from its wrap, which the receiver must see (RFC 3711)
        self._origin = secrets.randbits(32)
        self._payload_type = self._ssrc = 0
        self._cname = ""
        self._is_resting = True
        self._timer: asyncio.TimerHandle | None = None
        self._packets = self._octets = self._dropped = 0
        self._reported: RtcpReceiverInfo | None = None
        self._rtt_s: float | None = None

    @property
    def stats(self) -> SenderStats:
        reported = self._reported
        if reported is None:
            return SenderStats(self._packets, self._octets, self._dropped)
        return SenderStats(
            packets_sent=self._packets,
            octets_sent=self._octets,
            packets_dropped=self._dropped,
            fraction_lost=self.lost(),
            packets_lost=reported.packets_lost,
            jitter_s=reported.jitter / RTP_RATE_HZ,
            rtt_s=self._rtt_s,
        )

    def lost(self) -> float:
        """Which part of the packets did not arrive, by the last report, 0 … 1."""
        return 0.0 if self._reported is None else self._reported.fraction_lost / 256

    def start(self, wire: Wire, payload_type: int, ssrc: int, cname: str) -> None:
        if self._is_stopped:
            return
        self._wire, self._payload_type, self._ssrc, self._cname = wire, payload_type, ssrc, cname
        self._report_later()

    def send(self, payload: bytes, pts: int) -> None:
        """Send one Opus packet.

        Args:
            pts: 48 kHz of the loop's clock.
        """
        is_rest = len(payload) <= DTX_BYTES
        marker = _MARKER if self._is_resting and not is_rest else 0
        timestamp = (self._origin + pts) & 0xFFFF_FFFF
        header = _HEADER.pack(_VERSION, marker | self._payload_type, self._sequence_number, timestamp, self._ssrc)
        if self._wire is None or not self._wire.send_rtp(header + payload):
            self._dropped += 1
            return
        self._is_resting = is_rest
        self._sequence_number = (self._sequence_number + 1) & 0xFFFF
        self._packets += 1
        self._octets += len(payload)

    def take_reports(self, reports: list[RtcpReceiverInfo]) -> None:
        """What the other side says of the sources it hears; ours may be among them."""
        for report in reports:
            if report.ssrc == self._ssrc:
                self._reported = report
                rtt_s = round_trip_s(ntp_time(time.time()), report.lsr, report.dlsr)
                self._rtt_s = self._rtt_s if rtt_s is None else rtt_s

    def stop(self) -> None:
        """Say goodbye; send nothing more."""
        self._is_stopped = True
        if self._timer is not None:
            self._timer.cancel()
        if self._wire is not None and self._packets:
            self._wire.send_rtcp(self._report() + bytes(RtcpByePacket(sources=[self._ssrc])))
        self._wire = None

    def _report_later(self) -> None:
        delay_s = REPORT_EVERY_S * (0.5 + random.random())  # noqa: S311
        self._timer = self._clock.call_later(delay_s, self._send_report)

    def _send_report(self) -> None:
        if self._wire is not None and self._packets:
            self._wire.send_rtcp(self._report())
        self._report_later()

    def _report(self) -> bytes:
        """Sender report and name (RFC 3550 §6.1, §6.4.1): the same instant on both clocks, so that streams can sync."""
        now = RtcpSenderInfo(
            ntp_timestamp=ntp_time(time.time()),
            rtp_timestamp=(self._origin + round(self._clock.time() * RTP_RATE_HZ)) & 0xFFFF_FFFF,
            packet_count=self._packets & 0xFFFF_FFFF,
            octet_count=self._octets & 0xFFFF_FFFF,
        )
        name = RtcpSourceInfo(ssrc=self._ssrc, items=[(_CNAME, self._cname.encode())])
        return bytes(RtcpSrPacket(ssrc=self._ssrc, sender_info=now)) + bytes(RtcpSdesPacket(chunks=[name]))


def ntp_time(unix_s: float) -> int:
    """64 bits: seconds since 1900, and their fraction (RFC 3550 §4)."""
    return int((unix_s + _NTP_EPOCH_S) * (1 << 32))


def round_trip_s(now_ntp: int, last_report: int, held: int) -> float | None:
    """How long a report and its answer were on their way (RFC 3550 §6.4.1); None: it answers none.

    Args:
        now_ntp: 64 bits.
        last_report: middle 32 bits of the NTP time of our report; 0: it has had none.
        held: in 1/65536 s.
    """
    taken = ((now_ntp >> 16) - last_report - held) & 0xFFFF_FFFF
    if last_report == 0 or taken >= 1 << 31:  # less than nothing: one of the clocks was set
        return None
    return taken / _FIXED_S


# aiortc -------------------------------------------------------------------------------------------------------------


def take_over(sender: RTCRtpSender, ours: AudioSender) -> None:
    """Have `ours` send in place of `sender`; call it before the answer is set."""
    sender.send = partial(_start, sender, ours)  # type: ignore[method-assign]
    sender.stop = partial(_stop, sender, ours)  # type: ignore[method-assign]
    sender._handle_rtcp_packet = partial(_handle, ours)  # type: ignore[method-assign]


async def _start(sender: RTCRtpSender, ours: AudioSender, parameters: Any) -> None:
    transport = sender.transport
    transport._register_rtp_sender(sender, parameters)
    payload_types = [codec.payloadType for codec in parameters.codecs if codec.mimeType.lower() == OPUS]
    if payload_types:
        ours.start(_Wire(transport), payload_types[0], sender._ssrc, parameters.rtcp.cname)


async def _stop(sender: RTCRtpSender, ours: AudioSender) -> None:
    sender.transport._unregister_rtp_sender(sender)
    ours.stop()


async def _handle(ours: AudioSender, packet: AnyRtcpPacket) -> None:
    if isinstance(packet, RtcpRrPacket | RtcpSrPacket):
        ours.take_reports(packet.reports)


class _Wire:
    """A transport's keys and its nominated pair, whichever that is now."""

    def __init__(self, transport: RTCDtlsTransport) -> None:
        self._transport = transport
        self._connection = transport.transport._connection

    def send_rtp(self, packet: bytes) -> bool:
        return self._send(packet, Session.protect)

    def send_rtcp(self, packet: bytes) -> bool:
        return self._send(packet, Session.protect_rtcp)

    def _send(self, packet: bytes, protect: Callable[[Session, bytes], bytes]) -> bool:
        pair = self._connection._nominated.get(_COMPONENT)
        if pair is None or self._transport._state is not State.CONNECTED:
            return False
        try:
            pair.protocol.transport.sendto(protect(self._transport._tx_srtp, packet), pair.remote_addr)
        except Exception:  # noqa: BLE001 - keys that are used up, a socket closed by force: each kind its own error
            return False
        return True
