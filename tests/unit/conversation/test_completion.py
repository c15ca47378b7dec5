"""How finished a text is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_server.conversation.completion import MIN_CONFIDENCE, completion

SURE = 0.9


@pytest.mark.parametrize(
    "text",
    [
        "We ship on Monday and you pay on Friday.",
        "How many people would use it every day?",
        "Where are the other two of you from?",
        "I really do think so.",
        "Yes.",
        "Okay, right.",
        "Seven.",
        "If you pay by card, we ship on Monday.",
        "My number is 555 01 99.",
        "That was in nineteen eighty four.",
    ],
)
def test_a_whole_sentence_or_a_usual_answer_is_finished(text: str) -> None:
    assert completion(text, "en", SURE) == "finished"


@pytest.mark.parametrize(
    "text",
    [
        "We could ship it on Monday, but.",
        "I talked to the people from the.",
        "What we need is, um.",
        "Um",
        "So the price depends on how many and",
        "We will ship it on Monday,",
        "But she said...",
        "The number that you want is –",
        "If you pay by card.",
        "And when we ship on Monday.",
        "You reach me under 4 1 5.",
        "It is 415-55.",
        "My number is five five oh.",
        "We are going to ship it with the",
        "I would like you to look at our",
        "they sent it to the wrong",
    ],
)
def test_what_ends_in_the_middle_is_open(text: str) -> None:
    assert completion(text, "en", SURE) == "open"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "...",
        "The stories regarding Joseph.",
        "seven of clubs",
        "and all the people were asleep.",
        "We heard what the other one says.",
    ],
)
def test_of_what_may_be_a_piece_nobody_knows(text: str) -> None:
    assert completion(text, "en", SURE) == "unsure"


@pytest.mark.parametrize(("confidence", "expected"), [(MIN_CONFIDENCE, "finished"), (MIN_CONFIDENCE - 0.01, "unsure")])
def test_a_sentence_must_be_certain_to_some_degree(confidence: float, expected: str) -> None:
    assert completion("We ship on Monday and not before.", "en", confidence) == expected


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Wir liefern am Montag und Sie zahlen am Freitag.", "de", "finished"),
        ("Wir liefern am Montag,", "de", "open"),
        ("Also, das wäre dann, ähm.", "de", "open"),
        ("Wir sehen uns also an dem Tag in.", "de", "finished"),
        ("Meine Nummer ist 0 3 0.", "de", "open"),
        ("お元気ですか？", "ja", "finished"),
        ("今日はとてもいい天気です", "ja", "unsure"),
    ],
)
def test_of_other_languages_only_signs_count(text: str, language: str, expected: str) -> None:
    assert completion(text, language, SURE) == expected


@given(st.text(), st.sampled_from(["en", "de", "ja", ""]), st.floats(0, 1))
def test_any_text_has_an_answer(text: str, language: str, confidence: float) -> None:
    assert completion(text, language, confidence) in {"finished", "unsure", "open"}
