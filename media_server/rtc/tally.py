"""What was dropped of one peer, and when that is enough.

Rules:
- Every dropped packet is counted by its reason; the reasons are few and fixed, because each is a time series.
- A peer is cut off once, for the first reason; the guards drop whatever still comes of it until it is closed.
- Nothing of a packet is logged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from media_server.settings import Limits
from media_server.telemetry import PACKETS_DROPPED, PEERS_CUT_OFF

log = logging.getLogger(__name__)

CODES = {
    "reassembly": "message_too_large",
    "data_channels": "too_many_channels",
    "ssrcs": "too_many_sources",
    "flood": "too_much_traffic",
    "broken": "packets_broken",
    "pace": "audio_too_fast",
}
"""What a client is told that was cut off for a reason."""


class Tally:
    """Counts for one peer; `leave` is called when it is cut off."""

    def __init__(self, limits: Limits, leave: Callable[[], None]) -> None:
        self._limits = limits
        self._leave = leave
        self._failures = 0
        self.is_cut_off = False
        self.code: str | None = None
        """Why it was cut off, as its client is told."""

    def drop(self, reason: str) -> None:
        PACKETS_DROPPED.labels(reason).inc()

    def fail(self, error: Exception) -> None:
        """An authenticated packet broke its handler: the peer may send some of those."""
        self.drop("broken")
        self._failures += 1
        if self._failures == 1:
            log.warning("packet dropped kind=%s", type(error).__name__)
        if self._failures >= self._limits.broken_packets:
            self.cut_off("broken")

    def cut_off(self, reason: str) -> None:
        if self.is_cut_off:
            return
        self.is_cut_off = True
        self.code = CODES[reason]
        PEERS_CUT_OFF.labels(reason).inc()
        log.warning("peer cut off reason=%s", reason)
        self._leave()
