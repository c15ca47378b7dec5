"""One outgoing stream: its headers, what it does while nothing can leave, and what both sides report of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from aiortc.rtp import RtcpByePacket, RtcpPacket, RtcpReceiverInfo, RtcpSdesPacket, RtcpSrPacket, RtpPacket

from media_server.rtc import sender
from media_server.rtc.sender import AudioSender, SenderStats, ntp_time, round_trip_s

SSRC, PAYLOAD_TYPE = 0x1234_5678, 111
SPOKEN, REST = b"\x78" + b"x" * 60, b"\x78"
UNIX_S = 1_700_000_000.25


@dataclass
class Clock:
    """A loop's clock with one timer, which tests let fire."""

    now_s: float = 100.0
    callback: Callable[[], None] | None = None

    def time(self) -> float:
        return self.now_s

    def call_later(self, delay: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        assert 0 < delay <= 1.5 * sender.REPORT_EVERY_S
        self.callback = callback
        return self  # type: ignore[return-value]

    def cancel(self) -> None:
        self.callback = None

    def fire(self) -> None:
        assert self.callback is not None
        self.callback()


@dataclass
class Wire:
    is_open: bool = True
    packets: list[RtpPacket] = field(default_factory=list)
    compounds: list[bytes] = field(default_factory=list)

    def send_rtp(self, packet: bytes) -> bool:
        if self.is_open:
            self.packets.append(RtpPacket.parse(packet))
        return self.is_open

    def send_rtcp(self, packet: bytes) -> bool:
        if self.is_open:
            self.compounds.append(packet)
        return self.is_open


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def ours(clock: Clock, wire: Wire) -> AudioSender:
    started = AudioSender(clock)
    started.start(wire, PAYLOAD_TYPE, SSRC, "cname")
    return started


@pytest.fixture(autouse=True)
def wall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender.time, "time", lambda: UNIX_S)


def test_a_packet_is_a_header_of_twelve_bytes_and_what_was_said(ours: AudioSender, wire: Wire) -> None:
    ours.send(SPOKEN, 960)
    [packet] = wire.packets
    assert (packet.version, packet.payload_type, packet.ssrc, packet.payload) == (2, PAYLOAD_TYPE, SSRC, SPOKEN)
    assert (packet.csrc, packet.padding_size) == ([], 0)


def test_sequence_numbers_go_up_by_one_and_times_as_the_clock_does(ours: AudioSender, wire: Wire) -> None:
    for pts in (0, 960, 20_160):
        ours.send(SPOKEN, pts)
    numbers, times = ([getattr(packet, name) for packet in wire.packets] for name in ("sequence_number", "timestamp"))
    assert [number - numbers[0] for number in numbers] == [0, 1, 2]
    assert [(time - times[0]) % 2**32 for time in times] == [0, 960, 20_160]


def test_sequence_numbers_wrap_after_65535(monkeypatch: pytest.MonkeyPatch, clock: Clock, wire: Wire) -> None:
    monkeypatch.setattr(sender.secrets, "randbelow", lambda most: 65_534)
    ours = AudioSender(clock)
    ours.start(wire, PAYLOAD_TYPE, SSRC, "cname")
    for number in range(4):
        ours.send(SPOKEN, 960 * number)
    assert [packet.sequence_number for packet in wire.packets] == [65_534, 65_535, 0, 1]


def test_times_wrap_after_32_bits(ours: AudioSender, wire: Wire) -> None:
    ours.send(SPOKEN, 0)
    ours.send(SPOKEN, 2**32 + 960)
    first, second = wire.packets
    assert (second.timestamp - first.timestamp) % 2**32 == 960


def test_two_streams_begin_anywhere(clock: Clock) -> None:
    begun = set()
    for _ in range(8):
        wire, one = Wire(), AudioSender(clock)
        one.start(wire, PAYLOAD_TYPE, SSRC, "cname")
        one.send(SPOKEN, 0)
        begun.add((wire.packets[0].sequence_number, wire.packets[0].timestamp))
    assert len(begun) == 8
    assert all(number < 2**15 for number, _ in begun)


def test_the_marker_is_on_the_first_packet_that_says_something(ours: AudioSender, wire: Wire) -> None:
    for number, payload in enumerate((SPOKEN, SPOKEN, REST, REST, SPOKEN, SPOKEN)):
        ours.send(payload, 960 * number)
    assert [packet.marker for packet in wire.packets] == [1, 0, 0, 0, 1, 0]


def test_before_it_is_started_frames_are_dropped_and_counted(clock: Clock) -> None:
    one = AudioSender(clock)
    one.send(SPOKEN, 0)
    assert one.stats == SenderStats(packets_dropped=1)


