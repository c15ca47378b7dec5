"""From packets to blocks: everything in its place, losses repaired, nothing decoded for nobody."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pytest
from aiortc.rtp import RtpPacket

from media_server.rtc.audio_input import AudioBlock
from media_server.rtc.opus import Encoder
from media_server.rtc.receiver import AudioReceiver
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

    def time(self) -> float:
        return self.now_s

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        timer = Timer()
        heapq.heappush(self.timers, (when, len(self.timers), timer, callback))
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
        packet = RtpPacket(96, 0, 60_000 + number & 0xFFFF, number * FRAME, ssrc, encoder.encode(frame))
        packets.append((number, packet))
    return packets


def as_sent(packets: list[tuple[int, RtpPacket]]) -> list[tuple[int, RtpPacket]]:
    """Of a rest's packets a browser sends the first one, and those that renew the background."""
    kept = [
        one
        for before, one in zip([None, *packets], packets, strict=False)
        if len(one[1].payload) > 2 or before is None or len(before[1].payload) > 2
    ]
    for place, (_, packet) in enumerate(kept):
        packet.sequence_number = 60_000 + place & 0xFFFF
    return kept


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
    assert np.percentile(line.delays_s, 95) < 0.035


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
    packets[20][1].payload = b"\xff\xff" + bytes(40)
    packets[21][1].payload = b""
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
