"""How long a recognizer may take before it counts as hung: learned from how long it took so far.

Rules:
- A deadline is `PATIENCE` times what is expected of so much audio, and never under 5 s: a recognizer that accepts and
  never answers is given up after that.
- What was given up teaches like an answer that came at its deadline, so that a slow machine is soon waited for; answers
  that come in time make it forget a single hang.
- A second try has long enough for a machine that is five times slower than speech: it is the last one.
"""

from __future__ import annotations

LEAST_S = 5.0
MOST_S = 75.0
PATIENCE = 8.0
LEAST_OF_SECOND_S = 20.0
SLOWEST = 5.0
"""Seconds for each second of audio."""
FIRST_GUESS = 0.1
"""Likewise: what a small model takes."""
SHORT_S = 1.0
"""Less audio costs as much."""
LEARNING = 0.2


class Pace:
    """Seconds of work for each second of audio, lately."""

    def __init__(self) -> None:
        self._ratio = FIRST_GUESS

    def note(self, audio_s: float, took_s: float) -> None:
        """A batch with so much audio was answered, or given up, after so long."""
        self._ratio += LEARNING * (took_s / max(SHORT_S, audio_s) - self._ratio)

    def audio_s(self, work_s: float) -> float:
        """How much audio is recognized in so long."""
        return work_s / self._ratio

    def deadline_s(self, audio_s: float, *, is_second_try: bool) -> float:
        """How long a batch may take."""
        deadline_s = max(LEAST_S, PATIENCE * self._ratio * audio_s)
        if is_second_try:
            deadline_s = max(deadline_s, LEAST_OF_SECOND_S, SLOWEST * audio_s)
        return min(MOST_S, deadline_s)
