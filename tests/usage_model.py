"""What usage must be, worked out naively: a session's recorded milliseconds are the bits of one number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

MINUTE_MS = 60_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Run = tuple[UUID, int, int]
"""Participant, epoch, from_ms."""


@dataclass(slots=True)
class ModelSession:
    """One session's ledger; `minutes` is what was derived last, or what somebody made of it since."""

    user_id: UUID
    zero: datetime
    """The instant of media time 0."""
    runs: dict[Run, int] = field(default_factory=dict)
    """to_ms of every run."""
    minutes: dict[datetime, int] = field(default_factory=dict)

    def record(self, rows: Iterable[tuple[Run, int]]) -> None:
        """Rows that are new or longer make the minutes be derived anew; others change nothing."""
        before = dict(self.runs)
        for run, to_ms in rows:
            self.runs[run] = max(to_ms, self.runs.get(run, 0))
        if self.runs != before:
            self.minutes = self.derived()

    def derived(self) -> dict[datetime, int]:
        return minutes_of(self.zero, [(from_ms, to_ms) for (_, _, from_ms), to_ms in self.runs.items()])


def minutes_of(zero: datetime, intervals: Iterable[tuple[int, int]]) -> dict[datetime, int]:
    """Whole seconds of each minute: those up to its end, less those up to its begin."""
    zero_ms = (zero - _EPOCH) // timedelta(milliseconds=1)
    recorded = 0
    for from_ms, to_ms in intervals:
        recorded |= ((1 << (to_ms - from_ms)) - 1) << from_ms
    minutes: dict[datetime, int] = {}
    minute_ms = zero_ms - zero_ms % MINUTE_MS
    while minute_ms - zero_ms < recorded.bit_length():
        until, before = (_seconds(recorded, at - zero_ms) for at in (minute_ms + MINUTE_MS, minute_ms))
        if until > before:
            minutes[_EPOCH + timedelta(milliseconds=minute_ms)] = until - before
        minute_ms += MINUTE_MS
    return minutes


def _seconds(recorded: int, until_ms: int) -> int:
    """Whole seconds among the first milliseconds."""
    return (recorded & ((1 << max(0, until_ms)) - 1)).bit_count() // 1000


def months_of(sessions: Iterable[ModelSession]) -> dict[tuple[UUID, str], int]:
    """Seconds of each person and month."""
    months: Counter[tuple[UUID, str]] = Counter()
    for session in sessions:
        for minute_at, seconds in session.minutes.items():
            months[session.user_id, f"{minute_at:%Y-%m}"] += seconds
    return {month: seconds for month, seconds in months.items() if seconds}
