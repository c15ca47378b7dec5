"""Lag is told when it begins and when it is over."""

from media_server.conversation.lag import BEHIND_MS, CAUGHT_UP_MS, Lag


def test_a_usual_lag_is_no_news() -> None:
    lag = Lag()
    assert not any(lag.is_news(ms) for ms in (0, 400, BEHIND_MS))


def test_falling_behind_is_told_once() -> None:
    lag = Lag()
    assert [lag.is_news(ms) for ms in (0, BEHIND_MS + 1, 9_000, BEHIND_MS, CAUGHT_UP_MS + 1)] == [
        False, True, False, False, False,
    ]  # fmt: skip


def test_catching_up_is_told_once() -> None:
    lag = Lag()
    lag.is_news(BEHIND_MS + 1)
    assert [lag.is_news(ms) for ms in (CAUGHT_UP_MS, 0, 0)] == [True, False, False]
