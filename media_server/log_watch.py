"""Telling the people of a call whether what they say is kept.

While this node's disk takes no entries in, nobody is shown a final: it would be lost with the node. Everybody is told
so at once and again every second, by a live message, which needs no entry and may be lost. When it is over they are
told that as well, and what was missed becomes an entry of the log.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from media_server.events import Error, Event, LogState, LogStatus

LOOK_EVERY_S = 0.1
REPEAT_S = 1.0
RETOLD_FOR_S = 5.0
"""How long it is said again that all is well."""

_STATES: dict[str, LogState] = {"spool_full": "full", "spool_stalled": "late"}


class Journal(Protocol):
    @property
    def trouble(self) -> str | None: ...

    @property
    def missed_ms(self) -> tuple[int, int] | None: ...

    def live(self, event: Event) -> None: ...

    async def append(self, event: Event) -> bool: ...

    def forget_missed(self) -> None: ...


class LogNews:
    """Which status to tell when: at a change, every second while it is bad, and for a while after it was."""

    def __init__(self) -> None:
        self._state: LogState = "kept"
        self._changed_at_s = float("-inf")
        self._told_at_s = float("-inf")

    def look(self, trouble: str | None, now_s: float) -> LogStatus | None:
        state: LogState = "kept" if trouble is None else _STATES.get(trouble, "failed")
        if state != self._state:
            self._state, self._changed_at_s = state, now_s
        elif now_s - self._told_at_s < REPEAT_S or (state == "kept" and now_s - self._changed_at_s > RETOLD_FOR_S):
            return None
        self._told_at_s = now_s
        return LogStatus(state)


async def watch_log(journal: Journal) -> None:
    """Until cancelled."""
    loop, news = asyncio.get_running_loop(), LogNews()
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        trouble = journal.trouble
        if (status := news.look(trouble, loop.time())) is not None:
            journal.live(status)
        if trouble is None and journal.missed_ms is not None and await journal.append(missed(*journal.missed_ms)):
            journal.forget_missed()


def missed(from_ms: int, to_ms: int) -> Error:
    return Error(
        "text_not_kept",
        f"Something said between {_clock(from_ms)} and {_clock(to_ms)} is not in the transcript:"
        " the server had no room to write it down.",
    )


def _clock(ms: int) -> str:
    minutes, seconds = divmod(ms // 1000, 60)
    return f"{minutes}:{seconds:02}"
