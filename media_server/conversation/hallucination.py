"""Which recognized texts are more likely invented than said: pure guards on text, confidence and speech time.

Rules:
- Sound notes ("[Music]", "(sighs)", "♪") are never speech.
- A loop is doubted only when nobody could have spoken it: too many repeats, or too fast, or with low confidence.
  Real repetitions ("yes, yes, yes") survive.
- Phrases that Whisper learnt from subtitles are doubted unless it is sure; everyday words that it also says into
  silence ("Thank you.") only when it is unsure.
- The guards judge whole utterances; they never edit a text.
"""

from __future__ import annotations

import re
import zlib
from typing import Literal

Doubt = Literal["sound_note", "repetition", "compression", "pace", "known_phrase", "prompt_echo"]

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

SUBTITLE_PHRASES = frozenset(
    {
        "thanks for watching",
        "thank you for watching",
        "thank you so much for watching",
        "thanks for listening",
        "thank you for listening",
        "please subscribe",
        "please subscribe to my channel",
        "dont forget to subscribe",
        "like and subscribe",
        "see you in the next video",
        "see you next time",
        "ill see you in the next video",
        "ill see you next time",
        "subtitles by the amaraorg community",
        "subtitles by amaraorg",
        "transcription by castingwords",
        "the end",
    }
)
EVERYDAY_PHRASES = frozenset(
    {"you", "thank you", "thank you very much", "thanks", "bye", "bye bye", "so", "oh", "okay", "the", "i"}
)

_SOUND_NOTE = re.compile(r"\[[^\]]*\]|\([^)]*\)|\*[^*]*\*|[♪♫]+")


def doubt(text: str, *, confidence: float, speech_ms: int, prompt: str = "") -> Doubt | None:
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
    if is_known_phrase(text, confidence=confidence):
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


def is_known_phrase(text: str, *, confidence: float) -> bool:
    """Whether the whole text is a phrase that Whisper is known to invent, and it is not sure enough of it."""
    phrase = " ".join(_words(text))
    if phrase in SUBTITLE_PHRASES:
        return confidence < SURE
    return phrase in EVERYDAY_PHRASES and confidence < UNSURE


def echoes(text: str, prompt: str) -> bool:
    """Whether the text only repeats a stretch of the recognizer's own prompt."""
    words = _words(text)
    return len(words) >= MIN_ECHO_WORDS and f" {' '.join(words)} " in f" {' '.join(_words(prompt))} "


def _allowed_repeats(phrase_words: int) -> int:
    return {1: 6, 2: 5}.get(phrase_words, 4)


def _words_per_s(words: list[str], speech_ms: int) -> float:
    return len(words) * 1000 / max(speech_ms, 1)


def _words(text: str) -> list[str]:
    bare = (re.sub(r"[^\w]", "", word) for word in text.casefold().split())
    return [word for word in bare if word]
