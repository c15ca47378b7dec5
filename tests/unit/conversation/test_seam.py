"""Words around a forced cut are said once, whatever both sides heard of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_server.conversation.seam import joined, split

CUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Word:
    text: str
    start_s: float
    end_s: float


def heard(text: str, start_s: float, step_s: float = 0.3) -> list[Word]:
    """One word after the other."""
    return [
        Word(f" {word}", start_s + at * step_s, start_s + (at + 1) * step_s) for at, word in enumerate(text.split())
    ]


def both(earlier: list[Word], later: list[Word]) -> str:
    told, seam = split(earlier, CUT_S)
    rest = joined(seam, later)
    assert rest is not None
    return " ".join(word.text.strip() for word in (*told, *rest))


def test_words_that_both_sides_heard_are_said_once() -> None:
    earlier = heard("we ship on monday and you pay on friday", 8.8)
    later = heard("on monday and you pay on friday and that is all", 9.4)
    assert both(earlier, later) == "we ship on monday and you pay on friday and that is all"


def test_case_and_punctuation_do_not_count() -> None:
    earlier = heard("we ship on Monday.", 8.9)
    later = heard("ship on monday, and you pay", 9.2)
    assert both(earlier, later) == "we ship on Monday. and you pay"


@pytest.mark.parametrize("off_s", [-0.4, -0.2, 0.2, 0.4])
def test_times_may_be_vague(off_s: float) -> None:
    earlier = heard("we ship on monday and you pay on friday", 8.8)
    later = heard("ship on monday and you pay on friday and that is all", 9.1 + off_s)
    assert both(earlier, later) == "we ship on monday and you pay on friday and that is all"


def test_the_word_at_the_cut_that_the_later_side_lacks_is_not_lost() -> None:
    earlier = heard("we ship on monday and you pay", 8.8)
    later = [*heard("we ship on", 8.8), *heard("and you pay on friday", 10.0)]
    assert both(earlier, later) == "we ship on monday and you pay on friday"


def test_words_after_the_cut_that_the_earlier_side_lacks_are_not_lost() -> None:
    earlier = [*heard("until the period", 9.1), *heard("my fellow", 10.7)]
    later = heard("the period and so my fellow americans", 9.4)
    assert both(earlier, later) == "until the period and so my fellow americans"


def test_nor_if_the_word_before_them_differs() -> None:
    earlier = [*heard("until the beard", 9.1), *heard("my fellow", 10.7)]
    later = heard("the period and so my fellow americans", 9.4)
    assert both(earlier, later) == "until the beard and so my fellow americans"


def test_of_two_readings_after_the_cut_that_of_whom_knows_the_sentence_counts() -> None:
    earlier = heard("hold out patience is genius", 9.4)
    later = [*heard("hold out paints and it says", 9.4, 0.25), *heard("genius now", 10.7)]
    assert both(earlier, later) == "hold out patience is genius now"


def test_a_later_side_that_has_not_heard_what_was_told_is_recognized_alone() -> None:
    _, seam = split(heard("until the period", 9.1), CUT_S)
    assert joined(seam, heard("so my fellow americans", 8.9)) is None


def test_what_is_heard_from_the_cut_on_begins_with_the_word_that_the_earlier_side_heard_there() -> None:
    _, seam = split(heard("the wizard who had vanished", 9.4), CUT_S)
    rest = joined(replace(seam, told=()), heard("had vanished behind the curtain", 10.3))
    assert " ".join(word.text.strip() for word in rest or ()) == "who had vanished behind the curtain"


def test_the_word_at_the_cut_that_both_understand_differently_is_said_once() -> None:
    earlier = heard("we ship on sunday and you pay", 8.8)
    later = heard("we ship on some day and you pay on friday", 8.8, 0.25)
    assert both(earlier, later) == "we ship on sunday and you pay on friday"


@pytest.mark.parametrize("off_s", [0.0, 0.1])
def test_a_word_before_the_cut_that_differs_is_not_said_again(off_s: float) -> None:
    earlier = heard("the price is fifty", 8.9)
    later = heard("the price is fifteen dollars", 8.9 + off_s)
    assert both(earlier, later) == "the price is fifty dollars"


def test_what_the_earlier_side_only_half_heard_is_taken_from_the_later_one() -> None:
    earlier = heard("and you pay on fry", 9.0)
    later = heard("you pay on friday and that is all", 9.3)
    assert both(earlier, later) == "and you pay on friday and that is all"


def test_repetitions_around_the_cut_stay_as_many_as_they_were() -> None:
    earlier = heard("yes yes yes yes", 9.4)
    later = heard("yes yes yes yes yes no", 9.4)
    assert both(earlier, later) == "yes yes yes yes yes no"


def test_a_word_far_from_the_other_is_another_word() -> None:
    earlier = heard("one two three", 9.1)
    later = [*heard("one two three", 9.1), *heard("three four", 10.9)]
    assert both(earlier, later) == "one two three three four"


def test_where_the_earlier_side_heard_nothing_the_cut_decides() -> None:
    assert both([], heard("one two three four", 9.5)) == "three four"


def test_the_earlier_sides_words_after_the_cut_are_not_told_early() -> None:
    told, seam = split(heard("one two three four", 9.5), CUT_S)
    assert ([word.text for word in told], [word.text for word in seam.ahead]) == ([" one", " two"], [" three", " four"])


@given(
    st.lists(st.sampled_from(["the", "a", "and", "to", "of", "yes", "no", "price"]), min_size=1, max_size=40),
    st.floats(0.12, 0.6),
    st.floats(-0.05, 0.05),
)
def test_two_sides_that_heard_the_same_lose_and_double_nothing(words: list[str], step_s: float, off_s: float) -> None:
    said = heard(" ".join(words), CUT_S - 2.5, step_s)
    earlier = [word for word in said if word.end_s <= CUT_S + 2.5]
    later = [Word(word.text, word.start_s + off_s, word.end_s + off_s) for word in said if word.start_s >= CUT_S - 2.5]
    assert both(earlier, later).split() == words
