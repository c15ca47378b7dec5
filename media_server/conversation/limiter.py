"""A soft limiter for the sum of several voices: no wrap, no corner, nothing changed below the knee.

With x in units of full scale and the knee k = 0.7: y = x for |x| ≤ k; beyond it |y| = k + (1 - k) · u / (1 + u) with
u = (|x| - k) / (1 - k). The slope is 1 at the knee and falls smoothly; four voices at full scale come to 0.97.
Memoryless, so it adds no latency and one mix knows nothing of another.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FULL_SCALE = np.float32(32_767.0)
KNEE = np.float32(0.7) * FULL_SCALE
_ROOM = FULL_SCALE - KNEE


def limited(mixed: npt.NDArray[np.float32]) -> npt.NDArray[np.int16]:
    """Sums of int16 values, of any size; shape kept."""
    within = np.clip(mixed, -KNEE, KNEE)
    over = mixed - within
    if over.any():
        within += _ROOM * over / (_ROOM + np.abs(over))
    return within.astype(np.int16)
