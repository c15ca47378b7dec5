"""How well one participant's line carries speech, from what was counted on it.

Rules:
- Loss is what speech had to do without when its time came: packets that never came, and those that came too late.
  What the next packet repeated (in-band FEC) was lost too, but costs no speech.
- Jitter is the interarrival jitter of RFC 3550 §6.4.1, estimated as in its appendix A.8.
- The rating is that of the E-model (ITU-T G.107): R = 93.2 - Idd - Ie,eff, from the audio that had to be concealed and
  the delay of one way, with the worse one of the two directions. Its steps are those of G.109: below 80 some people
  are dissatisfied, below 70 many are.
- Nothing is made up: what a line did not show in the time looked at is None, or a rating of `unknown`.

A rating looks at the last six seconds, so that a single burst shows and soon is forgotten.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Literal

Rating = Literal["good", "fair", "poor", "unknown"]

EVERY_S = 2.0
"""From one reading to the next."""
WINDOW = 3
"""Intervals that a rating looks at."""
LEAST_PACKETS = 25
"""Half a second of audio: of fewer packets nobody can say what share is lost."""

BEST_R = 93.2
"""With every other parameter of G.107 at its default."""
LOSS_ROBUSTNESS = 25.1
"""Bpl of a codec with packet loss concealment (G.113 Appendix I gives it for G.711; there is none for Opus)."""
OWN_DELAY_MS = 60.0
"""Of a packet, its encoder and the mixer's playout."""
GOOD_R, FAIR_R = 80.0, 70.0


@dataclass(frozen=True, slots=True)
class Reading:
    """Totals since the line began, and what holds now."""

    at_s: float
    received: int = 0
    """Packets, without duplicates and without those that came too late."""
    lost: int = 0
    late: int = 0
    """Of the lost ones, those that came after all."""
    lost_ms: float = 0.0
    """Audio of the lost packets."""
    recovered_ms: float = 0.0
    """Of that, what the next packet repeated."""
    jitter_ms: float = 0.0
    rtt_ms: float | None = None
    sent: int = 0
    """Packets that we sent."""
    hears_lost: float | None = None
    """Share of our packets that the participant's own receiver misses (RTCP); None before its first report."""
    heard_samples: int = 0
    clipped_samples: int = 0
    loud_samples: int = 0
    """In blocks that count as talk."""
    loud_energy: float = 0.0
    """Sum of the squares of those, full scale being 1."""


@dataclass(frozen=True, slots=True)
class Quality:
    """One participant's line between two readings; shares are 0 … 1."""

    expected: int
    """Packets that should have come."""
    lost: int
    late: int
    loss: float | None
    """Share of the expected packets that were lost; None when hardly any were expected."""
    concealed: float | None
    """Share of the expected audio that neither came nor could be recovered."""
    recovered: float | None
    """Share of the lost audio that the next packet repeated; None without loss."""
    concealed_ms_per_s: float
    jitter_ms: float | None
    rtt_ms: float | None
    hears_lost: float | None
    level_dbfs: float | None
    """RMS while there was talk; None without."""
    clipped: float | None
    """Share of the samples at full scale; None when nothing was heard."""
    rating: Rating


class QualityWindow:
    """One line's last readings."""

    def __init__(self) -> None:
        self._readings: deque[Reading] = deque(maxlen=WINDOW + 1)
        self.rating: Rating = "unknown"

    def take(self, reading: Reading) -> Quality | None:
        """How the line was in the window that ends with `reading`; None for the first one."""
        self._readings.append(reading)
        if len(self._readings) < 2:
            return None
        quality = between(self._readings[0], reading)
        self.rating = quality.rating
        return quality

    def newest(self) -> Quality | None:
        """The same, for the last interval alone."""
        if len(self._readings) < 2:
            return None
        return between(self._readings[-2], self._readings[-1])


def between(before: Reading, after: Reading) -> Quality:
    """What happened from one reading to a later one of the same line."""
    lost, late = after.lost - before.lost, after.late - before.late
    expected = after.received - before.received + lost
    lost_ms = after.lost_ms - before.lost_ms
    recovered_ms = min(lost_ms, after.recovered_ms - before.recovered_ms)
    is_known = expected >= LEAST_PACKETS
    loss = lost / expected if is_known else None
    recovered = recovered_ms / lost_ms if lost_ms else None
    concealed = loss * (1 - (recovered or 0.0)) if loss is not None else None
    jitter_ms = after.jitter_ms if is_known else None
    # Of the few packets of somebody's silence a single one would be half.
    hears_lost = after.hears_lost if after.sent - before.sent >= LEAST_PACKETS else None
    heard = after.heard_samples - before.heard_samples
    return Quality(
        expected=expected,
        lost=lost,
        late=late,
        loss=loss,
        concealed=concealed,
        recovered=recovered,
        concealed_ms_per_s=(lost_ms - recovered_ms) / max(after.at_s - before.at_s, 1e-3),
        jitter_ms=jitter_ms,
        rtt_ms=after.rtt_ms,
        hears_lost=hears_lost,
        level_dbfs=_level_dbfs(after.loud_samples - before.loud_samples, after.loud_energy - before.loud_energy),
        clipped=(after.clipped_samples - before.clipped_samples) / heard if heard else None,
        rating=rate(concealed, hears_lost, after.rtt_ms, jitter_ms),
    )


def rate(concealed: float | None, hears_lost: float | None, rtt_ms: float | None, jitter_ms: float | None) -> Rating:
    """Good, fair or poor by the E-model; unknown when there is neither loss nor round trip to judge by."""
    lost = [share for share in (concealed, hears_lost) if share is not None]
    if not lost and rtt_ms is None:
        return "unknown"
    r = transmission_rating(max(lost, default=0.0), one_way_ms(rtt_ms or 0.0, jitter_ms or 0.0))
    if r >= GOOD_R:
        return "good"
    return "fair" if r >= FAIR_R else "poor"


def one_way_ms(rtt_ms: float, jitter_ms: float) -> float:
    """From mouth to ear, near enough: half the round trip, a buffer of twice the jitter, and what we add ourselves."""
    return rtt_ms / 2 + 2 * jitter_ms + OWN_DELAY_MS


def transmission_rating(concealed: float, delay_ms: float) -> float:
    """R of ITU-T G.107 (06/2015), §7: random loss (BurstR = 1), no echo.

    Args:
        concealed: 0 … 1 of the audio.
        delay_ms: one way, mouth to ear.
    """
    loss_percent = 100 * concealed
    equipment = 95 * loss_percent / (loss_percent + LOSS_ROBUSTNESS)
    return BEST_R - _delay_impairment(delay_ms) - equipment


def _delay_impairment(delay_ms: float) -> float:
    """Idd, equations 7-27 and 7-28."""
    if delay_ms <= 100:
        return 0.0
    x = math.log2(delay_ms / 100)
    return 25 * (math.pow(1 + x**6, 1 / 6) - 3 * math.pow(1 + (x / 3) ** 6, 1 / 6) + 2)


def _level_dbfs(samples: int, energy: float) -> float | None:
    return 10 * math.log10(energy / samples) if samples > 0 and energy > 0 else None
