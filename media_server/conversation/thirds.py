"""Every third sample of 48 kHz, which is 16 kHz: a low-pass filter and nothing else.

Windowed sinc, 96 taps (Kaiser, beta 6): flat to 6.5 kHz, -6 dB at 7.6 kHz, 55 dB down from 9 kHz on. Blocks of 40
results are one product of matrices, since a filter that is run tap by tap in numpy costs as much as decoding again.
Algorithmic latency: `DELAY`, 1 ms.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pcm = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float32]

RATIO = 3
TAPS = 96
DELAY = 46.75
"""Samples of 48 kHz. Of Opus at 48 kHz, which is 1.75 samples ahead of Opus at 16 kHz, it makes 15 of 16 kHz."""
CUT_OFF = 7_600 / 24_000
BETA = 6.0
BLOCK = 40
"""Results at a time: 2.5 ms, of which every Opus frame is a multiple (RFC 6716 §2.1.4)."""
FRAME_SAMPLES = RATIO * BLOCK
MOST_SAMPLES = 24 * FRAME_SAMPLES
"""In one product, 60 ms: OpenBLAS would share a larger one among all cores, whose threads then spin for a while."""


def _taps() -> Floats:
    """The oldest first."""
    places = np.arange(TAPS) - (TAPS - RATIO - DELAY)
    window = np.i0(BETA * np.sqrt(np.clip(1 - np.square(places / (TAPS / 2)), 0, 1)))
    taps = np.sinc(places * CUT_OFF) * window
    return np.asarray(taps / taps.sum() / 32_768, np.float32)


def _block() -> Floats:
    """shape (FRAME_SAMPLES + TAPS, BLOCK): the newest sample of a result is the last of its three."""
    block = np.zeros((FRAME_SAMPLES + TAPS, BLOCK), np.float32)
    for result in range(BLOCK):
        begin = RATIO * (result + 1)
        block[begin : begin + TAPS, result] = _taps()
    return block


_BLOCK = _block()


class Thirds:
    """Of one line of audio."""

    def __init__(self) -> None:
        self._resize(FRAME_SAMPLES, np.zeros(TAPS, np.float32))

    def take(self, pcm: Pcm) -> Floats:
        """int16, shape (n,), n a multiple of 120 → float32, shape (n / 3,), -1 … 1."""
        if len(pcm) > MOST_SAMPLES:
            return np.concatenate((self.take(pcm[:MOST_SAMPLES]), self.take(pcm[MOST_SAMPLES:])))
        if len(pcm) != len(self._line) - TAPS:
            self._resize(len(pcm), self._line[-TAPS:])
        else:
            self._line[:TAPS] = self._line[-TAPS:]
        self._line[TAPS:] = pcm
        thirds: Floats = (self._blocks @ _BLOCK).reshape(-1)
        return thirds

    def _resize(self, samples: int, before: Floats) -> None:
        self._line = np.concatenate((before, np.zeros(samples, np.float32)))
        step = self._line.itemsize
        self._blocks = np.lib.stride_tricks.as_strided(
            self._line,
            shape=(samples // FRAME_SAMPLES, FRAME_SAMPLES + TAPS),
            strides=(FRAME_SAMPLES * step, step),
            writeable=False,
        )
