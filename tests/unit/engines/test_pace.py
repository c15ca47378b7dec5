"""How long a recognizer may take: soon given up when it hangs, waited for when it is slow."""

from __future__ import annotations

import pytest

from media_server.engines.pace import LEAST_S, MOST_S, Pace


def first(pace: Pace, audio_s: float) -> float:
    return pace.deadline_s(audio_s, is_second_try=False)


def second(pace: Pace, audio_s: float) -> float:
    return pace.deadline_s(audio_s, is_second_try=True)


def test_an_utterance_of_common_length_has_five_seconds() -> None:
    assert (first(Pace(), 0.1), first(Pace(), 6.0)) == (LEAST_S, LEAST_S)


def test_long_audio_has_longer_and_nothing_has_more_than_the_most() -> None:
    assert first(Pace(), 15.0) == pytest.approx(12.0)
    assert first(Pace(), 1000.0) == MOST_S


@pytest.mark.parametrize("audio_s", [0.5, 4.0, 15.0])
def test_a_second_try_is_long_enough_for_a_third_of_real_time(audio_s: float) -> None:
    assert second(Pace(), audio_s) > audio_s / 0.3


@pytest.mark.parametrize("audio_s", [0.5, 2.0, 5.0, 15.0])
def test_a_slow_machine_is_soon_waited_for(audio_s: float) -> None:
    pace, given_up = Pace(), 0
    for _ in range(20):
        took_s = audio_s / 0.3
        if took_s > (deadline_s := first(pace, audio_s)):
            given_up += 1
            took_s = deadline_s
        pace.note(audio_s, took_s)
    assert given_up <= 3
    assert first(pace, audio_s) > audio_s / 0.3


def test_a_hang_is_forgotten_after_some_answers() -> None:
    pace = Pace()
    pace.note(2.0, first(pace, 2.0))
    assert first(pace, 2.0) > LEAST_S
    for _ in range(5):
        pace.note(2.0, 0.2)
    assert first(pace, 2.0) == LEAST_S
