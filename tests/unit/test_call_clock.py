"""Media time starts with the first packet and never goes back."""

from datetime import UTC, datetime, timedelta

from media_server.call_clock import CallClock

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Loop:
    def __init__(self) -> None:
        self.now = 1_000.0

    def time(self) -> float:
        return self.now


def test_it_stands_at_zero_before_the_first_packet() -> None:
    loop = Loop()
    clock = CallClock(loop.time, NOON, None)
    loop.now += 5
    assert clock.now_ms() == 0


def test_the_first_packet_is_zero() -> None:
    loop = Loop()
    clock = CallClock(loop.time, NOON, None)
    loop.now += 5
    clock.start(ago_ms=20)
    loop.now += 1
    assert clock.now_ms() == 1_020
    assert abs(clock.started_at() - (NOON + timedelta(seconds=4.98))) < timedelta(milliseconds=2)


def test_a_later_epoch_goes_on_by_the_clock_of_postgres() -> None:
    loop = Loop()
    clock = CallClock(loop.time, NOON, NOON - timedelta(minutes=3))
    loop.now += 1
    assert clock.now_ms() == 181_000
    clock.start()
    assert clock.now_ms() == 181_000


def test_a_clock_that_went_back_does_not_make_negative_times() -> None:
    clock = CallClock(Loop().time, NOON, NOON + timedelta(seconds=9))
    assert clock.now_ms() == 0
