"""Figures of a conversation, speech still going on included."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_server.conversation.dialogue import Dialogue
from media_server.conversation.types import Utterance


def said(dialogue: Dialogue, who: str, start_ms: int, end_ms: int, text: str) -> None:
    dialogue.speech_started(who, start_ms)
    dialogue.speech_ended(who, start_ms, end_ms)
    dialogue.transcript(Utterance(f"{who}{start_ms}", who, who, start_ms, end_ms, text))


def test_talk_ratios_are_shares_of_all_talk() -> None:
    dialogue = Dialogue()
    said(dialogue, "Anna", 0, 6_000, "Hello.")
    said(dialogue, "David", 10_000, 12_000, "Hello.")
    assert dialogue.metrics.figures("Anna", 20_000).talk_ratio == 0.75


def test_speech_that_goes_on_counts() -> None:
    dialogue = Dialogue()
    said(dialogue, "Anna", 0, 6_000, "Hello.")
    dialogue.speech_started("David", 7_000)
    figures = dialogue.metrics.figures("David", 13_000)
    assert (figures.talk_ms, figures.talk_ratio) == (6_000, 0.5)


def test_a_running_monologue_counts() -> None:
    dialogue = Dialogue()
    dialogue.speech_started("Anna", 1_000)
    assert dialogue.metrics.figures("Anna", 31_000).longest_monologue_ms == 30_000


def test_who_never_spoke_has_zeros() -> None:
    figures = Dialogue().metrics.figures("Anna", 5_000)
    assert (figures.talk_ratio, figures.talk_ms, figures.pace_wpm, figures.patience_ms) == (0.0, 0, None, None)


def test_pace_is_words_a_minute_of_own_speech() -> None:
    dialogue = Dialogue()
    said(dialogue, "Anna", 0, 6_000, "one two three four five six seven eight nine ten eleven twelve")
    assert dialogue.metrics.pace_wpm("Anna") == 120


def test_pace_forgets_what_is_more_than_a_minute_of_speech_ago() -> None:
    dialogue = Dialogue()
    for number in range(10):
        said(dialogue, "Anna", number * 20_000, number * 20_000 + 10_000, "one two " * (20 if number == 0 else 10))
    assert dialogue.metrics.pace_wpm("Anna") == 120


def test_questions_and_fillers_are_counted() -> None:
    dialogue = Dialogue()
    said(dialogue, "Anna", 0, 6_000, "Um, how much is it? Can we start on Monday? It is, uh, new to us.")
    figures = dialogue.metrics.figures("Anna", 6_000)
    assert figures.questions == 2
    assert figures.filler_rate == pytest.approx(2 / 16, abs=1e-3)


def test_silence_is_when_nobody_spoke_since_the_first_word() -> None:
    dialogue = Dialogue()
    said(dialogue, "Anna", 5_000, 8_000, "Hello.")
    said(dialogue, "David", 7_000, 9_000, "Hello.")
    assert dialogue.times.silence_ms(12_000) == 3_000


def test_there_is_no_silence_while_somebody_speaks() -> None:
    dialogue = Dialogue()
    said(dialogue, "Anna", 0, 2_000, "Hello.")
    dialogue.speech_started("David", 3_000)
    assert dialogue.times.silence_ms(10_000) == 1_000


spans = st.lists(
    st.tuples(st.sampled_from(["Anna", "David", "Eve"]), st.integers(0, 3_000), st.integers(1, 9_000)), max_size=30
)


@given(spans)
def test_silence_and_talk_equal_the_naive_sums(steps: list[tuple[str, int, int]]) -> None:
    dialogue = Dialogue()
    ends = {"Anna": 0, "David": 0, "Eve": 0}
    spoken: list[tuple[str, int, int]] = []
    for who, gap_ms, length_ms in steps:
        start_ms = ends[who] + gap_ms
        ends[who] = start_ms + length_ms
        spoken.append((who, start_ms, ends[who]))
    spoken.sort(key=lambda one: one[2])
    for who, start_ms, end_ms in spoken:
        dialogue.speech_started(who, start_ms)
        dialogue.speech_ended(who, start_ms, end_ms)
    now_ms = max(ends.values()) + 500
    covered = {step for _, start_ms, end_ms in spoken for step in range(start_ms, end_ms)}
    first_ms = min((start_ms for _, start_ms, _ in spoken), default=now_ms)
    assert dialogue.times.silence_ms(now_ms) == now_ms - first_ms - len(covered)
    for who in ends:
        assert dialogue.times.talk_ms(who, now_ms) == sum(end - start for name, start, end in spoken if name == who)
