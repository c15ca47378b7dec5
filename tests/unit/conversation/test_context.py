"""What was said just before an utterance: near, short, whole words, and all that is known of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from media_server.conversation.context import LEAD_S, LONGEST_S, NEAR_S, Told, context
from media_server.engines.protocols import RecognizedWord


def told(start_s: float, *texts: str, language: str = "en") -> Told:
    """A word every half second, each 0.4 s long."""
    words = [
        RecognizedWord(f" {text}", start_s + number / 2, start_s + number / 2 + 0.4, 0.9)
        for number, text in enumerate(texts)
    ]
    return Told(start_s, start_s + len(texts) / 2 - 0.1, words, language)


ANSWERED = told(10.0, "Answered", "he.")


def test_what_was_said_just_before_is_context_with_some_room_before_its_first_word() -> None:
    assert context([ANSWERED], 11.5, 13.0, "en") == (10.0 - LEAD_S, " Answered he.")


def test_nothing_was_said_before() -> None:
    assert context([], 11.5, 13.0, "en") is None


@pytest.mark.parametrize(("gap_s", "is_context"), [(NEAR_S, True), (NEAR_S + 0.01, False)])
def test_what_is_farther_away_is_no_context(gap_s: float, is_context: bool) -> None:
    found = context([ANSWERED], ANSWERED.end_s + gap_s, ANSWERED.end_s + gap_s + 1, "en")
    assert (found is not None) == is_context


def test_several_utterances_are_context_when_each_is_near_to_the_next() -> None:
    first, second = told(8.0, "He", "asked."), told(9.5, "Nobody", "knew.")
    assert context([second, first], 11.0, 12.0, "en") == (8.0 - LEAD_S, " He asked. Nobody knew.")
    far = told(6.0, "He", "asked.")
    assert context([second, far], 11.0, 12.0, "en") == (9.5 - LEAD_S, " Nobody knew.")


@pytest.mark.parametrize(
    "unknown",
    [
        pytest.param(Told(9.5, 10.4), id="not known yet, or dropped"),
        pytest.param(told(9.5, "Niemand", "wusste.", language="de"), id="another language"),
    ],
)
def test_an_utterance_that_cannot_be_relied_on_ends_it(unknown: Told) -> None:
    first, last = told(8.0, "He", "asked."), told(10.5, "Then", "she")
    assert context([unknown, first], 11.0, 12.0, "en") is None
    begins_s, text = context([last, unknown, first], 11.7, 12.0, "en") or (0.0, "")
    assert (text, unknown.end_s <= begins_s <= 10.5) == (" Then she", True)


def test_any_language_goes_while_none_is_expected() -> None:
    assert context([replace(ANSWERED, language="de")], 11.5, 13.0, None) is not None


def test_it_begins_between_two_words_and_is_no_longer_than_can_be_heard_at_once() -> None:
    long = told(4.0, *(f"w{number}" for number in range(14)))
    begins_s, text = context([long], 11.0, 14.0, "en") or (0.0, "")
    words = text.split()
    assert words[-1] == "w13"
    first = long.words[14 - len(words)]
    assert begins_s == pytest.approx(first.start_s - 0.05)
    assert 14.0 - begins_s <= LONGEST_S
    assert 14.0 - long.words[13 - len(words)].start_s + LEAD_S > LONGEST_S


def test_a_long_utterance_has_none() -> None:
    assert context([ANSWERED], 11.5, 11.5 + LONGEST_S, "en") is None


def test_words_whose_times_touch_are_not_cut_into() -> None:
    touching = [RecognizedWord(" a", 9.0, 9.5, 0.9), RecognizedWord(" b", 9.5, 10.0, 0.9)]
    assert context([Told(9.0, 10.0, touching, "en")], 10.0, 17.0, "en") == (9.5, " b")
