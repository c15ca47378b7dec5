"""One direction of a bad network: when each packet arrives at the other end, if it does.

Rules:
- The same seed, packets and times give the same arrivals.
- A rate is each flow's own, kept by a queue in front of the line, which has a bound and drops the newest.
- What is delayed by chance may overtake: packets are not kept in order.

Times are seconds of one clock that never goes back.
"""

from __future__ import annotations

import random
from collections.abc import Hashable
from dataclasses import dataclass

LATE_S = 0.025
"""By how much a packet is late that others overtake: more than the 20 ms between two of a voice."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the line does to packets; nothing, unless it is said."""

    loss: float = 0.0
    """Share of packets, each by itself."""
    burst_s: float = 0.0
    burst_every_s: float = 0.0
    """Nothing passes for so long, so often; the first time after one period. 0: never."""
    delay_s: float = 0.0
    jitter_s: float = 0.0
    """Added to the delay or taken from it, evenly."""
    reorder: float = 0.0
    """Share of packets that are late by `LATE_S` more."""
    duplicate: float = 0.0
    """Share of packets that come twice."""
    rate_bit_s: float = 0.0
    """Of each flow; 0: no bound."""
    queue_s: float = 0.5
    """How long a packet may wait for a line with a rate."""
    is_dark: bool = False
    """Nothing passes."""


GOOD = Conditions()
DARK = Conditions(is_dark=True)


class Line:
    """The state of one direction: its chance, its queue, and what it passed."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._conditions = GOOD
        self._since = 0.0
        self._free_at: dict[Hashable, float] = {}
        """When the queue of a flow will be empty."""

    def change(self, conditions: Conditions, now: float) -> None:
        self._conditions, self._since = conditions, now

    def arrivals(self, size: int, now: float, flow: Hashable = None) -> list[float]:
        """When a packet of `size` bytes that is sent now arrives: never, once, or twice."""
        conditions = self._conditions
        if conditions.is_dark or self._is_in_burst(now) or self._chance.random() < conditions.loss:
            return []
        sent_at = now
        if conditions.rate_bit_s:
            free_at = max(now, self._free_at.get(flow, now))
            if free_at - now > conditions.queue_s:
                return []
            self._free_at[flow] = sent_at = free_at + 8 * size / conditions.rate_bit_s
        arrivals = [self._arrival(sent_at)]
        if self._chance.random() < conditions.duplicate:
            arrivals.append(self._arrival(sent_at))
        return arrivals

    def _is_in_burst(self, now: float) -> bool:
        if not self._conditions.burst_every_s:
            return False
        periods, rest = divmod(now - self._since, self._conditions.burst_every_s)
        return periods >= 1 and rest < self._conditions.burst_s

    def _arrival(self, sent_at: float) -> float:
        conditions = self._conditions
        delay_s = conditions.delay_s + self._chance.uniform(-conditions.jitter_s, conditions.jitter_s)
        if self._chance.random() < conditions.reorder:
            delay_s += LATE_S
        return sent_at + max(0.0, delay_s)
