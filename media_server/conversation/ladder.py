"""What is left out while recognition cannot keep up, least wanted first.

Rules, for one look every tenth of a second or so:
- Up at once, as far as the lag says: the first rung also when words in progress are waited for too long.
- Down, when for some time nothing was given up and the lag was below half of what leads up to this rung; as far as the
  highest lag of that time says, and as far as the work that comes back has room. What is left out costs nothing, so
  calm alone would not mean that there is.
- Who has to go up again soon after going down waits twice as long the next time, so that a machine that is just too
  slow does not go up and down all day.
The ladder decides what to leave out; it never decides about the audio of an utterance that ended (see
`conversation/patience`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["full", "coalesced", "finals_only", "metrics_only"]
LEVELS: tuple[Level, ...] = ("full", "coalesced", "finals_only", "metrics_only")

UP_LAG_S = (1.0, 2.0, 4.0)
"""The lag from which the second, third and fourth level hold; the last is below `patience.PATIENCE_S`."""
UP_PARTIAL_S = 1.2
"""Waiting for a partial, from which partials are worth fewer."""
CALM_S, LONGEST_CALM_S = 1.0, 3.0
STEP_S = 1.0
"""Between two steps down, so that what the first one brings back is seen."""
RELAPSE_S = 15.0
"""Going up again so soon is a relapse."""
WORK = (1.0, 0.6, 0.3, 0.3)
"""What the levels cost, of what the first does."""
ROOM = 0.9
"""Of the workers' time: more is no room."""


@dataclass(frozen=True, slots=True)
class Load:
    lag_s: float
    """Age of the oldest final that is owed."""
    partial_wait_s: float
    """How long the partial that was asked for first has been waited for."""
    busy: float
    """Share of the workers' time in which they recognized, 0 … 1, over the last seconds."""
    is_giving_up: bool = False
    """Finals were given up since the last look."""


class Ladder:
    """States: the four levels, by their number in `LEVELS`."""

    def __init__(self) -> None:
        self._rung = 0
        self._calm_s = CALM_S
        self._calm_since_s: float | None = None
        self._worst_lag_s = 0.0
        """Since then, or since the last step down: what led to that step says nothing about the next one."""
        self._fell_s = float("-inf")

    @property
    def level(self) -> Level:
        return LEVELS[self._rung]

    def look(self, load: Load, now_s: float) -> Level:
        """Take the load of this moment; the level that holds from now on."""
        wanted = sum(load.lag_s >= up for up in UP_LAG_S) or int(load.partial_wait_s >= UP_PARTIAL_S)
        if wanted > self._rung:
            self._go_up(wanted, now_s)
        elif self._rung == 0 or not self._is_calm(load):
            self._calm_since_s = None
        else:
            self._go_down(load, now_s)
        return self.level

    def _go_up(self, rung: int, now_s: float) -> None:
        is_relapse = now_s - self._fell_s < RELAPSE_S
        if self._rung == 0 or is_relapse:
            self._calm_s = min(2 * self._calm_s, LONGEST_CALM_S) if is_relapse else CALM_S
        self._rung, self._calm_since_s = rung, None

    def _go_down(self, load: Load, now_s: float) -> None:
        if self._calm_since_s is None:
            self._calm_since_s, self._worst_lag_s = now_s, 0.0
        self._worst_lag_s = max(self._worst_lag_s, load.lag_s)
        if now_s - self._calm_since_s < self._calm_s or now_s - self._fell_s < STEP_S:
            return
        rung = self._rung
        while rung > 0 and self._worst_lag_s < UP_LAG_S[rung - 1] / 2 and self._has_room(load, rung - 1):
            rung -= 1
        if rung < self._rung:
            self._rung, self._fell_s, self._worst_lag_s = rung, now_s, load.lag_s

    def _is_calm(self, load: Load) -> bool:
        is_short = load.lag_s < UP_LAG_S[self._rung - 1] / 2 and load.partial_wait_s < UP_PARTIAL_S / 2
        return is_short and not load.is_giving_up

    def _has_room(self, load: Load, rung: int) -> bool:
        return load.busy * WORK[rung] / WORK[self._rung] <= ROOM
