"""Endpointing: a table of probabilities in, utterances out."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_server.conversation.endpointing import Endpointer, EndpointSettings
from media_server.conversation.types import WINDOW_SAMPLES as W
from media_server.conversation.types import Speech, SpeechEnded, SpeechPaused, SpeechStarted, ms_to_samples

MAX_SAMPLES = ms_to_samples(15_000)


def heard(probabilities: list[float], settings: EndpointSettings | None = None) -> list[Speech]:
    endpointer = Endpointer(settings)
    speech: list[Speech] = []
    for number, probability in enumerate(probabilities):
        speech += endpointer.accept(probability, number * W)
    return speech


def ended(speech: list[Speech]) -> list[SpeechEnded]:
    return [event for event in speech if isinstance(event, SpeechEnded)]


def test_silence_gives_nothing() -> None:
    assert heard([0.01] * 200) == []


def test_a_click_of_two_windows_is_not_speech() -> None:
    assert heard([0.0] * 5 + [0.9] * 2 + [0.0] * 30) == []


def test_a_yes_of_a_fifth_of_a_second_is_an_utterance() -> None:
    speech = heard([0.0] * 10 + [0.9] * 6 + [0.0] * 30)
    assert speech == [SpeechStarted(10 * W), SpeechPaused(10 * W, 16 * W), SpeechEnded(10 * W, 16 * W)]


def test_speech_starts_after_three_windows_at_the_first_of_them() -> None:
    assert heard([0.0, 0.9, 0.9]) == []
    assert heard([0.0, 0.9, 0.9, 0.9]) == [SpeechStarted(W)]


def test_between_the_thresholds_speech_neither_begins_nor_ends() -> None:
    assert heard([0.4] * 50) == []
    assert heard([0.9] * 3 + [0.4] * 50) == [SpeechStarted(0)]


def test_a_pause_is_told_before_the_end() -> None:
    assert heard([0.9] * 10 + [0.0] * 4) == [SpeechStarted(0)]
    assert heard([0.9] * 10 + [0.0] * 5) == [SpeechStarted(0), SpeechPaused(0, 10 * W)]


def test_speech_that_resumes_after_a_pause_is_the_same_utterance() -> None:
    speech = heard([0.9] * 10 + [0.0] * 8 + [0.9] * 10 + [0.0] * 14)
    assert speech == [
        SpeechStarted(0),
        SpeechPaused(0, 10 * W),
        SpeechPaused(0, 28 * W),
        SpeechEnded(0, 28 * W),
    ]


def test_a_pause_of_the_hangover_ends_the_utterance() -> None:
    assert ended(heard([0.9] * 10 + [0.0] * 13)) == []
    assert ended(heard([0.9] * 10 + [0.0] * 14)) == [SpeechEnded(0, 10 * W)]


def paused(windows: int = 5) -> Endpointer:
    """Speech up to window 10, and that much silence."""
    endpointer = Endpointer()
    for number, probability in enumerate([0.9] * 10 + [0.0] * windows):
        endpointer.accept(probability, number * W)
    return endpointer


def windows_until_the_end(endpointer: Endpointer, first: int) -> int:
    return next(n for n in range(first, first + 100) if ended(endpointer.accept(0.0, n * W))) + 1


@pytest.mark.parametrize("hangover_ms", [256, 352, 448, 800])
def test_a_pause_is_as_long_as_it_is_expected_to_be(hangover_ms: int) -> None:
    endpointer = paused()
    assert endpointer.expect(10 * W, hangover_ms) == []
    assert windows_until_the_end(endpointer, 15) == 10 + hangover_ms // 32


def test_an_expectation_that_is_over_already_ends_the_utterance_at_once() -> None:
    endpointer = paused(11)
    assert endpointer.expect(10 * W, 352) == [SpeechEnded(0, 10 * W)]
    assert endpointer.expect(10 * W, 352) == []
    assert endpointer.flush(30 * W) == []


def test_an_expectation_for_another_pause_is_ignored() -> None:
    endpointer = paused()
    assert endpointer.expect(9 * W, 0) == []
    assert windows_until_the_end(endpointer, 15) == 24


def test_an_expectation_that_comes_while_somebody_speaks_is_ignored() -> None:
    endpointer = paused()
    endpointer.accept(0.9, 15 * W)
    assert endpointer.expect(16 * W, 0) == []
    assert endpointer.expect(10 * W, 0) == []


def test_an_expectation_holds_for_one_pause() -> None:
    endpointer = paused()
    endpointer.expect(10 * W, 800)
    endpointer.accept(0.9, 15 * W)
    assert windows_until_the_end(endpointer, 16) == 16 + 14


def test_an_expectation_does_not_outlive_its_utterance() -> None:
    endpointer = paused()
    endpointer.expect(10 * W, 160)
    for number in range(20, 30):
        endpointer.accept(0.9, number * W)
    assert windows_until_the_end(endpointer, 30) == 30 + 14


def test_even_an_open_pause_is_short_in_a_long_utterance() -> None:
    endpointer = Endpointer()
    for number, probability in enumerate([0.9] * 375 + [0.0] * 5):
        endpointer.accept(probability, number * W)
    endpointer.expect(375 * W, 800)
    assert windows_until_the_end(endpointer, 380) == 375 + 6


def test_a_pause_shorter_than_the_hangover_ends_a_long_utterance() -> None:
    three_seconds, eleven_seconds, quarter_second = 94, 344, 8
    assert ended(heard([0.9] * three_seconds + [0.0] * quarter_second)) == []
    assert ended(heard([0.9] * eleven_seconds + [0.0] * quarter_second)) == [SpeechEnded(0, eleven_seconds * W)]


def test_a_long_utterance_is_cut_at_its_best_pause() -> None:
    probabilities = [0.9] * 480
    probabilities[400:403] = [0.2, 0.1, 0.2]
    speech = heard(probabilities)
    assert speech == [SpeechStarted(0), SpeechEnded(0, 401 * W, is_forced=True), SpeechStarted(401 * W)]


def test_an_utterance_that_pauses_at_its_limit_ends_by_itself() -> None:
    limit = MAX_SAMPLES // W
    assert ended(heard([0.9] * (limit - 5) + [0.0] * 20)) == [SpeechEnded(0, (limit - 5) * W)]


def test_a_pause_too_old_is_not_cut_at() -> None:
    probabilities = [0.9] * 470
    probabilities[200:203] = [0.1, 0.1, 0.1]
    probabilities[430:433] = [0.6, 0.6, 0.6]
    assert ended(heard(probabilities)) == [SpeechEnded(0, 431 * W, is_forced=True)]


def test_a_pause_without_enough_speech_after_it_is_not_cut_at() -> None:
    probabilities = [0.9] * 470
    probabilities[430:433] = [0.6, 0.6, 0.6]
    probabilities[450:453] = [0.1, 0.1, 0.1]
    assert ended(heard(probabilities)) == [SpeechEnded(0, 431 * W, is_forced=True)]


def test_skipped_windows_are_silence() -> None:
    endpointer = Endpointer()
    for number in range(5):
        endpointer.accept(0.9, number * W)
    assert endpointer.accept(0.9, 100 * W) == [SpeechPaused(0, 5 * W), SpeechEnded(0, 5 * W)]


def test_a_window_from_the_past_is_refused() -> None:
    endpointer = Endpointer()
    endpointer.accept(0.1, 3 * W)
    with pytest.raises(ValueError, match="window at 512"):
        endpointer.accept(0.1, W)


def test_flush_ends_speech_where_the_stream_ends() -> None:
    endpointer = Endpointer()
    for number in range(5):
        endpointer.accept(0.9, number * W)
    assert endpointer.flush(5 * W + 100) == [SpeechEnded(0, 5 * W + 100)]
    assert endpointer.flush(6 * W) == []


def test_flush_in_a_pause_ends_speech_where_the_pause_began() -> None:
    endpointer = Endpointer()
    for number, probability in enumerate([0.9] * 5 + [0.0] * 4):
        endpointer.accept(probability, number * W)
    assert endpointer.flush(9 * W) == [SpeechEnded(0, 5 * W)]


levels = st.sampled_from([0.0, 0.1, 0.34, 0.35, 0.45, 0.5, 0.8, 1.0])
stretches = st.lists(st.tuples(levels, st.integers(1, 500)), max_size=12)
talk = stretches.map(lambda parts: [level for level, count in parts for _ in range(count)])


@given(talk)
def test_no_sample_is_in_two_utterances(probabilities: list[float]) -> None:
    endpointer = Endpointer()
    speech: list[Speech] = []
    for number, probability in enumerate(probabilities):
        speech += endpointer.accept(probability, number * W)
    speech += endpointer.flush(len(probabilities) * W)
    ends = ended(speech)
    assert all(one.end_sample <= other.start_sample for one, other in itertools.pairwise(ends))
    assert all(one.start_sample < one.end_sample for one in ends)


@given(talk)
def test_starts_and_ends_alternate_and_agree(probabilities: list[float]) -> None:
    endpointer = Endpointer()
    speech: list[Speech] = []
    for number, probability in enumerate(probabilities):
        speech += endpointer.accept(probability, number * W)
    speech += endpointer.flush(len(probabilities) * W)
    open_start: int | None = None
    for event in speech:
        match event:
            case SpeechStarted(start):
                assert open_start is None
                open_start = start
            case SpeechPaused(start, end):
                assert (open_start, end > start) == (start, True)
            case SpeechEnded(start):
                assert open_start == start
                open_start = None
    assert open_start is None


@given(talk)
def test_every_run_of_speech_long_enough_is_inside_an_utterance(probabilities: list[float]) -> None:
    endpointer = Endpointer()
    speech: list[Speech] = []
    for number, probability in enumerate(probabilities):
        speech += endpointer.accept(probability, number * W)
    speech += endpointer.flush(len(probabilities) * W)
    covered = {at for one in ended(speech) for at in range(one.start_sample // W, one.end_sample // W)}
    for number in range(len(probabilities) - 2):
        if all(p >= 0.5 for p in probabilities[number : number + 3]):
            assert {number, number + 1, number + 2} <= covered


@given(talk)
def test_a_forced_end_is_followed_by_a_start_at_the_same_sample(probabilities: list[float]) -> None:
    speech = heard(probabilities)
    for one, other in itertools.pairwise(speech):
        if isinstance(one, SpeechEnded) and one.is_forced:
            assert other == SpeechStarted(one.end_sample)


@given(talk)
def test_no_utterance_is_longer_than_its_limit_and_one_pause(probabilities: list[float]) -> None:
    assert all(
        one.end_sample - one.start_sample <= MAX_SAMPLES + ms_to_samples(480) for one in ended(heard(probabilities))
    )
