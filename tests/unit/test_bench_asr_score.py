"""When a final is there, for us and for every peer: what counts as delivered, as late, as wrong."""

from __future__ import annotations

import numpy as np
import pytest

from deploy.bench.asr_score import Message, scores
from deploy.bench.clips import Clip
from deploy.bench.word_errors import interval, word_error_rate


def clip(text: str, start_s: float = 0.5, end_s: float = 3.0) -> Clip:
    return Clip("c", np.zeros(16_000, np.float32), text, start_s, end_s)


TWO = [clip("how much does it cost us"), clip("we will see about that")]
STARTS_S = [0.0, 6.0]


def test_a_final_is_there_when_committed_text_holds_the_last_word() -> None:
    messages = [
        Message(2.0, (), "How much does"),
        Message(3.4, ("How much does it",), "cost us"),
        Message(3.9, ("How much does it cost us?",)),
    ]
    [first] = scores(TWO[:1], STARTS_S[:1], messages)
    assert first.final_s == pytest.approx(0.9)
    assert first.first_text_s == pytest.approx(1.5)
    assert first.errors.errors == 0


def test_each_clip_has_its_own_clock() -> None:
    messages = [
        Message(3.5, ("How much does it cost us",)),
        Message(9.75, ("How much does it cost us we will see about that",)),
    ]
    first, second = scores(TWO, STARTS_S, messages)
    assert (first.final_s, second.final_s) == (pytest.approx(0.5), pytest.approx(0.75))


def test_another_last_word_still_ends_a_clip() -> None:
    [first] = scores(TWO[:1], STARTS_S[:1], [Message(3.5, ("How much does it cost them",))])
    assert first.final_s == pytest.approx(0.5)
    assert (first.errors.substituted, first.errors.words) == (1, 6)


def test_a_last_word_that_is_never_heard_is_an_error_and_no_delay() -> None:
    [first] = scores(
        TWO[:1], STARTS_S[:1], [Message(3.2, ("How much does it",)), Message(3.6, ("How much does it cost",))]
    )
    assert first.final_s == pytest.approx(0.6)
    assert first.errors.deleted == 1


def test_a_wrong_last_word_is_not_taken_for_one_of_the_next_clip() -> None:
    """From the left, "us" stands for "closed" and "close" is inserted: as few errors, six seconds later."""
    clips = [clip("how much of us"), clip("closet and that is that")]
    messages = [
        Message(3.4, ("how much of close",)),
        Message(9.5, ("how much of close", "closed it and that is that")),
    ]
    first, second = scores(clips, STARTS_S, messages)
    assert (first.final_s, second.final_s) == (pytest.approx(0.4), pytest.approx(0.5))


def test_a_clip_of_which_less_than_half_is_right_was_not_delivered() -> None:
    [first] = scores(TWO[:1], STARTS_S[:1], [Message(3.5, ("so many dogs in there us",))])
    assert first.final_s is None


def test_a_clip_that_never_ends_was_not_delivered_and_its_words_are_missing() -> None:
    first, second = scores(
        TWO,
        STARTS_S,
        [Message(3.5, ("How much does it cost us",)), Message(20.0, ("How much does it cost us we will",))],
    )
    assert first.final_s is not None
    assert second.final_s is None
    assert second.errors.deleted == 3


def test_text_that_comes_before_the_end_of_speech_is_no_final() -> None:
    [first] = scores(TWO[:1], STARTS_S[:1], [Message(2.0, ("how much does it cost us",))])
    assert first.final_s is None


def test_a_clip_that_is_not_spoken_yet_gets_no_words() -> None:
    same = [clip("yes we do that"), clip("yes we do that")]
    _, second = scores(same, STARTS_S, [Message(3.2, ("yes we do that",))])
    assert second.first_text_s is None


def test_numbers_that_follow_each_other_stay_apart() -> None:
    digits = [clip("number five"), clip("zero")]
    first, second = scores(digits, STARTS_S, [Message(3.5, ("Number 5.",)), Message(9.6, ("Number 5.", "Zero."))])
    assert (first.final_s, second.final_s) == (pytest.approx(0.5), pytest.approx(0.6))
    assert first.errors.errors + second.errors.errors == 0


def test_an_unclear_last_word_is_not_looked_for_in_the_next_clip() -> None:
    twice = [clip("he said go to thy"), clip("the egyptian background")]
    messages = [Message(3.9, ("He said go to the",)), Message(9.5, ("He said go to the", "the Egyptian background."))]
    assert [score.final_s for score in scores(twice, STARTS_S, messages)] == [pytest.approx(0.9), pytest.approx(0.5)]


def test_invented_words_count_where_they_stand() -> None:
    first, second = scores(
        TWO, STARTS_S, [Message(12.0, ("how much does it cost us thank you we will see about that",))]
    )
    assert first.errors.inserted + second.errors.inserted == 2


def test_an_interval_holds_its_rate_and_narrows_with_clips() -> None:
    counts = [
        score.errors for score in scores(TWO, STARTS_S, [Message(12.0, ("how much is it cost us we will see that",))])
    ]
    rate = word_error_rate(counts)
    low, high = interval(counts)
    assert low <= rate <= high
    many_low, many_high = interval(counts * 50)
    assert many_high - many_low < high - low
