"""Media time of one call, read from the loop's clock.

0 is the first audio packet of the session's first call. A later epoch continues by the Postgres clock as the lease
told it, so that times in a session never go back.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from media_server.conversation.types import SAMPLE_RATE_HZ


class CallClock:
    """Stands at 0 until `start`."""

    def __init__(self, loop_time: Callable[[], float], db_now: datetime, recording_started_at: datetime | None) -> None:
        self._loop_time = loop_time
        self._acquired_s = loop_time()
        self._db_now = db_now
        self._origin_s: float | None = None
        if recording_started_at is not None:
            self._origin_s = self._acquired_s - (db_now - recording_started_at).total_seconds()

    @property
    def is_started(self) -> bool:
        return self._origin_s is not None

    def start(self, ago_ms: int = 0) -> None:
        """Media time 0 was `ago_ms` ago."""
        if self._origin_s is None:
            self._origin_s = self._loop_time() - ago_ms / 1000

    def now_samples(self) -> int:
        if self._origin_s is None:
            return 0
        return max(0, round((self._loop_time() - self._origin_s) * SAMPLE_RATE_HZ))

    def now_ms(self) -> int:
        return self.now_samples() * 1000 // SAMPLE_RATE_HZ

    def wall(self) -> datetime:
        """The Postgres clock now, as far as the loop's clock tells."""
        return self._db_now + timedelta(seconds=self._loop_time() - self._acquired_s)

    def started_at(self) -> datetime:
        """The instant of media time 0, UTC; the same every time."""
        origin_s = self._acquired_s if self._origin_s is None else self._origin_s
        return (self._db_now + timedelta(seconds=origin_s - self._acquired_s)).astimezone(UTC)
