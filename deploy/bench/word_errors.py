"""Word errors by the rules of the Whisper papers: jiwer on texts that the English normalizer has seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

RESAMPLES = 2_000


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """Of one clip, in words."""

    substituted: int
    deleted: int
    inserted: int
    words: int

    @property
    def errors(self) -> int:
        return self.substituted + self.deleted + self.inserted


def count_errors(reference: str, hypothesis: str) -> ErrorCount:
    import jiwer

    said, heard = normalized(reference), normalized(hypothesis)
    if not said:
        return ErrorCount(0, 0, len(heard.split()), 0)
    found = jiwer.process_words(said, heard)
    return ErrorCount(found.substitutions, found.deletions, found.insertions, len(said.split()))


def normalized(text: str) -> str:
    """By the rules of the Whisper papers."""
    return str(_normalizer()(text)).strip()


def word_error_rate(counts: Sequence[ErrorCount]) -> float:
    """Percent."""
    return 100 * sum(count.errors for count in counts) / max(1, sum(count.words for count in counts))


def paired_rise(ours: Sequence[ErrorCount], theirs: Sequence[ErrorCount]) -> tuple[float, float, float]:
    """Our word error rate minus theirs in points, and its 95 % interval by bootstrap over clips."""
    words = np.array([count.words for count in ours])
    more = np.array([one.errors - other.errors for one, other in zip(ours, theirs, strict=True)])
    picks = np.random.default_rng(1).integers(0, len(words), (RESAMPLES, len(words)))
    rises = 100 * more[picks].sum(axis=1) / np.maximum(1, words[picks].sum(axis=1))
    low, high = np.percentile(rises, [2.5, 97.5])
    return float(100 * more.sum() / max(1, words.sum())), float(low), float(high)


def interval(counts: Sequence[ErrorCount]) -> tuple[float, float]:
    """95 % interval of the word error rate, by bootstrap over clips."""
    words = np.array([count.words for count in counts])
    errors = np.array([count.errors for count in counts])
    picks = np.random.default_rng(1).integers(0, len(words), (RESAMPLES, len(words)))
    rates = 100 * errors[picks].sum(axis=1) / np.maximum(1, words[picks].sum(axis=1))
    low, high = np.percentile(rates, [2.5, 97.5])
    return float(low), float(high)


@cache
def _normalizer():  # type: ignore[no-untyped-def]
    from whisper_normalizer.english import EnglishTextNormalizer

    return EnglishTextNormalizer()
