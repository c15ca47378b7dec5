"""Who is talking, by loudness: a frame above a threshold, and 400 ms after the last one.

Whoever is not talking is left out of the mix, so that fifty quiet microphones are no noise, and need no mix of their
own. Algorithmic latency: none.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

TALKING_DBFS = -55.0
"""Root mean square of 20 ms. Browsers' noise suppression leaves -60 and less, quiet consonants have more."""
QUIET_DBFS = -45.0
"""Below it a frame may be left out, and a listener may change streams."""
HANGOVER_FRAMES = 20

_FULL_SCALE = 32_768.0


def _power(dbfs: float) -> float:
    return float(_FULL_SCALE**2 * 10 ** (dbfs / 10))


_TALKING_POWER, _QUIET_POWER = _power(TALKING_DBFS), _power(QUIET_DBFS)


def mean_squares(frames: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Of each row: shape (n, m) → (n,); values of int16, or of sums of them."""
    powers: npt.NDArray[np.float32] = np.einsum("ij,ij->i", frames, frames) / np.float32(frames.shape[1])
    return powers


def is_quiet(frame: npt.NDArray[np.int16] | npt.NDArray[np.float32]) -> bool:
    """shape (m,)."""
    return bool(mean_squares(frame[np.newaxis].astype(np.float32))[0] < _QUIET_POWER)


class Activity:
    """Whether one talker talks; told every 20 ms."""

    def __init__(self) -> None:
        self._hangover = 0

    def follow(self, power: float) -> bool:
        """Whether a frame of this mean square is talk."""
        if power >= _TALKING_POWER:
            self._hangover = HANGOVER_FRAMES
            return True
        is_talking = self._hangover > 0
        self._hangover = max(0, self._hangover - 1)
        return is_talking
