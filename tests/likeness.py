"""How much what was heard is what was said, wherever in it that lies and however loud it became."""

from __future__ import annotations

import numpy as np

from media_server.conversation.types import SAMPLE_RATE_HZ
from tests.peer_audio import Samples


def likeness(heard: Samples, said: Samples, *, piece_s: float = 0.5) -> float:
    """How well what was said is found again: the median over pieces of speech of their best correlation.

    Piece by piece, because a busy machine may delay one piece more than another, and a browser stretches what it plays.
    """
    step = int(piece_s * SAMPLE_RATE_HZ)
    pieces = [said[start : start + step] for start in range(0, len(said) - step, step)]
    return float(np.median([best_correlation(heard, piece) for piece in pieces if np.abs(piece).max() > 0.05]))


def share_of(heard: Samples, said: Samples) -> float:
    """How loud what was said is in what was heard: 0 not at all, 1 as it was said."""
    size = 1 << (len(heard) + len(said)).bit_length()
    found = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(said, size)), size)
    return float(np.abs(found).max() / np.square(said).sum())


def best_correlation(heard: Samples, piece: Samples) -> float:
    size = 1 << (len(heard) + len(piece)).bit_length()
    found = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(piece, size)), size)[: len(heard)]
    squares = np.concatenate(([0.0], np.cumsum(np.pad(heard.astype(float), (0, len(piece))) ** 2)))
    energy = squares[len(piece) :] - squares[: -len(piece)]
    loudness = np.sqrt(np.maximum(energy, 0.05 * energy.max())) * np.linalg.norm(piece)
    return float(np.max(np.abs(found) / loudness[: len(found)]))
