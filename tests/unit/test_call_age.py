"""When a call is warned of its end, and when it ends."""

from __future__ import annotations

from media_server.call_age import CallAge


def test_a_long_call_is_warned_once_and_ends() -> None:
    age = CallAge(3600, 300)
    looks = [age.look(at_s) for at_s in (0, 3299.9, 3300, 3301, 3599.9, 3600, 3601)]
    assert looks == [None, None, "warn", None, None, "end", "end"]


def test_a_short_one_is_warned_after_most_of_it() -> None:
    age = CallAge(100, 300)
    assert [age.look(at_s) for at_s in (0, 89.9, 90, 100)] == [None, None, "warn", "end"]


def test_one_that_is_older_already_ends_without_a_warning() -> None:
    assert CallAge(100, 10).look(1_000) == "end"


def test_without_a_limit_it_lasts() -> None:
    age = CallAge(0, 300)
    assert [age.look(at_s) for at_s in (0, 10**9)] == [None, None]
