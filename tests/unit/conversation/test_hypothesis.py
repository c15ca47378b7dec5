"""Local agreement: what is stable stays."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from media_server.conversation.hypothesis import SETTLED_CONFIDENCE, SETTLED_MS, Draft, LocalAgreement, taken_back


def settle(*texts: str, step_ms: int = SETTLED_MS) -> tuple[str, str]:
    agreement = LocalAgreement()
    shown = [agreement.update(text, number * step_ms, 1.0) for number, text in enumerate(texts)]
    return shown[-1]


def test_one_hypothesis_alone_settles_nothing() -> None:
    assert settle("We can start on Monday") == ("", "We can start on Monday")


def test_words_on_which_hypotheses_agreed_for_long_enough_are_stable() -> None:
    assert settle("We can start on Sunday", "We can start on Monday morning") == ("We can start on", "Monday morning")


def test_agreement_that_did_not_last_settles_nothing() -> None:
    assert settle("We can start", "We can start now", step_ms=SETTLED_MS - 1) == ("", "We can start now")


def test_every_hypothesis_of_that_time_must_agree() -> None:
    agreement = LocalAgreement()
    agreement.update("We can start", 0, 1.0)
    agreement.update("He can start", SETTLED_MS // 2, 1.0)
    assert agreement.update("We can start now", SETTLED_MS, 1.0) == ("", "We can start now")
    assert agreement.update("We can start now", SETTLED_MS + SETTLED_MS // 2, 1.0)[0] == ""
    assert agreement.update("We can start now", 2 * SETTLED_MS, 1.0)[0] == "We can start"


def test_no_word_settles_while_one_of_them_is_doubtful() -> None:
    agreement = LocalAgreement()
    agreement.update("We can start", 0, SETTLED_CONFIDENCE - 0.01)
    assert agreement.update("We can start now", SETTLED_MS, 1.0)[0] == ""
    assert agreement.update("We can start now", SETTLED_MS + 1, SETTLED_CONFIDENCE)[0] == ""
    assert agreement.update("We can start now", 2 * SETTLED_MS, 1.0)[0] == "We can start"


def test_the_full_stop_of_a_cut_does_not_hinder_agreement() -> None:
    assert settle("We can start.", "We can start on Monday.") == ("We can start", "on Monday.")


def test_the_last_word_stays_unstable_because_it_may_be_cut() -> None:
    assert settle("We can", "We can") == ("We", "can")
    assert settle("We can", "We can", "We can't start") == ("We", "can't start")


def test_a_shorter_hypothesis_takes_nothing_back() -> None:
    assert settle("one two three four", "one two three four", "") == ("one two three", "")


def test_words_that_are_missing_in_the_final_were_taken_back() -> None:
    assert taken_back("We can start", "we can start, on Monday.") == 0
    assert taken_back("We can start on Sunday", "We can start on Monday.") == 1
    assert taken_back("on the other hand", "the other hand") == 1
    assert taken_back("", "We can start") == 0


texts = st.lists(st.sampled_from(["a", "b", "A.", "c", "d"]), max_size=8).map(" ".join)


@given(st.lists(st.tuples(texts, st.integers(0, SETTLED_MS)), max_size=10))
def test_stable_words_are_never_taken_back(hypotheses: list[tuple[str, int]]) -> None:
    agreement = LocalAgreement()
    before, end_ms = "", 0
    for text, step_ms in hypotheses:
        end_ms += step_ms
        stable, _ = agreement.update(text, end_ms, 1.0)
        assert stable.startswith(before)
        before = stable


@given(texts, texts)
def test_stable_and_unstable_words_together_are_as_many_as_the_hypothesis(one: str, other: str) -> None:
    stable, unstable = settle(one, other)
    assert len(f"{stable} {unstable}".split()) == len(other.split())


@dataclass(frozen=True)
class Word:
    text: str
    start_s: float
    end_s: float


SECOND = 16_000
SETTLED = SETTLED_MS * 16
SPOKEN = (Word(" We", 0.0, 0.3), Word(" can", 0.3, 0.5), Word(" start", 0.7, 1.1), Word(" on", 1.1, 1.3))


def test_settled_words_are_left_out_of_what_is_decoded_next() -> None:
    draft = Draft(audio_start=SECOND)
    draft.add("We can start on", (), 2 * SECOND, 1.0)
    shown = draft.add("We can start on", SPOKEN, 2 * SECOND + SETTLED, 1.0)
    assert shown == ("We can start", "on")
    assert draft.audio_start == SECOND + round(0.6 * SECOND)  # the middle of the longest pause behind a settled word
    assert draft.add("start on Monday", (), 3 * SECOND + SETTLED, 1.0) == ("We can start on", "Monday")


def test_nothing_is_left_out_before_it_is_settled() -> None:
    draft = Draft(audio_start=0)
    assert draft.add("We can start on", SPOKEN, 2 * SECOND, 1.0) == ("", "We can start on")
    assert draft.audio_start == 0


def test_a_guess_at_the_whole_utterance_stands_for_itself() -> None:
    draft = Draft(audio_start=0)
    draft.add("We can start on", (), SECOND, 1.0)
    draft.add("We can start on", SPOKEN, SECOND + SETTLED, 1.0)
    kept_from = draft.audio_start
    assert draft.add_whole("We can start on Monday.", 2 * SECOND + SETTLED, 1.0) == ("We can start on", "Monday.")
    assert draft.audio_start == kept_from


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, SETTLED_MS)), min_size=1, max_size=12))
def test_no_word_is_lost_or_doubled_where_the_audio_is_cut(steps: list[tuple[int, int]]) -> None:
    """A recognizer that hears every word of a second exactly where it is."""
    draft, said, end = Draft(audio_start=0), 0, 0
    for more, pause_ms in steps:
        said, end = said + more, end + more * SECOND + pause_ms * 16
        first = -(-draft.audio_start // SECOND)
        heard = [Word(f" w{number}", number - draft.audio_start / SECOND, 0.0) for number in range(first, said)]
        words = tuple(Word(word.text, word.start_s, word.start_s + 0.9) for word in heard)
        stable, unstable = draft.add("".join(word.text for word in words).strip(), words, end, 1.0)
        assert f"{stable} {unstable}".split() == [f"w{number}" for number in range(said)]
