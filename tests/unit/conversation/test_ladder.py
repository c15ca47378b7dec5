"""The ladder goes up with the lag at once, comes down in calm, and does not flutter between."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from media_server.conversation.ladder import (
    CALM_S,
    LEVELS,
    ROOM,
    STEP_S,
    UP_LAG_S,
    UP_PARTIAL_S,
    WORK,
    Ladder,
    Level,
    Load,
)
from media_server.conversation.patience import PATIENCE_S, PATIENCE_UNDER_OVERLOAD_S

LOOK_S = 0.1
RECOVERED_S = 10.0


def at(level: Level) -> Ladder:
    """A ladder that just went up to this level."""
    ladder = Ladder()
    if level != "full":
        ladder.look(Load(UP_LAG_S[LEVELS.index(level) - 1], 0.0, 1.0), 0.0)
    assert ladder.level == level
    return ladder


def levels(ladder: Ladder, loads: list[Load], from_s: float = LOOK_S) -> list[Level]:
    return [ladder.look(load, round(from_s + number * LOOK_S, 3)) for number, load in enumerate(loads)]


@pytest.mark.parametrize(("number", "lag_s"), list(enumerate(UP_LAG_S, start=1)))
def test_each_level_begins_at_its_lag(number: int, lag_s: float) -> None:
    assert Ladder().look(Load(lag_s - 0.01, 0.0, 1.0), 0.0) == LEVELS[number - 1]
    assert Ladder().look(Load(lag_s, 0.0, 1.0), 0.0) == LEVELS[number]


def test_the_last_level_is_reached_before_anything_is_given_up() -> None:
    assert UP_LAG_S[-1] < PATIENCE_S


def test_partials_that_are_waited_for_lead_to_the_second_level_and_no_further() -> None:
    ladder = Ladder()
    assert ladder.look(Load(0.0, UP_PARTIAL_S - 0.01, 1.0), 0.0) == "full"
    assert levels(ladder, [Load(0.0, 10.0, 1.0)] * 100)[-1] == "coalesced"


@pytest.mark.parametrize("seed", range(20))
def test_under_rising_lag_it_never_goes_down(seed: int) -> None:
    draw = random.Random(seed)
    lags = sorted(draw.uniform(0.0, 8.0) for _ in range(300))
    seen = [LEVELS.index(one) for one in levels(Ladder(), [Load(lag, draw.random(), draw.random()) for lag in lags])]
    assert seen == sorted(seen)
    assert seen[-1] == len(LEVELS) - 1


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("threshold_s", UP_LAG_S)
def test_a_noisy_lag_around_a_threshold_changes_the_level_once(threshold_s: float, seed: int) -> None:
    draw = random.Random(seed)
    loads = [Load(draw.uniform(0.55, 1.4) * threshold_s, 0.0, 0.3) for _ in range(1000)]
    seen = levels(Ladder(), loads)
    changes = sum(before != after for before, after in pairwise(seen))
    assert changes <= 1
    assert seen[-1] == LEVELS[UP_LAG_S.index(threshold_s) + 1]


@pytest.mark.parametrize("level", LEVELS)
def test_when_there_is_nothing_left_to_do_it_is_at_the_first_level_in_time(level: Level) -> None:
    ladder = at(level)
    seen = levels(ladder, [Load(0.0, 0.0, 0.1)] * int((RECOVERED_S - PATIENCE_S) / LOOK_S))
    assert seen[-1] == "full"


def test_it_comes_down_only_after_calm_without_a_break() -> None:
    ladder, calm, rough = at("coalesced"), Load(0.0, 0.0, 0.0), Load(UP_LAG_S[0] / 2, 0.0, 0.0)
    nearly = int(CALM_S / LOOK_S) - 1
    assert set(levels(ladder, ([calm] * nearly + [rough]) * 10)) == {"coalesced"}


@pytest.mark.parametrize("rung", range(1, len(LEVELS)))
def test_it_stays_where_the_work_that_would_come_back_has_no_room(rung: int) -> None:
    full = ROOM * WORK[rung] / WORK[rung - 1]
    for busy, expected in ((full + 0.01, LEVELS[rung]), (full - 0.01, LEVELS[rung - 1])):
        ladder = at(LEVELS[rung])
        assert levels(ladder, [Load(0.0, 0.0, min(1.0, busy))] * int(CALM_S / LOOK_S + 3))[-1] == expected


def test_while_finals_are_given_up_it_stays() -> None:
    gave_up, calm = Load(0.0, 0.0, 0.1, is_giving_up=True), Load(0.0, 0.0, 0.1)
    looks = [gave_up, *[calm] * (int(CALM_S / LOOK_S) - 1)]
    assert set(levels(at("metrics_only"), looks * 10)) == {"metrics_only"}


def test_it_comes_down_no_further_than_the_highest_lag_of_the_calm_says() -> None:
    calm = [Load(0.0, 0.0, 0.1)] * (int(CALM_S / LOOK_S) - 1)
    assert levels(at("metrics_only"), [Load(UP_LAG_S[0] / 2, 0.0, 0.1), *calm, Load(0.0, 0.0, 0.1)])[-1] == "coalesced"
    assert (
        levels(at("metrics_only"), [Load(UP_LAG_S[1] / 2, 0.0, 0.1), *calm, Load(0.0, 0.0, 0.1)])[-1] == "finals_only"
    )


@pytest.mark.parametrize("lag_s", [UP_LAG_S[0] / 2, UP_LAG_S[1] / 2, UP_LAG_S[2] / 2 - 0.01])
def test_a_step_that_its_calm_does_not_lead_to_is_made_a_step_later(lag_s: float) -> None:
    calm = [Load(0.0, 0.0, 0.1)] * int((RECOVERED_S - PATIENCE_UNDER_OVERLOAD_S) / LOOK_S)
    assert levels(at("metrics_only"), [Load(lag_s, 0.0, 0.1), *calm])[-1] == "full"


def test_it_comes_down_as_far_as_there_is_room_at_once() -> None:
    ladder = at("metrics_only")
    room_for_partials = ROOM * WORK[3] / WORK[1] - 0.01
    looks = int(max(CALM_S, STEP_S) / LOOK_S) + 2
    assert levels(ladder, [Load(0.0, 0.0, room_for_partials)] * looks)[-1] == "coalesced"


def changes_in_a_minute(lags_s: list[float]) -> int:
    """Of a lag that repeats itself, on a machine that has time between."""
    loads = [Load(lags_s[number % len(lags_s)], 0.0, 0.2) for number in range(int(60 / LOOK_S))]
    return sum(before != after for before, after in pairwise(levels(Ladder(), loads)))


def test_a_lag_that_comes_and_goes_changes_the_level_a_few_times_and_then_no_more() -> None:
    """One slow utterance every four seconds: at first it looks over each time."""
    every_four_seconds = [*[1.5] * 10, *[0.0] * 30]
    assert changes_in_a_minute(every_four_seconds) <= 6


def test_after_any_relapses_it_recovers_in_time() -> None:
    ladder = Ladder()
    levels(ladder, ([Load(5.0, 0.0, 1.0)] * 10 + [Load(0.0, 0.0, 0.1)] * 60) * 5)
    ladder.look(Load(5.0, 0.0, 1.0), 1_000.0)
    left_s = RECOVERED_S - PATIENCE_UNDER_OVERLOAD_S
    assert levels(ladder, [Load(0.0, 0.0, 0.1)] * int(left_s / LOOK_S), 1_000.1)[-1] == "full"
