"""A bucket lets a burst through at once, and a steady rate for ever."""

import pytest

from media_server.rtc.token_bucket import TokenBucket


def test_a_burst_passes_at_once_and_no_more() -> None:
    bucket = TokenBucket(per_s=10, burst=3, now_s=100.0)
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]


def test_it_refills_at_its_rate_up_to_the_burst() -> None:
    bucket = TokenBucket(per_s=10, burst=3, now_s=0.0)
    for _ in range(3):
        bucket.take(0.0)
    assert [bucket.take(0.1), bucket.take(0.1)] == [True, False]
    assert [bucket.take(60.0) for _ in range(4)] == [True, True, True, False]


@pytest.mark.parametrize(("rate", "passed"), [(10, 1_000), (11, 1_000)])
def test_a_steady_rate_passes_for_ever_and_what_is_above_it_does_not(rate: int, passed: int) -> None:
    bucket = TokenBucket(per_s=10, burst=10, now_s=0.0)
    taken = sum(bucket.take(n / rate) for n in range(100 * rate))
    assert taken == pytest.approx(passed, abs=10)


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket = TokenBucket(per_s=10, burst=1, now_s=10.0)
    assert bucket.take(10.0)
    assert not bucket.take(5.0)
