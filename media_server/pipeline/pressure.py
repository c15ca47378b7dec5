"""How much there is to recognize for how much time: what a node's ladder is shown, for all its calls."""

from __future__ import annotations

import math

from media_server import telemetry
from media_server.conversation.ladder import LEVELS, Ladder, Level, Load

BUSY_OVER_S = 2.0
"""Time constant of the mean."""


class Pressure:
    """Told of the workers by how long they worked since the node began."""

    def __init__(self, workers: int, now_s: float) -> None:
        self._workers = workers
        self._ladder = Ladder()
        self._busy = 0.0
        self._seen_s, self._seen_busy_s = now_s, 0.0

    @property
    def level(self) -> Level:
        return self._ladder.level

    def busy(self, busy_s: float, now_s: float) -> float:
        """Share of the workers' time in which they worked lately."""
        if (passed_s := now_s - self._seen_s) > 0:
            kept = math.exp(-passed_s / BUSY_OVER_S)
            share = (busy_s - self._seen_busy_s) / passed_s / self._workers
            self._busy = kept * self._busy + (1 - kept) * min(1.0, share)
            self._seen_s, self._seen_busy_s = now_s, busy_s
        return self._busy

    def look(self, load: Load, now_s: float) -> Level:
        """The level from now on."""
        level = self._ladder.look(load, now_s)
        telemetry.TRANSCRIPTION_LEVEL.set(LEVELS.index(level))
        telemetry.LAG_MS.set(round(load.lag_s * 1000))
        return level
