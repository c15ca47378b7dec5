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


class Tally:
    """Counts for one peer; `leave` is called when it is cut off."""

    def __init__(self, limits: Limits, leave: Callable[[], None]) -> None:
        self._limits = limits
        self._leave = leave
        self._failures = 0
        self.is_cut_off = False

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
        PEERS_CUT_OFF.labels(reason).inc()
        log.warning("peer cut off reason=%s", reason)
        self._leave()
