"""The last second or so of a line of audio, written anywhere and read once: what was not written is silence."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pcm = npt.NDArray[np.int16]


class SampleRing:
    """Zero wherever nothing waits. The caller keeps what waits within `size` samples.

    Who never says anything takes no memory.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._samples: Pcm = np.zeros(0, np.int16)

    def put(self, start: int, samples: Pcm) -> None:
        if not len(self._samples):
            self._samples = np.zeros(self._size, np.int16)
        at = start % len(self._samples)
        before_edge = min(len(samples), len(self._samples) - at)
        self._samples[at : at + before_edge] = samples[:before_edge]
        if before_edge < len(samples):
            self._samples[: len(samples) - before_edge] = samples[before_edge:]

    def look(self, start: int, n: int) -> Pcm:
        """A copy, shape (n,)."""
        if not len(self._samples):
            return np.zeros(n, np.int16)
        at = start % len(self._samples)
        if at + n <= len(self._samples):
            return self._samples[at : at + n].copy()
        return np.concatenate((self._samples[at:], self._samples[: at + n - len(self._samples)]))

    def take(self, start: int, n: int) -> Pcm:
        """The same, and nothing waits there any more."""
        samples = self.look(start, n)
        at = start % self._size
        self._samples[at : at + n] = 0
        self._samples[: max(0, at + n - self._size)] = 0
        return samples

    def clear(self) -> None:
        self._samples[:] = 0
