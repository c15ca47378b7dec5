"""How much in how short a time: a bucket that refills at a steady rate.

Time is an argument, in seconds of any one clock.
"""

from __future__ import annotations


class TokenBucket:
    """Holds `burst` tokens at most and gains `per_s` a second; it begins full."""

    __slots__ = ("_burst", "_filled_at_s", "_per_s", "_tokens")

    def __init__(self, per_s: float, burst: float, now_s: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._tokens = burst
        self._filled_at_s = now_s

    def take(self, now_s: float) -> bool:
        """Take one token; False when there is none."""
        gained = max(0.0, now_s - self._filled_at_s) * self._per_s
        self._tokens = min(self._burst, self._tokens + gained)
        self._filled_at_s = now_s
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
