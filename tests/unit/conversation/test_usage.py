"""Usage: seconds of the union of everybody's audio, minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from media_server.conversation.usage import UsageMeter

STARTED_AT = datetime(2026, 11, 22, 9, 30, 20, 500_000, tzinfo=UTC)
MINUTE_AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def minutes(count: int) -> datetime:
    return MINUTE_AT + timedelta(minutes=count)


def test_a_minute_is_reported_when_it_is_over() -> None:
    meter = UsageMeter()
    meter.add(0, 39_000)
    assert meter.take(STARTED_AT) == []
    meter.add(39_000, 39_500)
    assert meter.take(STARTED_AT) == [(minutes(0), 39)]


def test_two_people_at_once_cost_one_second_a_second() -> None:
    meter = UsageMeter()
    meter.add(0, 10_000)
    meter.add(5_000, 12_000)
    assert meter.flush(STARTED_AT) == [(minutes(0), 12)]


def test_time_between_is_not_counted() -> None:
    meter = UsageMeter()
    meter.add(0, 10_000)
    meter.add(30_000, 35_000)
    assert meter.flush(STARTED_AT) == [(minutes(0), 15)]


def test_a_full_minute_has_sixty_seconds_and_the_rest_goes_on() -> None:
    meter = UsageMeter()
    meter.add(0, 100_000)
    assert meter.flush(STARTED_AT) == [(minutes(0), 39), (minutes(1), 60), (minutes(2), 1)]


def test_flush_tells_only_what_is_new() -> None:
    meter = UsageMeter()
    meter.add(0, 5_000)
    assert meter.flush(STARTED_AT) == [(minutes(0), 5)]
    meter.add(3_000, 9_000)
    assert meter.flush(STARTED_AT) == [(minutes(0), 4)]
    assert meter.flush(STARTED_AT) == []


def test_audio_that_comes_late_adds_to_its_own_minute() -> None:
    meter = UsageMeter()
    meter.add(0, 20_000)
    meter.add(60_000, 105_000)
    assert meter.take(STARTED_AT) == [(minutes(0), 20), (minutes(1), 39)]
    meter.add(20_000, 30_000)
    assert meter.take(STARTED_AT) == [(minutes(0), 10)]


def test_a_call_of_two_hours_keeps_little() -> None:
    meter = UsageMeter()
    total = 0
    for start_ms in range(0, 7_200_000, 1_000):
        meter.add(start_ms, start_ms + 500)
        total += sum(seconds for _, seconds in meter.take(STARTED_AT))
    assert total + sum(seconds for _, seconds in meter.flush(STARTED_AT)) == 3_600


intervals = st.lists(
    st.tuples(st.integers(0, 250_000), st.integers(0, 40_000)).map(lambda pair: (pair[0], pair[0] + pair[1])),
    max_size=30,
)
starts = st.integers(0, 59_999).map(lambda ms: MINUTE_AT + timedelta(milliseconds=ms))


def naive_union_ms(spoken: list[tuple[int, int]]) -> int:
    total = reached = 0
    for from_ms, to_ms in sorted(spoken):
        total += max(0, to_ms - max(from_ms, reached))
        reached = max(reached, to_ms)
    return total


@given(intervals, st.sets(st.integers(0, 30)), starts)
def test_the_total_is_the_naive_union(spoken: list[tuple[int, int]], takes: set[int], started_at: datetime) -> None:
    meter = UsageMeter()
    seconds: dict[datetime, int] = {}
    for number, (from_ms, to_ms) in enumerate(spoken):
        meter.add(from_ms, to_ms)
        if number in takes:
            for minute_at, new in meter.take(started_at):
                seconds[minute_at] = seconds.get(minute_at, 0) + new
    for minute_at, new in meter.flush(started_at):
        seconds[minute_at] = seconds.get(minute_at, 0) + new
    assert sum(seconds.values()) == naive_union_ms(spoken) // 1000
    assert all(0 < count <= 60 and minute_at.second == 0 for minute_at, count in seconds.items())
