"""How many seconds of each minute were on the record: the union of everybody's audio.

Rules:
- Two people at the same time cost one second a second.
- Minutes are minutes of UTC; milliseconds left over go on to the next minute, so the total is exact to the second.
- Audio that comes late adds to a minute that was already reported: what is returned is always only what is new.
- Audio more than five minutes older than the newest is not counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from media_server.conversation.intervals import Union

MINUTE_MS = 60_000
KEEP_MS = 5 * MINUTE_MS


class UsageMeter:
    """One session's meter on one node; positions are media-time milliseconds."""

    def __init__(self) -> None:
        self._union = Union()
        self._newest_ms = 0
        self._carry_ms = 0
        self._counted: dict[int, _Minute] = {}

    def add(self, from_ms: int, to_ms: int) -> None:
        """Count audio on the record of any participant."""
        self._union.add(max(from_ms, self._newest_ms - KEEP_MS, 0), to_ms)
        self._newest_ms = max(self._newest_ms, to_ms)

    def take(self, started_at: datetime) -> list[tuple[datetime, int]]:
        """New seconds of minutes that are over; `started_at` is the instant of media time 0, the same in every call."""
        offset_ms = _into_minute_ms(started_at)
        return self._take(started_at, (self._newest_ms + offset_ms) // MINUTE_MS)

    def flush(self, started_at: datetime) -> list[tuple[datetime, int]]:
        """New seconds of every minute, the running one too: before a pause and at the end."""
        offset_ms = _into_minute_ms(started_at)
        return self._take(started_at, (self._newest_ms + offset_ms) // MINUTE_MS + 1)

    def _take(self, started_at: datetime, end_minute: int) -> list[tuple[datetime, int]]:
        offset_ms = _into_minute_ms(started_at)
        if self._union.first_ms is None:
            return []
        first_minute = (self._union.first_ms + offset_ms) // MINUTE_MS
        zero = started_at - timedelta(milliseconds=offset_ms)
        zero = zero.replace(microsecond=0)
        taken = []
        for minute in range(first_minute, end_minute):
            start_ms = minute * MINUTE_MS - offset_ms
            seconds = self._count(minute, self._union.covered(start_ms, start_ms + MINUTE_MS))
            if seconds:
                taken.append((zero + timedelta(minutes=minute), seconds))
        self._forget((self._newest_ms - KEEP_MS + offset_ms) // MINUTE_MS, offset_ms)
        return taken

    def _count(self, minute: int, covered_ms: int) -> int:
        before = self._counted.get(minute, _Minute(0, 0))
        fresh_ms = covered_ms - before.covered_ms + self._carry_ms
        seconds = min(fresh_ms // 1000, 60 - before.seconds)
        self._carry_ms = fresh_ms - seconds * 1000
        self._counted[minute] = _Minute(covered_ms, before.seconds + seconds)
        return seconds

    def _forget(self, before_minute: int, offset_ms: int) -> None:
        self._union.forget_before(before_minute * MINUTE_MS - offset_ms)
        for minute in [minute for minute in self._counted if minute < before_minute]:
            del self._counted[minute]


@dataclass(frozen=True, slots=True)
class _Minute:
    covered_ms: int
    seconds: int


def _into_minute_ms(at: datetime) -> int:
    return at.second * 1000 + at.microsecond // 1000
