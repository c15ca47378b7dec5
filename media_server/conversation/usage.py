"""What was recorded of one connection, as intervals of media time.

Rules:
- An interval goes on while the next audio begins at most GAP_MS after its end. So long the listener waits for what is
  late before it takes it for silence, and a sender that leaves out silence (Opus DTX sends a packet every 400 ms) costs
  as much as one that sends it. Lost packets and jitter open no interval.
- A longer gap, a pause, leaving, and going off the record oneself end an interval; the time in between is not usage.
- An interval is told again after every REPORT_MS that it grew, and once more when it ends: what a crash can lose is at
  most that, and it is never charged.
- It may overlap with another connection's, of the same participant too: the ledger counts the union.
"""

from __future__ import annotations

from dataclasses import dataclass

GAP_MS = 1_000
REPORT_MS = 10_000


@dataclass(frozen=True, slots=True)
class Interval:
    """Media time in milliseconds; while it grows, `from_ms` stays the same."""

    from_ms: int
    to_ms: int


class UsageMeter:
    """One connection's: add what is heard on the record, take what is to be told."""

    def __init__(self) -> None:
        self._open: Interval | None = None
        self._told_ms = 0
        """The end of the open one as it was told last; its begin before that."""
        self._due: list[Interval] = []

    def add(self, from_ms: int, to_ms: int) -> None:
        """Audio on the record; a connection's audio never goes back in time."""
        if to_ms <= from_ms:
            return
        if self._open is None or from_ms > self._open.to_ms + GAP_MS:
            self.end()
            self._open, self._told_ms = Interval(from_ms, from_ms), from_ms
        self._open = Interval(self._open.from_ms, max(self._open.to_ms, to_ms))
        if self._open.to_ms - self._told_ms >= REPORT_MS:
            self._tell(self._open)

    def end(self) -> None:
        """The next audio begins a new interval, however soon it comes."""
        if self._open is not None and self._open.to_ms > self._told_ms:
            self._tell(self._open)
        self._open = None

    def take(self) -> list[Interval]:
        """What is to be told now, each once."""
        due, self._due = self._due, []
        return due

    def _tell(self, interval: Interval) -> None:
        self._told_ms = interval.to_ms
        if self._due and self._due[-1].from_ms == interval.from_ms:
            self._due.pop()  # the longer one says it too
        self._due.append(interval)
