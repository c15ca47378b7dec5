"""Audio that came before its time: told once, forgiven in time, enough in the end."""

from __future__ import annotations

from media_server.conversation.pace import Pace

SECOND = 16_000


def test_more_than_the_most_is_enough() -> None:
    pace = Pace(most_s=20)
    for _ in range(20):
        pace.drop(SECOND, now_s=100.0)
    assert not pace.is_enough
    pace.drop(SECOND // 50, now_s=100.0)
    assert pace.is_enough


def test_the_first_drop_is_told_once() -> None:
    pace = Pace(most_s=20)
    assert not pace.take_news()
    pace.drop(SECOND, now_s=100.0)
    assert pace.take_news()
    pace.drop(SECOND, now_s=101.0)
    assert not pace.take_news()


def test_a_tenth_of_real_time_is_forgiven() -> None:
    slow, quick = Pace(most_s=20), Pace(most_s=20)
    for second in range(1_000):
        slow.drop(SECOND // 11, now_s=float(second))
        quick.drop(SECOND // 8, now_s=float(second))
    assert not slow.is_enough
    assert quick.is_enough
