"""What is wrong with a microphone, from what it sends. That it is echoing says `conversation/echo`.

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
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from media_server.conversation.types import SAMPLE_RATE_HZ

MicrophoneState = Literal["ok", "silent", "clipping", "echoing"]

SILENT = 10 ** (-70 / 20)
"""Peak of a second in which nothing was recorded."""
FULL_SCALE = 0.985
CLIPPED_PART = 0.01
SILENT_S, CLIPPING_S, OF_S, WELL_S = 8, 3, 5, 2


LOUD_POWER = 10 ** (-50 / 10)
"""Mean square of a block that counts as talk, for its level; a quiet room is below."""


@dataclass(slots=True)
class Loudness:
    """Totals of what was heard, in samples."""

    heard: int = 0
    clipped: int = 0
    """At full scale."""
    loud: int = 0
    """In blocks that count as talk."""
    energy: float = 0.0
    """Sum of the squares of those."""


class MicrophoneWatch:
    """Takes a track's audio in order, a second at a time."""

    def __init__(self) -> None:
        self.state: MicrophoneState = "ok"
        self.loudness = Loudness()
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
        clipped = int(np.count_nonzero(levels >= FULL_SCALE)) if peak >= FULL_SCALE else 0
        self._clipped += clipped
        self._heard += len(samples)
        self._add(samples, clipped)
        if self._heard >= SAMPLE_RATE_HZ:
            self._close_second()

    def forget(self) -> None:
        """Judge what comes from now on by itself; the totals go on."""
        self.state = "ok"
        self._peak, self._clipped, self._heard = 0.0, 0, 0
        self._seconds.clear()

    def _add(self, samples: npt.NDArray[np.float32], clipped: int) -> None:
        energy = float(np.dot(samples, samples))
        self.loudness.heard += len(samples)
        self.loudness.clipped += clipped
        if energy >= LOUD_POWER * len(samples):
            self.loudness.loud += len(samples)
            self.loudness.energy += energy

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
