"""Guards against invented words; real repetitions survive."""

from __future__ import annotations

import pytest

from media_server.conversation.hallucination import compression_ratio, doubt


def test_an_ordinary_sentence_is_believed() -> None:
    text = "We have forty technicians, and we still plan every visit on a whiteboard."
    assert doubt(text, confidence=0.7, speech_ms=4_500) is None


@pytest.mark.parametrize(
    "text",
    [
        "Yes, yes.",
        "Yes, yes, yes, yes.",
        "No, no, no, no, no.",
        "Bye-bye. Bye-bye.",
        "Very, very, very good.",
        "ha ha ha ha ha ha",
    ],
)
def test_real_repetitions_survive(text: str) -> None:
    assert doubt(text, confidence=0.75, speech_ms=1_500) is None


def test_a_word_that_repeats_faster_than_a_tongue_is_a_loop() -> None:
    assert doubt("the " * 30, confidence=0.9, speech_ms=2_000) == "repetition"


def test_a_sentence_that_repeats_with_low_confidence_is_a_loop() -> None:
    assert doubt("I'm going to go. " * 4, confidence=0.3, speech_ms=6_000) == "repetition"


def test_text_that_compresses_too_well_is_doubted() -> None:
    text = " ".join(f"I am going to show you number {number} of this thing here." for number in range(20))
    assert compression_ratio(text) > 2.4
    assert doubt(text, confidence=0.9, speech_ms=80_000) == "compression"


def test_more_words_than_anybody_can_say_are_doubted() -> None:
    assert doubt("one two three four five six seven eight", confidence=0.9, speech_ms=500) == "pace"


@pytest.mark.parametrize("text", ["[Music]", "(sighs)", "♪ ♪", "[BLANK_AUDIO]", "*coughs*"])
def test_sound_notes_are_never_speech(text: str) -> None:
    assert doubt(text, confidence=0.99, speech_ms=1_000) == "sound_note"


def test_a_subtitle_phrase_needs_high_confidence() -> None:
    assert doubt("Thanks for watching!", confidence=0.7, speech_ms=900) == "known_phrase"
    assert doubt("Thanks for watching!", confidence=0.9, speech_ms=900) is None


def test_thank_you_survives_unless_the_recognizer_was_unsure() -> None:
    assert doubt("Thank you.", confidence=0.6, speech_ms=500) is None
    assert doubt("Thank you.", confidence=0.3, speech_ms=500) == "known_phrase"


def test_an_echo_of_the_prompt_is_doubted() -> None:
    prompt = "Names: Anna Keller, Route Planner Pro, technician."
    assert doubt("Anna Keller, Route Planner Pro.", confidence=0.9, speech_ms=2_000, prompt=prompt) == "prompt_echo"
    assert doubt("Anna Keller called me.", confidence=0.9, speech_ms=2_000, prompt=prompt) is None


def test_nothing_is_no_reason_for_doubt() -> None:
    assert doubt("", confidence=0.0, speech_ms=0) is None
