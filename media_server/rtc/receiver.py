"""One participant's audio, from packets whose integrity was checked to blocks of samples; no thread, no queue.

Rules:
- aiortc's receiver hands its packets over and does nothing else but report to the sender (RTCP): its jitter buffer,
  decoder thread and track are not used. This is the one place that reaches into it; a contract test holds the versions.
- Audio is decoded at 16 kHz at once. At 48 kHz it is decoded only while somebody may hear it and it is not silent.
- A lost packet is recovered from its successor where that repeats it, else concealed; a longer hole is a gap.
- The sender's goodbye (RTCP BYE) is a pause: what comes after it is heard.

Everything runs in the event loop: about 30 µs a packet, 60 µs with somebody who hears it. Algorithmic latency: that of
`conversation/jitter`, none without loss.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import numpy as np
from aiortc.rtcrtpreceiver import RTCRtpReceiver, StreamStatistics
from aiortc.rtp import RtpPacket

from media_server.conversation.jitter import RATE_HZ, Counts, JitterBuffer, Packet, Piece
from media_server.conversation.types import SAMPLE_RATE_HZ
from media_server.errors import OpusError
from media_server.rtc.audio_input import NOTHING_HEARD, AudioBlock
from media_server.rtc.opus import Decoder, Floats, Pcm, packet_samples
from media_server.telemetry import PACKETS_DROPPED

OPUS = "audio/opus"
SILENT = 0.003
"""Peak of a block that nobody need hear; -50 dB of full scale."""
LINGER_S = 0.4
"""After the last block that was not silent."""
_RATIO = RATE_HZ // SAMPLE_RATE_HZ


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
        self._listening = Decoder(SAMPLE_RATE_HZ)
        self._hearing: Decoder | None = None
        self._loud_at = -LINGER_S
        self._timer: asyncio.TimerHandle | None = None

    @property
    def counts(self) -> Counts:
        return self._buffer.counts

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
        samples = _listened(self._listening, piece)
        if piece.is_silence:
            return AudioBlock(piece.position // _RATIO, samples, NOTHING_HEARD)
        if not self._is_wanted() or not self._is_loud(samples):
            self._hearing = None
            return AudioBlock(piece.position // _RATIO, samples, NOTHING_HEARD)
        if self._hearing is None:
            self._hearing = Decoder(RATE_HZ)
        return AudioBlock(piece.position // _RATIO, samples, _heard(self._hearing, piece))

    def _is_loud(self, samples: Floats) -> bool:
        """Whether it was not silent lately."""
        now = self._clock.time()
        if samples.max(initial=0.0) > SILENT or samples.min(initial=0.0) < -SILENT:
            self._loud_at = now
        return now - self._loud_at <= LINGER_S


def _listened(decoder: Decoder, piece: Piece) -> Floats:
    if piece.is_silence:
        return np.zeros(piece.samples // _RATIO, np.float32)
    if piece.packet is not None:
        return decoder.decode(piece.packet.payload)
    if piece.after is not None:
        return decoder.recover(piece.after.payload, piece.samples // _RATIO)
    return decoder.conceal(piece.samples // _RATIO)


def _heard(decoder: Decoder, piece: Piece) -> Pcm:
    if piece.packet is not None:
        return decoder.decode_pcm(piece.packet.payload)
    if piece.after is not None:
        return decoder.recover_pcm(piece.after.payload, piece.samples)
    return decoder.conceal_pcm(piece.samples)


# aiortc -------------------------------------------------------------------------------------------------------------


def take_over(receiver: RTCRtpReceiver, on_packet: Callable[[RtpPacket], None] | None) -> None:
    """Have `receiver` hand over its Opus packets (None: drop all); call it before the answer is set."""
    receiver.receive = partial(_start, receiver)  # type: ignore[method-assign]
    receiver._handle_rtp_packet = partial(_handle, receiver, on_packet)  # type: ignore[method-assign]


async def _start(receiver: Any, parameters: Any) -> None:
    """As aiortc's own `receive`, without its decoder thread."""
    if receiver._RTCRtpReceiver__started:
        return
    for codec in parameters.codecs:
        receiver._RTCRtpReceiver__codecs[codec.payloadType] = codec
    receiver.transport._register_rtp_receiver(receiver, parameters)
    receiver._RTCRtpReceiver__rtcp_task = asyncio.ensure_future(receiver._run_rtcp())
    receiver._RTCRtpReceiver__started = True


async def _handle(
    receiver: Any, on_packet: Callable[[RtpPacket], None] | None, packet: RtpPacket, arrival_time_ms: int
) -> None:
    codec = receiver._RTCRtpReceiver__codecs.get(packet.payload_type)
    if on_packet is None or codec is None or codec.mimeType.lower() != OPUS:
        return
    reported = receiver._RTCRtpReceiver__remote_streams
    if packet.ssrc not in reported:
        reported[packet.ssrc] = StreamStatistics(codec.clockRate)
    reported[packet.ssrc].add(packet)
    on_packet(packet)
