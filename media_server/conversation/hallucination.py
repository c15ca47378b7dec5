"""Which recognized texts are more likely invented than said: pure guards on text, confidence and speech time.

Rules:
- Sound notes ("[Music]", "(sighs)", "♪") are never speech.
- A loop is doubted only when nobody could have spoken it: too many repeats, or too fast, or with low confidence.
  Real repetitions ("yes, yes, yes") survive.
- Phrases that Whisper learnt from subtitles are doubted unless it is sure; everyday words that it also says into
  silence ("Thank you.") only when it is unsure. They are listed by language (`subtitle_phrases`).
- What the decoder itself doubts (its probabilities, a cap that it ran into) counts as much as what it said.
- The guards judge whole utterances; they never edit a text.
"""

from __future__ import annotations

import re
import zlib
from difflib import SequenceMatcher
from typing import Literal

from media_server.conversation.subtitle_phrases import EVERYDAY_PHRASES, SUBTITLE_PHRASES, bare_phrase

Doubt = Literal[
    "length",
    "log_probability",
    "no_speech",
    "sound_note",
    "repetition",
    "compression",
    "pace",
    "known_phrase",
    "prompt_echo",
]

MIN_LOG_PROBABILITY = -1.0
"""Whisper's own threshold (openai/whisper, transcribe.py)."""
FEW_TOKENS = 2
FEW_TOKENS_MIN_LOG_PROBABILITY = -1.5
"""The mean of "five." is half its full stop: one word alone looks less likely than it is."""
MAX_NO_SPEECH = 0.6
"""Likewise."""

MAX_COMPRESSION_RATIO = 2.4
"""Whisper's own threshold (openai/whisper, transcribe.py)."""
MAX_WORDS_PER_S = 8.0
"""The fastest talkers reach six."""
LOOP_WORDS_PER_S = 5.0
SURE = 0.8
UNSURE = 0.45
CERTAIN_LOOP_REPEATS = 12
LONGEST_PHRASE_WORDS = 10
MIN_ECHO_WORDS = 4
RESEMBLING_SHARE = 0.7

_SOUND_NOTE = re.compile(r"\[[^\]]*\]|\([^)]*\)|\*[^*]*\*|[♪♫]+")


def uncertainty(*, tokens: int, log_probability: float, no_speech: float, is_cut: bool) -> Doubt | None:
    """Why a decoder's own figures speak against its text, or None.

    Args:
        log_probability: mean of the tokens.
        no_speech: probability that nobody spoke, 0 … 1.
        is_cut: the text was ended by a cap on its length.
    """
    if is_cut:
        return "length"
    if log_probability < (FEW_TOKENS_MIN_LOG_PROBABILITY if tokens <= FEW_TOKENS else MIN_LOG_PROBABILITY):
        return "log_probability"
    return "no_speech" if no_speech > MAX_NO_SPEECH else None


def doubt(text: str, *, confidence: float, speech_ms: int, language: str = "en", prompt: str = "") -> Doubt | None:
    """Why this text should not be believed, or None.

    Args:
        confidence: mean token probability, 0 … 1.
        speech_ms: how long somebody spoke, without padding.
        prompt: what the recognizer was given as a hint.
    """
    words = _words(_SOUND_NOTE.sub(" ", text))
    if not words:
        return "sound_note" if text.strip() else None
    if is_loop(text, confidence=confidence, speech_ms=speech_ms):
        return "repetition"
    if compression_ratio(text) > MAX_COMPRESSION_RATIO:
        return "compression"
    if len(words) > 5 and _words_per_s(words, speech_ms) > MAX_WORDS_PER_S:
        return "pace"
    if is_known_phrase(text, language, confidence=confidence):
        return "known_phrase"
    if echoes(text, prompt):
        return "prompt_echo"
    return None


def is_loop(text: str, *, confidence: float, speech_ms: int) -> bool:
    """Whether a phrase repeats in a row as no person would."""
    words = _words(text)
    length, repeats = longest_loop(words)
    if repeats < _allowed_repeats(length):
        return False
    return repeats >= CERTAIN_LOOP_REPEATS or confidence < UNSURE or _words_per_s(words, speech_ms) > LOOP_WORDS_PER_S


def longest_loop(words: list[str]) -> tuple[int, int]:
    """Length in words and number of repeats of the phrase that covers the most words by repeating in a row."""
    best = (1, 1)
    for length in range(1, min(LONGEST_PHRASE_WORDS, len(words) // 2) + 1):
        same = 0
        for one, other in zip(words, words[length:], strict=False):
            same = same + 1 if one == other else 0
            repeats = same // length + 1
            if repeats > 1 and repeats * length > best[0] * best[1]:
                best = (length, repeats)
    return best


def compression_ratio(text: str) -> float:
    """Bytes per compressed byte; loops compress well."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 0.0


def is_known_phrase(text: str, language: str, *, confidence: float) -> bool:
    """Whether the whole text is a phrase that Whisper is known to invent, and it is not sure enough of it."""
    phrase = bare_phrase(text)
    if phrase in SUBTITLE_PHRASES.get(language, ()) or phrase in SUBTITLE_PHRASES["en"]:
        return confidence < SURE
    return phrase in EVERYDAY_PHRASES.get(language, ()) and confidence < UNSURE


def echoes(text: str, prompt: str) -> bool:
    """Whether the text only repeats a stretch of the recognizer's own prompt."""
    words = _words(text)
    return len(words) >= MIN_ECHO_WORDS and f" {' '.join(words)} " in f" {' '.join(_words(prompt))} "


def resembles(text: str, earlier: str) -> bool:
    """Whether most of the text was said before, in runs of two words or more."""
    words, known = _words(text), _words(earlier)
    runs = SequenceMatcher(None, words, known, autojunk=False).get_matching_blocks()
    alike = sum(run.size for run in runs if run.size >= min(2, len(words)))
    return alike > 0 and alike >= RESEMBLING_SHARE * len(words)


def _allowed_repeats(phrase_words: int) -> int:
    return {1: 6, 2: 5}.get(phrase_words, 4)


def _words_per_s(words: list[str], speech_ms: int) -> float:
    return len(words) * 1000 / max(speech_ms, 1)


def _words(text: str) -> list[str]:
    return bare_phrase(text).split()
