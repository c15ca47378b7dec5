"""From packets to blocks: everything in its place, losses repaired, nothing decoded for nobody."""

from __future__ import annotations

import heapq
import itertools
import random
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from aiortc import RTCCertificate, RTCDtlsTransport, RTCIceGatherer, RTCIceTransport, RTCRtpCodecParameters
from aiortc.rtcrtpreceiver import RTCRtpReceiver
from aiortc.rtp import RtcpReceiverInfo

from media_server.conversation.jitter import KNOWN_PACKETS
from media_server.conversation.media_clock import TrackClock
from media_server.rtc.audio_input import AudioBlock
from media_server.rtc.opus import Encoder, carries_fec
from media_server.rtc.receiver import AudioReceiver, take_over
from media_server.rtc.rtp import RtpPacket
from tests.voice import voice

FRAME = 960
FRAME_S = 0.02


class Timer:
    is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


@dataclass
class Clock:
    """A loop's clock that tests move on."""

    now_s: float = 100.0
    timers: list[tuple[float, int, Timer, Callable[[], None]]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def time(self) -> float:
        return self.now_s

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        timer = Timer()
        heapq.heappush(self.timers, (when, next(self.numbers), timer, callback))
        return timer

    def move_to(self, now_s: float) -> None:
        while self.timers and self.timers[0][0] <= now_s:
            when, _, timer, callback = heapq.heappop(self.timers)
            self.now_s = max(self.now_s, when)
            if not timer.is_cancelled:
                callback()
        self.now_s = max(self.now_s, now_s)


@dataclass
class Line:
    """A receiver, and what it delivered."""

    is_wanted: bool = True
    clock: Clock = field(default_factory=Clock)
    blocks: list[AudioBlock] = field(default_factory=list)
    delays_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._began_s = self.clock.now_s
        self.receiver = AudioReceiver(self._take, lambda: self.is_wanted, self.clock)  # type: ignore[arg-type]

    def _take(self, block: AudioBlock) -> None:
        self.blocks.append(block)
        self.delays_s.append(self.clock.now_s - self._began_s - block.pts / 16_000)

    def carry(self, packets: Iterable[tuple[int, RtpPacket]], delay_s: Callable[[int], float] = lambda _: 0.0) -> None:
        """Each numbered packet when it is due, and what the receiver does in the end."""
        due = ((self._began_s + number * FRAME_S + delay_s(number), number, packet) for number, packet in packets)
        arrivals = sorted(due, key=lambda one: one[:2])
        for arrival_s, _, packet in arrivals:
            self.clock.move_to(arrival_s)
            self.receiver.receive(packet)
        self.clock.move_to(self.clock.now_s + 2)

    def listened(self, samples: int) -> npt.NDArray[np.float32]:
        """On the timeline, gaps as silence."""
        line = np.zeros(samples, np.float32)
        for block in self.blocks:
            line[block.pts : block.pts + len(block.samples)] = block.samples[: max(0, samples - block.pts)]
        return line


def numbered(pcm: npt.NDArray[np.int16], *, ssrc: int = 7, has_dtx: bool = False) -> list[tuple[int, RtpPacket]]:
    encoder = Encoder(32_000, 5, loss_percent=10, has_dtx=has_dtx)
    packets = []
    for number, frame in enumerate(pcm.reshape(-1, FRAME)):
        packet = RtpPacket(96, 60_000 + number & 0xFFFF, number * FRAME, ssrc, encoder.encode(frame))
        packets.append((number, packet))
    return packets


def as_sent(packets: list[tuple[int, RtpPacket]]) -> list[tuple[int, RtpPacket]]:
    """Of a rest's packets a browser sends the first one, and those that renew the background."""
    kept = [
        one
        for before, one in zip([None, *packets], packets, strict=False)
        if len(one[1].payload) > 2 or before is None or len(before[1].payload) > 2
    ]
    return [
        (number, packet._replace(sequence_number=60_000 + place & 0xFFFF))
        for place, (number, packet) in enumerate(kept)
    ]


def likeness(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    return float(np.corrcoef(one, other)[0, 1])


@pytest.fixture(scope="module")
def speech() -> npt.NDArray[np.int16]:
    return voice(250)


@pytest.fixture(scope="module")
def intact(speech: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
    line = Line()
    line.carry(numbered(speech))
    return line.listened(250 * 320)


def test_without_loss_each_packet_is_a_block_at_once_at_its_place(speech: npt.NDArray[np.int16]) -> None:
    line = Line()
    line.carry(numbered(speech))
    assert [block.pts for block in line.blocks] == [number * 320 for number in range(250)]
    assert {len(block.samples) for block in line.blocks} == {320}
    assert max(line.delays_s) < 0.001


@pytest.mark.parametrize(("loss", "least"), [(0.05, 0.97), (0.10, 0.95)])
def test_lost_packets_are_repaired(
    speech: npt.NDArray[np.int16], intact: npt.NDArray[np.float32], loss: float, least: float
) -> None:
    drawn = random.Random(1)
    line = Line()
    arrived = [one for one in numbered(speech) if one[0] == 0 or drawn.random() >= loss]
    line.carry(arrived)
    assert len(line.blocks) >= len(arrived)
    assert likeness(line.listened(len(intact)), intact) > least
    assert np.percentile(line.delays_s[KNOWN_PACKETS:], 95) < 0.035


def test_what_was_recovered_is_known_from_what_was_concealed(speech: npt.NDArray[np.int16]) -> None:
    packets = numbered(speech)
    kept = [one for one in packets if one[0] % 10 != 5]
    repeated = [number for number in range(5, 245, 10) if carries_fec(packets[number + 1][1].payload)]
    assert 5 < len(repeated) < 24
    line = Line()
    line.carry(kept)
    assert line.receiver.lost_ms == 25 * 20
    assert line.receiver.recovered_ms == pytest.approx(20 * len(repeated), abs=20)


def test_bursts_move_nothing(speech: npt.NDArray[np.int16], intact: npt.NDArray[np.float32]) -> None:
    line = Line()
    line.carry([one for one in numbered(speech) if one[0] % 25 not in {10, 11, 12}])
    listened = line.listened(len(intact))
    assert likeness(listened[14 * 320 : 34 * 320], intact[14 * 320 : 34 * 320]) > 0.7
    assert likeness(listened, intact) > 0.85


def test_jitter_and_reordering_cost_nothing(speech: npt.NDArray[np.int16], intact: npt.NDArray[np.float32]) -> None:
    drawn = random.Random(2)
    line = Line()
    line.carry(numbered(speech), lambda number: drawn.uniform(0.0, 0.06) if number else 0.0)
    assert line.receiver.counts.lost <= 3  # until the line is known
    assert likeness(line.listened(len(intact)), intact) > 0.97


def test_a_thousand_losses_do_not_delay_what_comes_after(speech: npt.NDArray[np.int16]) -> None:
    drawn = random.Random(3)
    packets = numbered(np.tile(speech, 40))
    line = Line()
    line.carry([one for one in packets if one[0] < 50 or one[0] > 9_900 or drawn.random() >= 0.12])
    assert line.receiver.counts.lost > 1_000
    assert np.median(line.delays_s[-90:]) == pytest.approx(np.median(line.delays_s[:40]), abs=0.001)


def test_for_nobody_nothing_is_decoded_at_48_khz(speech: npt.NDArray[np.int16]) -> None:
    line = Line(is_wanted=False)
    packets = numbered(speech)
    line.carry(packets[:100])
    assert {len(block.heard) for block in line.blocks} == {0}
    line.is_wanted = True
    line.receiver.receive(packets[100][1])
    assert len(line.blocks[-1].heard) == FRAME


def test_silence_is_heard_by_nobody() -> None:
    line = Line()
    line.carry(numbered(np.concatenate([voice(50), np.zeros(50 * FRAME, np.int16)])))
    assert len(line.blocks[40].heard) == FRAME
    assert len(line.blocks[-1].heard) == 0
    assert len(line.blocks[-1].samples) == 320


def test_a_sender_that_rests_is_silent_without_delay() -> None:
    said = np.concatenate([voice(50), np.zeros(60 * FRAME, np.int16), voice(20)])
    line = Line()
    line.carry(as_sent(numbered(said, has_dtx=True)))
    ends = [block.pts + len(block.samples) for block in line.blocks]
    assert ends == sorted(ends)
    quiet = [block for block in line.blocks if 70 * 320 < block.pts < 100 * 320]
    assert sum(len(block.samples) for block in quiet) > 25 * 320
    assert line.receiver.counts.lost < 60


def test_garbage_is_counted_and_the_next_packet_is_heard(speech: npt.NDArray[np.int16]) -> None:
    packets = numbered(speech)
    for number, payload in ((20, b"\xff\xff" + bytes(40)), (21, b"")):
        packets[number] = (number, packets[number][1]._replace(payload=payload))
    line = Line()
    line.carry(packets)
    assert line.blocks[-1].pts == 249 * 320
    assert line.receiver.counts.lost == 2


def test_after_the_end_nothing_is_delivered(speech: npt.NDArray[np.int16]) -> None:
    line = Line()
    packets = numbered(speech)
    line.receiver.receive(packets[0][1])
    line.receiver.receive(packets[2][1])
    line.receiver.stop()
    line.clock.move_to(line.clock.now_s + 1)
    assert len(line.blocks) == 1


@pytest.mark.parametrize(
    "jump_s",
    [-86_400, -10, -1, 10, 86_400, 2**31 // 48_000],
    ids=["day back", "10 s back", "1 s back", "10 s", "day", "half"],
)
def test_a_timestamp_that_jumps_takes_no_memory_and_no_time(jump_s: int, speech: npt.NDArray[np.int16]) -> None:
    packets = numbered(speech)
    for place, (number, packet) in enumerate(packets[100:], start=100):
        timestamp = (packet.timestamp + jump_s * 48_000 * (1 + number // 150)) % 2**32
        packets[place] = number, packet._replace(timestamp=timestamp)
    line, places = Line(), []
    track = TrackClock()
    began_s = line.clock.now_s
    line.receiver.receive(packets[0][1])  # so that decoders are there
    tracemalloc.start()
    try:
        line.carry(packets[1:])
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    kept_bytes = sum(block.samples.nbytes + block.heard.nbytes for block in line.blocks)
    assert peak_bytes - kept_bytes < 1024 * 1024
    end = 0
    for block, delay_s in zip(line.blocks, line.delays_s, strict=True):
        arrival = round((delay_s + block.pts / 16_000) * 16_000)
        places.append(track.place(block.pts, len(block.samples), arrival))
        assert places[-1] >= end
        end = places[-1] + len(block.samples)
    assert end <= round((line.clock.now_s - began_s) * 16_000)
    assert len(line.blocks) >= len(packets) - 10


async def test_timestamps_that_swing_fit_into_a_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up at once and down after a pause, by 32 bits: the jitter grows beyond what a report has room for."""
    certificates = [RTCCertificate.generateCertificate()]
    track: Any = RTCRtpReceiver("audio", RTCDtlsTransport(RTCIceTransport(RTCIceGatherer()), certificates))
    track._RTCRtpReceiver__codecs[111] = RTCRtpCodecParameters("audio/opus", 48_000, 2, 111)
    take, now_s = take_over(track, lambda packet: None), 1_000.0
    monkeypatch.setattr("aiortc.rtcrtpreceiver.time.time", lambda: now_s)
    for number in range(400):
        now_s += 5.0 * (number % 2)
        take(RtpPacket(111, number, 0xFFFF_FFFF if number % 2 == 0 else 0, 1, b"\x78"))
    [statistics] = track._RTCRtpReceiver__remote_streams.values()
    assert statistics.jitter == 0xFFFF_FFFF
    bytes(RtcpReceiverInfo(1, 0, 0, statistics.max_seq, statistics.jitter, 0, 0))
