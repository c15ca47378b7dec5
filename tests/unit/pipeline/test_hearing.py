"""Voice activity forgets after long quiet, and what takes over has heard the last half second."""

from __future__ import annotations

from itertools import count

import numpy as np
import numpy.typing as npt

from media_server.conversation.types import WINDOW_SAMPLES
from media_server.pipeline.hearing import FORGET_AFTER_WINDOWS, INAUDIBLE, QUIET, WARM_WINDOWS, Hearing
from media_server.pipeline.listen import Listener

AUDIBLE = np.full(WINDOW_SAMPLES, 2 * INAUDIBLE, np.float32)
SILENT = np.zeros(WINDOW_SAMPLES, np.float32)


def new_hearing() -> Hearing:
    numbers = count()
    return Hearing(lambda: next(numbers))


def hear(hearing: Hearing, windows: int, probability: float, window: npt.NDArray[np.float32] = AUDIBLE) -> list[object]:
    """The states that heard the last of those windows."""
    states: list[object] = []
    for _ in range(windows):
        states = hearing.states(window)
        hearing.heard(probability)
    return states


def test_after_long_quiet_another_memory_counts_that_has_heard_the_last_half_second() -> None:
    hearing = new_hearing()
    assert hear(hearing, FORGET_AFTER_WINDOWS - WARM_WINDOWS, 0.0) == [0]
    assert hear(hearing, 1, 0.0) == [0, 1]
    assert hear(hearing, WARM_WINDOWS - 1, 0.0) == [0, 1]
    assert hear(hearing, 1, 0.0) == [1]


def test_it_forgets_again_and_again_while_it_is_quiet() -> None:
    hearing = new_hearing()
    hear(hearing, 3 * FORGET_AFTER_WINDOWS, 0.0)
    assert hearing.states(AUDIBLE) == [3]


def test_speech_keeps_the_memory() -> None:
    hearing = new_hearing()
    hear(hearing, FORGET_AFTER_WINDOWS - 1, 0.0)
    assert hear(hearing, 1, QUIET) == [0, 1]
    assert hear(hearing, 1, 0.0) == [0], "what was about to take over is gone"
    hear(hearing, FORGET_AFTER_WINDOWS - 2, 0.0)
    assert hearing.states(AUDIBLE) == [0, 2], "quiet is counted from the end of speech on"


def test_silence_that_follows_speech_is_heard_until_it_is_forgotten() -> None:
    hearing = new_hearing()
    hear(hearing, 1, 1.0)
    assert hear(hearing, FORGET_AFTER_WINDOWS, 0.0, SILENT) == [0]
    assert hear(hearing, 2 * FORGET_AFTER_WINDOWS, 0.0, SILENT) == []


def test_half_a_second_of_noise_before_it_takes_over_is_remembered_in_silence() -> None:
    hearing = new_hearing()
    hear(hearing, FORGET_AFTER_WINDOWS - 1, 0.0)
    hear(hearing, 1, 0.0, SILENT)
    assert hearing.states(SILENT) == [1]


class SecondThoughts:
    """Voice activity that hears speech wherever it is asked for more than one row."""

    def new_state(self) -> object:
        return object()

    def probabilities(self, windows: npt.NDArray[np.float32], states: list[object]) -> list[float]:
        return [0.9 if number else 0.0 for number in range(len(states))]


def test_what_the_one_that_does_not_count_thinks_changes_nothing() -> None:
    speech: list[object] = []
    listener = Listener(SecondThoughts())
    stream = listener.add_stream(speech.append)
    for number in range(3 * FORGET_AFTER_WINDOWS):
        stream.write(number * WINDOW_SAMPLES, AUDIBLE)
        listener.tick()
    assert stream.next_window() is None
    assert speech == []
