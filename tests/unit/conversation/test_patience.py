"""What waits is given up when it would come too late, and not before."""

from __future__ import annotations

import pytest

from media_server.conversation.ladder import LEVELS, UP_LAG_S, Level
from media_server.conversation.patience import FRESH_S, PATIENCE_S, PATIENCE_UNDER_OVERLOAD_S, is_hopeless, is_too_late

CALM: list[Level] = [level for level in LEVELS if level != "metrics_only"]


def both_sides(limit_s: float, work_s: float, level: Level) -> tuple[bool, bool]:
    return is_too_late(limit_s - 0.01, work_s, level), is_too_late(limit_s + 0.01, work_s, level)


@pytest.mark.parametrize("level", CALM)
def test_it_must_be_out_in_time(level: Level) -> None:
    assert both_sides(PATIENCE_S, 0.0, level) == (False, True)
    assert both_sides(PATIENCE_S - 1.5, 1.5, level) == (False, True)


def test_under_overload_it_is_given_up_sooner() -> None:
    assert both_sides(PATIENCE_UNDER_OVERLOAD_S - 0.5, 0.5, "metrics_only") == (False, True)


@pytest.mark.parametrize("level", LEVELS)
def test_however_long_it_takes_it_has_a_moment_to_find_an_idle_worker(level: Level) -> None:
    assert both_sides(FRESH_S, 100.0, level) == (False, True)


def test_what_takes_longer_than_anybody_waits_is_hopeless() -> None:
    assert [is_hopeless(PATIENCE_S - 0.01), is_hopeless(PATIENCE_S + 0.01)] == [False, True]


def test_nothing_is_given_up_before_the_last_level_says_so() -> None:
    assert UP_LAG_S[-1] < PATIENCE_S
    assert UP_LAG_S[-1] / 2 < PATIENCE_UNDER_OVERLOAD_S
