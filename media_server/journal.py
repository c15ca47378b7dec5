"""What a call writes and says: durable entries that are then published, and live messages that are not kept."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from media_server import telemetry
from media_server.call_clock import CallClock
from media_server.errors import MediaError
from media_server.event_log import EventLog, LeaseLostError
from media_server.events import Event, TranscriptFinal, encode, payload
from media_server.fanout import Fanout, Reader

log = logging.getLogger(__name__)


class Journal:
    """Stamps everything with media time, and with the Postgres clock for the database's rows."""

    def __init__(self, event_log: EventLog, fanout: Fanout, clock: CallClock, on_lost: Callable[[], None]) -> None:
        self._log = event_log
        self._fanout = fanout
        self._clock = clock
        self._on_lost = on_lost
        self.missed_ms: tuple[int, int] | None = None
        """From the first to the last of the finals that could not be kept."""

    @property
    def trouble(self) -> str | None:
        """Why entries cannot be kept right now."""
        return self._log.trouble

    async def append(self, event: Event, *, audience: str | None = None, row: dict[str, Any] | None = None) -> bool:
        """Log, then publish; False when the node may not (its lease is lost) or cannot (its spool is full)."""
        at = {"at": self._clock.wall().isoformat()}
        try:
            await self._log.append(event, self._clock.now_ms(), audience=audience, row=at | (row or {}))
        except LeaseLostError:
            self._on_lost()
            return False
        except MediaError as error:
            log.error("entry not written session=%s type=%s code=%s", self._log.session_id, event.type, error.code)
            telemetry.ENTRIES_LOST.inc()
            self._miss(event)
            return False
        return True

    def forget_missed(self) -> None:
        """People were told of it."""
        self.missed_ms = None

    def _miss(self, event: Event) -> None:
        if isinstance(event, TranscriptFinal):
            start_ms, end_ms = self.missed_ms or (event.start_ms, event.end_ms)
            self.missed_ms = min(start_ms, event.start_ms), max(end_ms, event.end_ms)

    def stamped(self, event: Event) -> bytes:
        """A live message for one participant."""
        return encode(event.type, payload(event), self._clock.now_ms())

    def live(self, event: Event) -> None:
        """Say what the next such message replaces."""
        self._fanout.live(event, self._clock.now_ms())

    def live_to(self, reader: Reader, event: Event) -> None:
        """Say it to one reader alone."""
        self._fanout.live_to(reader, event, self._clock.now_ms())
