"""The union of time intervals, grown one at a time; overlaps count once."""

from __future__ import annotations

from bisect import bisect_left, bisect_right


class Union:
    """Disjoint, sorted, half-open intervals in milliseconds."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, start_ms: int, end_ms: int) -> int:
        """Add an interval; returns how many milliseconds were not covered before."""
        if end_ms <= start_ms:
            return 0
        first = bisect_left(self._ends, start_ms)
        last = bisect_right(self._starts, end_ms)
        known = sum(self._ends[first:last]) - sum(self._starts[first:last])
        if first < last:
            start_ms = min(start_ms, self._starts[first])
            end_ms = max(end_ms, self._ends[last - 1])
        self._starts[first:last] = [start_ms]
        self._ends[first:last] = [end_ms]
        return end_ms - start_ms - known

    def covered(self, start_ms: int, end_ms: int) -> int:
        """Milliseconds of the union inside these bounds."""
        first = bisect_right(self._ends, start_ms)
        total = 0
        for start, end in zip(self._starts[first:], self._ends[first:], strict=True):
            if start >= end_ms:
                break
            total += min(end, end_ms) - max(start, start_ms)
        return total

    def forget_before(self, at_ms: int) -> None:
        """Drop what ended before; whoever forgets must not add there again."""
        first = bisect_right(self._ends, at_ms)
        del self._starts[:first]
        del self._ends[:first]
