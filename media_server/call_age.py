"""How long a call may last: people are told in time, then it ends.

Rules:
- Counted is the time since the session's first audio, over all its epochs, or since this node has the call if that is
  longer: a call in which nobody speaks ends too.
- The warning comes `warn_s` before the end, in a shorter call after nine tenths of it; once, and not after the end.
"""

from __future__ import annotations

from typing import Literal

WARN_SHARE = 0.9


class CallAge:
    def __init__(self, max_s: float, warn_s: float) -> None:
        """`max_s`: 0 is for ever."""
        self._max_s = max_s
        self._warn_at_s = max(max_s - warn_s, WARN_SHARE * max_s)
        self._is_warned = False

    def look(self, age_s: float) -> Literal["warn", "end"] | None:
        """What is to be done now."""
        if not self._max_s or age_s < self._warn_at_s:
            return None
        if age_s >= self._max_s:
            return "end"
        was_warned, self._is_warned = self._is_warned, True
        return None if was_warned else "warn"