def test_what_cannot_leave_is_dropped_and_takes_no_sequence_number(ours: AudioSender, wire: Wire) -> None:
    for number, wire.is_open in enumerate((True, False, False, True)):
        ours.send(SPOKEN, 960 * number)
    first, second = wire.packets
    assert second.sequence_number - first.sequence_number == 1
    assert (second.timestamp - first.timestamp) % 2**32 == 3 * 960
    assert ours.stats == SenderStats(packets_sent=2, octets_sent=2 * len(SPOKEN), packets_dropped=2)


def test_the_marker_waits_for_a_packet_that_leaves(ours: AudioSender, wire: Wire) -> None:
    for number, wire.is_open in enumerate((False, True, True)):
        ours.send(SPOKEN, 960 * number)
    assert [packet.marker for packet in wire.packets] == [1, 0]


def test_a_sender_report_has_the_counts_and_one_instant_on_both_clocks(
    ours: AudioSender, wire: Wire, clock: Clock
) -> None:
    ours.send(SPOKEN, int(clock.now_s * 48_000))
    ours.send(REST, int(clock.now_s * 48_000) + 960)
    clock.now_s += 0.5
    clock.fire()
    report, name = RtcpPacket.parse(wire.compounds[0])
    assert isinstance(report, RtcpSrPacket)
    assert (report.ssrc, report.sender_info.packet_count) == (SSRC, 2)
    assert report.sender_info.octet_count == len(SPOKEN) + len(REST)
    assert report.sender_info.ntp_timestamp == ntp_time(UNIX_S)
    assert (report.sender_info.rtp_timestamp - wire.packets[0].timestamp) % 2**32 == 24_000
    assert isinstance(name, RtcpSdesPacket)
    assert [(chunk.ssrc, chunk.items) for chunk in name.chunks] == [(SSRC, [(1, b"cname")])]


def test_reports_go_on_also_while_nothing_can_leave(ours: AudioSender, wire: Wire, clock: Clock) -> None:
    ours.send(SPOKEN, 0)
    for wire.is_open in (True, False, True):
        clock.fire()
    assert len(wire.compounds) == 2


def test_who_sent_nothing_reports_nothing(ours: AudioSender, wire: Wire, clock: Clock) -> None:
    clock.fire()
    ours.stop()
    assert wire.compounds == []


def test_who_stops_says_goodbye_once_and_is_quiet(ours: AudioSender, wire: Wire, clock: Clock) -> None:
    ours.send(SPOKEN, 0)
    ours.stop()
    ours.stop()
    [compound] = wire.compounds
    goodbye = RtcpPacket.parse(compound)[-1]
    assert isinstance(goodbye, RtcpByePacket)
    assert goodbye.sources == [SSRC]
    assert clock.callback is None
    ours.send(SPOKEN, 960)
    assert ours.stats.packets_sent == 1


def test_who_was_stopped_before_the_connection_does_not_begin(clock: Clock, wire: Wire) -> None:
    one = AudioSender(clock)
    one.stop()
    one.start(wire, PAYLOAD_TYPE, SSRC, "cname")
    one.send(SPOKEN, 0)
    assert (wire.packets, clock.callback) == ([], None)


def reported(ssrc: int = SSRC, lsr: int = 0, dlsr: int = 0) -> RtcpReceiverInfo:
    return RtcpReceiverInfo(
        ssrc=ssrc, fraction_lost=64, packets_lost=-3, highest_sequence=0, jitter=480, lsr=lsr, dlsr=dlsr
    )


def test_what_the_other_side_says_of_us_is_kept(ours: AudioSender) -> None:
    sent_at = (ntp_time(UNIX_S - 0.25) >> 16) & 0xFFFF_FFFF
    ours.take_reports([reported(lsr=sent_at, dlsr=int(0.125 * 65_536))])
    assert ours.stats == SenderStats(fraction_lost=0.25, packets_lost=-3, jitter_s=0.01, rtt_s=0.125)


def test_a_report_that_answers_none_of_ours_leaves_the_round_trip(ours: AudioSender) -> None:
    sent_at = (ntp_time(UNIX_S - 0.25) >> 16) & 0xFFFF_FFFF
    ours.take_reports([reported()])
    assert ours.stats.rtt_s is None
    ours.take_reports([reported(lsr=sent_at)])
    ours.take_reports([reported()])
    assert ours.stats.rtt_s == 0.25


def test_what_is_said_of_others_is_not_ours(ours: AudioSender) -> None:
    ours.take_reports([reported(ssrc=SSRC + 1)])
    assert ours.stats == SenderStats()


def test_a_round_trip_over_the_wrap_of_the_clock() -> None:
    now = 5 << 32  # whose middle 32 bits are 5 s
    assert round_trip_s(now, (5 * 65_536 - 131_072 + 2**32) & 0xFFFF_FFFF, 65_536) == 1.0
    assert round_trip_s(1 << 32, 0xFFFF_0000, 65_536) == 1.0


def test_less_than_nothing_is_no_round_trip() -> None:
    assert round_trip_s(5 << 32, 5 * 65_536, 1) is None
