"""When it is worth saying that text is behind speech: when it falls behind, and when it has caught up."""

from __future__ import annotations

BEHIND_MS = 3_000
CAUGHT_UP_MS = 1_000
"""Lower than `BEHIND_MS`, so that a lag around one of them is not told again and again."""


class Lag:
    """States: in time ⇄ behind."""

    def __init__(self) -> None:
        self.is_behind = False

    def is_news(self, lag_ms: int) -> bool:
        """Take the lag of this moment; whether the state changed by it."""
        was_behind = self.is_behind
        self.is_behind = lag_ms > (CAUGHT_UP_MS if was_behind else BEHIND_MS)
        return self.is_behind != was_behind
