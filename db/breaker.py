"""A circuit breaker for a peer that is silent: after some deadlines in a row hardly anybody waits for it any more.

States:
- closed: everybody may ask. `SILENCES_TO_OPEN` deadlines that passed in a row open it; an answer in between counts from
  the start again.
- open: one may ask each `PROBE_EVERY_S`. The first answer closes it.

Only silence counts. A refusal, or an error, is an answer: it comes at once and makes nobody wait.
"""

from __future__ import annotations

SILENCES_TO_OPEN = 5
PROBE_EVERY_S = 1.0


class Breaker:
    """Times are seconds of one monotonic clock, given by the caller."""

    def __init__(self) -> None:
        self._silences = 0
        self._probed_at: float | None = None
        """When it opened, or somebody was last let through; None: closed."""

    def admits(self, now: float) -> bool:
        """May the one who asks now wait for an answer?"""
        if self._probed_at is None:
            return True
        if now < self._probed_at + PROBE_EVERY_S:
            return False
        self._probed_at = now
        return True

    def answered(self) -> None:
        self._silences = 0
        self._probed_at = None

    def was_silent(self, now: float) -> None:
        """A deadline passed."""
        self._silences += 1
        if self._silences >= SILENCES_TO_OPEN and self._probed_at is None:
            self._probed_at = now
