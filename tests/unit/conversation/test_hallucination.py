"""Guards against invented words; real repetitions survive."""

from __future__ import annotations

import pytest

from media_server.conversation.hallucination import compression_ratio, doubt, resembles, uncertainty
from media_server.conversation.subtitle_phrases import EVERYDAY_PHRASES, SUBTITLE_PHRASES, bare_phrase


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


@pytest.mark.parametrize(
    ("text", "is_alike"),
    [
        ("Rejoin the eunuch.", True),
        ("You don't mean you thought me silly.", True),
        ("Silly!", True),
        ("You are so kind, and I mean it.", False),
        ("", False),
    ],
)
def test_a_text_that_says_again_what_was_said_before_is_told(text: str, is_alike: bool) -> None:
    assert resembles(text, "You don't mean that you thought me silly. Rejoin the eunuch.") == is_alike


def test_nothing_is_no_reason_for_doubt() -> None:
    assert doubt("", confidence=0.0, speech_ms=0) is None


SURE_ENOUGH = {"tokens": 9, "log_probability": -0.4, "no_speech": 0.1, "is_cut": False}


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ({}, None),
        ({"is_cut": True}, "length"),
        ({"log_probability": -1.0}, None),
        ({"log_probability": -1.01}, "log_probability"),
        ({"log_probability": -1.5, "tokens": 2}, None),
        ({"log_probability": -1.51, "tokens": 2}, "log_probability"),
        ({"no_speech": 0.6}, None),
        ({"no_speech": 0.61}, "no_speech"),
    ],
)
def test_the_decoders_own_figures_can_speak_against_its_text(figures: dict[str, float], expected: str | None) -> None:
    assert uncertainty(**SURE_ENOUGH | figures) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Untertitelung des ZDF für funk, 2017"),
        ("fr", "Sous-titrage Société Radio-Canada"),
        ("es", "¡Gracias por ver el vídeo!"),
        ("pt", "Legendas pela comunidade Amara.org"),
        ("it", "Sottotitoli e revisione a cura di QTSS"),
        ("nl", "Ondertitels ingediend door de Amara.org gemeenschap"),
        ("ja", "ご視聴ありがとうございました。"),
        ("zh", "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目"),
        ("ko", "시청해주셔서 감사합니다."),
        ("ru", "Субтитры сделал DimaTorzok"),
    ],
)
def test_every_language_has_its_own_subtitle_phrases(language: str, text: str) -> None:
    assert doubt(text, confidence=0.7, speech_ms=3_000, language=language) == "known_phrase"
    assert doubt(text, confidence=0.9, speech_ms=3_000, language=language) is None


def test_an_english_subtitle_phrase_is_doubted_in_any_language() -> None:
    assert doubt("Thanks for watching!", confidence=0.7, speech_ms=900, language="de") == "known_phrase"


def test_a_word_of_one_language_is_no_phrase_of_another() -> None:
    assert doubt("So.", confidence=0.4, speech_ms=300, language="fr") is None
    assert doubt("Gracias.", confidence=0.4, speech_ms=500, language="es") == "known_phrase"


def test_phrases_are_written_as_they_are_compared() -> None:
    for phrases in (*SUBTITLE_PHRASES.values(), *EVERYDAY_PHRASES.values()):
        assert all(phrase and bare_phrase(phrase) == phrase for phrase in phrases)
