"""One participant's audio, from packets whose integrity was checked to blocks of samples; no thread, no queue.

Rules:
- aiortc's receiver does nothing but report to the sender (RTCP): its jitter buffer, decoder thread and track are not
  used. This is the one place that reaches into it; a contract test holds the versions.
- Audio is decoded at once; at 48 kHz only while somebody may hear it and it is not silent (`track_decoder`).
- A lost packet is recovered from its successor where that repeats it, else concealed; a longer hole is a gap.
- The sender's goodbye (RTCP BYE) is a pause: what comes after it is heard.

Everything runs in the event loop: about 30 µs a packet, 45 µs with somebody who hears it. Algorithmic latency: that of
`conversation/jitter`, none without loss.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import numpy as np
from aiortc import RTCRtpTransceiver
from aiortc.rtcrtpreceiver import RTCRtpReceiver, StreamStatistics

from media_server.conversation.jitter import RATE_HZ, Counts, JitterBuffer, Packet, Piece
from media_server.conversation.thirds import RATIO
from media_server.errors import OpusError
from media_server.rtc.audio_input import AudioBlock
from media_server.rtc.opus import Floats, carries_fec, packet_samples
from media_server.rtc.rtp import RtpPacket
from media_server.rtc.track_decoder import TrackDecoder
from media_server.telemetry import PACKETS_DROPPED

OPUS = "audio/opus"
SILENT_POWER = 10 ** (-60 / 10)
"""Mean square of a block that nobody need hear: 5 dB below what the mix takes for talk."""
LINGER_S = 0.4
"""After the last block that was not silent."""
_MOST_JITTER = (1 << 32) - 1


class Clock(Protocol):
    """What a receiver needs of an event loop."""

    def time(self) -> float: ...

    def call_at(self, when: float, callback: Callable[[], None], /) -> asyncio.TimerHandle: ...


class AudioReceiver:
    """Takes one track's packets and delivers blocks as soon as they are due."""

    def __init__(self, on_block: Callable[[AudioBlock], None], is_wanted: Callable[[], bool], clock: Clock) -> None:
        self._on_block = on_block
        self._is_wanted = is_wanted
        """Whether somebody may hear this participant now."""
        self._clock = clock
        self._buffer = JitterBuffer()
        self._decoder = TrackDecoder()
        self._loud_at = -LINGER_S
        self._timer: asyncio.TimerHandle | None = None
        self._recovered_samples = 0

    @property
    def counts(self) -> Counts:
        return self._buffer.counts

    @property
    def lost_ms(self) -> float:
        """Audio of the packets that were given up."""
        return self.counts.lost_samples * 1000 / RATE_HZ

    @property
    def recovered_ms(self) -> float:
        """Of that, what the next packet repeated."""
        return self._recovered_samples * 1000 / RATE_HZ

    @property
    def jitter_ms(self) -> float:
        """Interarrival jitter (RFC 3550 A.8)."""
        return self._buffer.jitter * 1000 / RATE_HZ

    def receive(self, packet: RtpPacket) -> None:
        """Take one packet; what is not Opus audio is dropped."""
        samples = packet_samples(packet.payload)
        if samples:
            taken = Packet(packet.ssrc, packet.sequence_number, packet.timestamp, samples, packet.payload)
            self._deliver(self._buffer.put(taken, self._now()))

    def stop(self) -> None:
        """Deliver nothing more."""
        if self._timer is not None:
            self._timer.cancel()
        self._on_block = lambda block: None

    def _now(self) -> int:
        return int(self._clock.time() * RATE_HZ)

    def _deliver(self, pieces: list[Piece]) -> None:
        for piece in pieces:
            if piece.after is not None and carries_fec(piece.after.payload):
                self._recovered_samples += piece.samples
            try:
                block = self._decode(piece)
            except OpusError:
                PACKETS_DROPPED.labels("undecodable").inc()
            else:
                self._on_block(block)
        self._wake_when_due()

    def _wake_when_due(self) -> None:
        due = self._buffer.due()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due is not None:
            self._timer = self._clock.call_at(due / RATE_HZ, self._take)

    def _take(self) -> None:
        self._timer = None
        # A timer may fire a clock tick early.
        self._deliver(self._buffer.take(self._now() + 1))

    def _decode(self, piece: Piece) -> AudioBlock:
        samples, heard = self._decoder.decode(piece, self._is_heard)
        return AudioBlock(piece.position // RATIO, samples, heard)

    def _is_heard(self, samples: Floats) -> bool:
        return self._is_wanted() and self._is_loud(samples)

    def _is_loud(self, samples: Floats) -> bool:
        """Whether it was not silent lately."""
        now = self._clock.time()
        if np.dot(samples, samples) > SILENT_POWER * len(samples):
            self._loud_at = now
        return now - self._loud_at <= LINGER_S


# aiortc -------------------------------------------------------------------------------------------------------------


def take_over(receiver: RTCRtpReceiver, on_packet: Callable[[RtpPacket], None]) -> Callable[[RtpPacket], None]:
    """What takes the packets of `receiver` and hands over those with Opus; ask before the answer is set."""
    stand_still(receiver)
    return partial(_take, receiver, on_packet)


def stand_still(receiver: RTCRtpReceiver) -> None:
    """Have `receiver` do nothing but report."""
    receiver.receive = partial(_start, receiver)  # type: ignore[method-assign]


def keep_opus(transceiver: RTCRtpTransceiver) -> None:
    """Answer with Opus alone: aiortc sends with the first codec that both sides know, and knows others."""
    transceiver._codecs = [codec for codec in transceiver._codecs if codec.mimeType.lower() == OPUS]


async def _start(receiver: Any, parameters: Any) -> None:
    """As aiortc's own `receive`, without its decoder thread."""
    if receiver._RTCRtpReceiver__started:
        return
    for codec in parameters.codecs:
        receiver._RTCRtpReceiver__codecs[codec.payloadType] = codec
    receiver.transport._register_rtp_receiver(receiver, parameters)
    receiver._RTCRtpReceiver__rtcp_task = asyncio.ensure_future(_report(receiver))
    receiver._RTCRtpReceiver__started = True


async def _report(receiver: Any) -> None:
    """Closing waits until this says that it is over, so it says so whatever ended it."""
    try:
        await receiver._run_rtcp()
    finally:
        receiver._RTCRtpReceiver__rtcp_exited.set()


class _Statistics(StreamStatistics):
    """What a report has room for: whatever timestamps a sender makes up, its jitter is 32 bits (RFC 3550 §6.4.1)."""

    @property
    def jitter(self) -> int:
        return min(super().jitter, _MOST_JITTER)


def _take(receiver: Any, on_packet: Callable[[RtpPacket], None], packet: RtpPacket) -> None:
    codec = receiver._RTCRtpReceiver__codecs.get(packet.payload_type)
    if codec is None or codec.mimeType.lower() != OPUS:
        return
    reported = receiver._RTCRtpReceiver__remote_streams
    if packet.ssrc not in reported:
        reported[packet.ssrc] = _Statistics(codec.clockRate)
    reported[packet.ssrc].add(packet)
    on_packet(packet)
