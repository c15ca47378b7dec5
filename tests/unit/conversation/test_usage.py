"""Usage: what is told of one connection's recorded audio, and how little of it is ever untold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media_server.conversation.usage import GAP_MS, REPORT_MS, Interval, UsageMeter

PACKET_MS = 20


def heard(meter: UsageMeter, from_ms: int, to_ms: int, *, every_ms: int = PACKET_MS) -> list[Interval]:
    """What is told while packets come in."""
    told = []
    for at_ms in range(from_ms, to_ms, every_ms):
        meter.add(at_ms, at_ms + PACKET_MS)
        told += meter.take()
    return told


def ended(meter: UsageMeter) -> list[Interval]:
    meter.end()
    return meter.take()


def test_nothing_is_told_of_silence() -> None:
    meter = UsageMeter()
    assert ended(meter) == []


def test_one_interval_is_told_longer_and_longer() -> None:
    meter = UsageMeter()
    assert heard(meter, 500, 25_500) == [Interval(500, 10_500), Interval(500, 20_500)]
    assert ended(meter) == [Interval(500, 25_500)]


def test_what_was_told_is_not_told_again() -> None:
    meter = UsageMeter()
    heard(meter, 0, REPORT_MS)
    assert ended(meter) == []
    assert ended(meter) == []


def test_lost_packets_and_left_out_silence_open_no_interval() -> None:
    meter = UsageMeter()
    meter.add(0, 20)
    meter.add(60, 80)  # one was lost
    heard(meter, 480, 8_000, every_ms=400)
    assert ended(meter) == [Interval(0, 7_700)]


def test_a_gap_ends_an_interval() -> None:
    meter = UsageMeter()
    meter.add(0, 20)
    meter.add(20 + GAP_MS, 40 + GAP_MS)
    meter.add(41 + 2 * GAP_MS, 61 + 2 * GAP_MS)
    assert ended(meter) == [Interval(0, 40 + GAP_MS), Interval(41 + 2 * GAP_MS, 61 + 2 * GAP_MS)]


def test_off_the_record_ends_an_interval_however_short_it_is() -> None:
    meter = UsageMeter()
    meter.add(0, 20)
    meter.end()
    meter.add(100, 120)
    assert ended(meter) == [Interval(0, 20), Interval(100, 120)]


def test_what_is_told_late_is_told_once() -> None:
    meter = UsageMeter()
    for at_ms in range(0, 60_000, PACKET_MS):
        meter.add(at_ms, at_ms + PACKET_MS)
    assert ended(meter) == [Interval(0, 60_000)]


def test_audio_without_length_is_nothing() -> None:
    meter = UsageMeter()
    meter.add(7, 7)
    assert ended(meter) == []


steps = st.lists(
    st.tuples(st.sampled_from((0, 0, 0, 15, GAP_MS, GAP_MS + 1, 5_000)), st.integers(0, 6_000)), max_size=30
)


@given(steps, st.sets(st.integers(0, 30)))
def test_all_that_was_heard_is_told_but_for_the_last_seconds(steps: list[tuple[int, int]], breaks: set[int]) -> None:
    meter = UsageMeter()
    expected: set[int] = set()
    told: set[int] = set()
    end_ms = 0
    was_broken = True
    for number, (gap_ms, length_ms) in enumerate(steps):
        if number in breaks:
            meter.end()
            was_broken = True
        if length_ms:
            is_bridged = gap_ms <= GAP_MS and not was_broken
            expected.update(range(end_ms if is_bridged else end_ms + gap_ms, end_ms + gap_ms + length_ms))
            was_broken = False
            end_ms += gap_ms
            meter.add(end_ms, end_ms + length_ms)
            end_ms += length_ms
        for interval in meter.take():
            told.update(range(interval.from_ms, interval.to_ms))
        assert told <= expected
        assert len(expected - told) < REPORT_MS
    for interval in ended(meter):
        told.update(range(interval.from_ms, interval.to_ms))
    assert told == expected
