"""What a recognizer heard, on the call's timeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from media_server.conversation.types import SAMPLE_RATE_HZ, SpokenWord
from media_server.engines.protocols import Recognition, RecognizedWord


def placed(recognition: Recognition, audio_start: int) -> Recognition:
    """With the times of its words on the call's timeline. Args: audio_start, sample where its audio begins."""
    at_s = audio_start / SAMPLE_RATE_HZ
    words = (replace(word, start_s=at_s + word.start_s, end_s=at_s + word.end_s) for word in recognition.words)
    return replace(recognition, words=tuple(words))


def of_words(recognition: Recognition, words: Sequence[RecognizedWord]) -> Recognition:
    """As if it had heard those only."""
    return replace(recognition, text="".join(word.text for word in words).strip(), words=tuple(words))


def in_media_time(words: Sequence[RecognizedWord], start_ms: int, end_ms: int) -> tuple[SpokenWord, ...]:
    """None begins before its utterance or ends after it, whatever the padding held. Args: words that were placed."""

    def place(time_s: float) -> int:
        return min(max(start_ms, round(time_s * 1000)), end_ms)

    return tuple(
        SpokenWord(word.text.strip(), place(word.start_s), place(word.end_s), round(word.probability, 3))
        for word in words
    )
