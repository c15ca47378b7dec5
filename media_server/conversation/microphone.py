"""What is wrong with a microphone, from what it sends.

Rules:
- silent: nothing but digital silence for eight seconds. A quiet room is 20 dB louder than that; a microphone that is
  switched off in its cable or its driver is not.
- clipping: in three of five seconds one sample in a hundred is at full scale: it is too loud, and words are lost.
- It is well again when two seconds were.

States: ok → silent | clipping → ok. Times are counted in what was heard, so what is not sent (a muted track of some
browsers, a rest) changes nothing.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

import numpy as np
import numpy.typing as npt

from media_server.conversation.types import SAMPLE_RATE_HZ

MicrophoneState = Literal["ok", "silent", "clipping"]

SILENT = 10 ** (-70 / 20)
"""Peak of a second in which nothing was recorded."""
FULL_SCALE = 0.985
CLIPPED_PART = 0.01
SILENT_S, CLIPPING_S, OF_S, WELL_S = 8, 3, 5, 2


class MicrophoneWatch:
    """Takes a track's audio in order, a second at a time."""

    def __init__(self) -> None:
        self.state: MicrophoneState = "ok"
        self._peak = 0.0
        self._clipped = 0
        self._heard = 0
        self._seconds: deque[MicrophoneState] = deque(maxlen=SILENT_S)
        """What each of the last seconds was, newest last."""

    def hear(self, samples: npt.NDArray[np.float32]) -> None:
        """Take the next samples: float32, shape (n,), 16 kHz, -1 … 1."""
        levels = np.abs(samples)
        peak = float(levels.max(initial=0.0))
        self._peak = max(self._peak, peak)
        if peak >= FULL_SCALE:
            self._clipped += int(np.count_nonzero(levels >= FULL_SCALE))
        self._heard += len(samples)
        if self._heard >= SAMPLE_RATE_HZ:
            self._close_second()

    def _close_second(self) -> None:
        if self._peak < SILENT:
            self._seconds.append("silent")
        else:
            self._seconds.append("clipping" if self._clipped >= CLIPPED_PART * self._heard else "ok")
        self._peak, self._clipped, self._heard = 0.0, 0, 0
        self.state = self._judged()

    def _judged(self) -> MicrophoneState:
        newest = list(self._seconds)
        if newest.count("silent") == SILENT_S:
            return "silent"
        if newest[-OF_S:].count("clipping") >= CLIPPING_S:
            return "clipping"
        return "ok" if self.state not in newest[-WELL_S:] else self.state
