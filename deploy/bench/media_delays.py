"""Arithmetic of delays: which packet a sample came from, and how long that packet took."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from deploy.bench.media_measured import Arrival
from deploy.bench.rows import percentile

PACKET_SAMPLES = 320
"""20 ms at 16 kHz."""

Delays = dict[int, float]
"""Of each packet that was sent and came out again, ms."""


def delays_ms(sent_s: npt.NDArray[np.float64], arrivals: Sequence[Arrival]) -> Delays:
    """From sending a packet to the arrival of the sample in its middle, the first time that it comes.

    Args:
        sent_s: when each packet was sent; NaN for one that was lost.
        arrivals: in order; the first sample ever is the first packet's.
    """
    delays: Delays = {}
    for pts, length, arrival_s in arrivals:
        first = -((PACKET_SAMPLES // 2 - pts) // PACKET_SAMPLES)
        last = (pts + length - 1 - PACKET_SAMPLES // 2) // PACKET_SAMPLES
        for number in range(max(0, first), min(last + 1, len(sent_s))):
            if number not in delays and not np.isnan(sent_s[number]):
                delays[number] = 1000 * (arrival_s - float(sent_s[number]))
    return delays


def within(delays: Delays, first: int, end: int) -> list[float]:
    """Of packets `first` … `end` - 1."""
    return [delay for number, delay in delays.items() if first <= number < end]


def click_delays_ms(sent_s: Sequence[float], onsets_s: Sequence[float], longest_s: float) -> list[float]:
    """From each sent click to the first onset after it; a click without one within `longest_s` does not count."""
    delays = []
    for sent in sent_s:
        heard = next((onset for onset in onsets_s if 0 < onset - sent <= longest_s), None)
        if heard is not None:
            delays.append(1000 * (heard - sent))
    return delays


def spread(delays: Sequence[float]) -> str:
    """For a row's conditions."""
    p50, p95 = (percentile(delays, percent) for percent in (50, 95))
    return "nothing" if p50 is None else f"p50 {p50:.1f} p95 {p95:.1f}"
