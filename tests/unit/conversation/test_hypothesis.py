"""Local agreement: what is stable stays."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media_server.conversation.hypothesis import LocalAgreement


def test_one_hypothesis_alone_settles_nothing() -> None:
    assert LocalAgreement().update("We can start on Monday") == ("", "We can start on Monday")


def test_words_that_two_hypotheses_agree_on_are_stable() -> None:
    agreement = LocalAgreement()
    agreement.update("We can start on Sunday")
    assert agreement.update("We can start on Monday morning") == ("We can start on", "Monday morning")


def test_the_full_stop_of_a_cut_does_not_hinder_agreement() -> None:
    agreement = LocalAgreement()
    agreement.update("We can start.")
    assert agreement.update("We can start on Monday.") == ("We can start", "on Monday.")


def test_the_last_word_stays_unstable_because_it_may_be_cut() -> None:
    agreement = LocalAgreement()
    agreement.update("We can")
    assert agreement.update("We can") == ("We", "can")
    assert agreement.update("We can't start") == ("We", "can't start")


def test_a_shorter_hypothesis_takes_nothing_back() -> None:
    agreement = LocalAgreement()
    agreement.update("one two three four")
    agreement.update("one two three four")
    assert agreement.update("") == ("one two three", "")


texts = st.lists(st.sampled_from(["a", "b", "A.", "c", "d"]), max_size=8).map(" ".join)


@given(st.lists(texts, max_size=10))
def test_stable_words_are_never_taken_back(hypotheses: list[str]) -> None:
    agreement = LocalAgreement()
    before = ""
    for hypothesis in hypotheses:
        stable, _ = agreement.update(hypothesis)
        assert stable.startswith(before)
        before = stable


@given(texts, texts)
def test_stable_and_unstable_words_together_are_as_many_as_the_hypothesis(one: str, other: str) -> None:
    agreement = LocalAgreement()
    agreement.update(one)
    stable, unstable = agreement.update(other)
    assert len(f"{stable} {unstable}".split()) == len(other.split())
