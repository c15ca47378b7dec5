"""From what a decoder thinks of its tokens to the share of words that are right.

Whisper is too modest about what it is sure of. The table is an isotonic fit to 725 words of 57 English recordings
(tiny.en; LibriSpeech, LJ Speech and others, `liveconvo bench asr` data); on 57 others the mean error over five bins of
equal size fell from 11 to 3 points.
"""

from __future__ import annotations

from bisect import bisect_right

TABLE = ((0.0, 0.0), (0.45, 0.5), (0.55, 0.66), (0.65, 0.77), (0.75, 0.86), (0.85, 0.93), (1.0, 1.0))
"""Mean probability of the tokens, share of right words."""


def calibrated(probability: float) -> float:
    """The share of words that are right. Args: probability, mean of the tokens, 0 … 1."""
    probability = min(1.0, max(0.0, probability))
    above = min(len(TABLE) - 1, bisect_right(TABLE, (probability, 1.0)))
    (low, share_low), (high, share_high) = TABLE[above - 1], TABLE[above]
    return share_low + (share_high - share_low) * (probability - low) / (high - low)
