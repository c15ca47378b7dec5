"""When the people of a call are told how the text keeps up.

Rules: a change of level is an entry of the log, so that it explains later what is missing there. While the level is not
`full` it is said again every second as a live message, which needs no entry: with the lag of that moment, and for
whoever came in between.
"""

from __future__ import annotations

from typing import Literal

from media_server.conversation.ladder import Level

REPEAT_S = 1.0


class PipelineNews:
    """What one call was told last."""

    def __init__(self) -> None:
        self._told: Level = "full"
        self._told_at_s = float("-inf")

    def recall(self, level: Level) -> None:
        """What an earlier epoch said last."""
        self._told = level

    def look(self, level: Level, now_s: float) -> Literal["entry", "live"] | None:
        """How to tell of the level of this moment; None: not now."""
        if level != self._told:
            self._told, self._told_at_s = level, now_s
            return "entry"
        if level == "full" or now_s - self._told_at_s < REPEAT_S:
            return None
        self._told_at_s = now_s
        return "live"
