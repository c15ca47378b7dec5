"""How well a line carries speech, from two readings of its counters."""

from __future__ import annotations

import itertools
import math

import pytest

from media_server.conversation.quality import (
    LEAST_PACKETS,
    Quality,
    QualityWindow,
    Rating,
    Reading,
    between,
    rate,
    transmission_rating,
)


def interval(**after: float | None) -> Quality:
    """Two seconds that began with nothing."""
    return between(Reading(0.0), Reading(2.0, **after))  # type: ignore[arg-type]


def test_loss_is_a_share_of_what_should_have_come() -> None:
    quality = interval(received=88, lost=12, late=5)
    assert (quality.expected, quality.lost, quality.late, quality.loss) == (100, 12, 5, 0.12)


def test_what_happened_before_the_interval_does_not_count() -> None:
    before = Reading(10.0, received=1_000, lost=500, lost_ms=10_000, heard_samples=9, clipped_samples=9)
    after = Reading(12.0, received=1_100, lost=500, lost_ms=10_000, heard_samples=100, clipped_samples=9)
    quality = between(before, after)
    assert (quality.loss, quality.concealed, quality.clipped, quality.concealed_ms_per_s) == (0, 0, 0, 0)


def test_what_the_next_packet_repeated_is_lost_but_not_concealed() -> None:
    quality = interval(received=90, lost=10, lost_ms=200.0, recovered_ms=150.0)
    assert (quality.loss, quality.recovered) == (0.1, 0.75)
    assert quality.concealed == pytest.approx(0.025)
    assert quality.concealed_ms_per_s == 25


@pytest.mark.parametrize(("packets", "is_known"), [(LEAST_PACKETS - 1, False), (LEAST_PACKETS, True)])
def test_of_a_few_packets_no_share_is_said(packets: int, is_known: bool) -> None:
    quality = interval(received=packets - 1, lost=1, jitter_ms=3.0)
    assert (quality.loss is not None, quality.jitter_ms is not None) == (is_known, is_known)


@pytest.mark.parametrize(("sent", "hears_lost"), [(LEAST_PACKETS - 1, None), (LEAST_PACKETS, 0.5)])
def test_what_they_miss_of_silence_says_nothing(sent: int, hears_lost: float | None) -> None:
    quality = between(Reading(0.0, sent=1_000), Reading(2.0, sent=1_000 + sent, hears_lost=0.5))
    assert (quality.hears_lost, quality.rating) == (hears_lost, "unknown" if hears_lost is None else "poor")


def test_a_muted_line_has_no_loss_level_or_clipping() -> None:
    quality = interval()
    assert (quality.loss, quality.level_dbfs, quality.clipped, quality.rating) == (None, None, None, "unknown")


def test_the_level_is_the_rms_of_the_talk_alone() -> None:
    quality = interval(heard_samples=32_000, loud_samples=8_000, loud_energy=8_000 * 0.1**2)
    assert quality.level_dbfs == pytest.approx(-20)


def test_clipping_is_a_share_of_everything_that_was_heard() -> None:
    assert interval(heard_samples=32_000, clipped_samples=320).clipped == 0.01


@pytest.mark.parametrize(
    ("concealed", "delay_ms", "r"),
    [(0.0, 0, 93.2), (0.0, 100, 93.2), (0.0, 150, 93.0), (0.0, 200, 90.2), (0.0, 400, 69.1), (0.05, 0, 77.4)],
)
def test_the_e_model_gives_what_the_recommendation_gives(concealed: float, delay_ms: float, r: float) -> None:
    """The curve over delay that ITU-T G.114 shows (figure 1), and 95 · 5 / (5 + 25.1) off it for 5 % loss."""
    assert transmission_rating(concealed, delay_ms) == pytest.approx(r, abs=0.1)


def test_more_loss_and_more_delay_are_never_better() -> None:
    ratings = [transmission_rating(loss / 100, 60) for loss in range(60)]
    assert ratings == sorted(ratings, reverse=True)
    ratings = [transmission_rating(0, delay) for delay in range(0, 2_000, 10)]
    assert all(one >= other - 1e-9 for one, other in itertools.pairwise(ratings))
    assert math.isfinite(transmission_rating(1.0, 60_000))


@pytest.mark.parametrize(
    ("concealed", "hears_lost", "rtt_ms", "rating"),
    [
        (0.0, 0.0, 20.0, "good"),
        (0.03, None, None, "good"),
        (0.05, None, None, "fair"),
        (0.09, None, None, "poor"),
        (0.0, 0.09, None, "poor"),
        (0.0, None, 150.0, "good"),
        (0.0, None, 500.0, "fair"),
        (0.0, None, 700.0, "poor"),
        (None, None, 30.0, "good"),
        (None, None, None, "unknown"),
    ],
)
def test_the_worse_direction_and_the_delay_make_the_rating(
    concealed: float | None, hears_lost: float | None, rtt_ms: float | None, rating: Rating
) -> None:
    assert rate(concealed, hears_lost, rtt_ms, 2.0) == rating


def test_a_burst_shows_for_three_intervals_and_is_forgotten_then() -> None:
    window = QualityWindow()
    shares = []
    lost = 0
    for number in range(8):
        lost += 30 if number == 2 else 0
        quality = window.take(Reading(2.0 * number, received=100 * number - lost, lost=lost))
        shares.append(quality.loss if quality else None)
    assert shares == [None, 0, 0.15, 0.1, 0.1, 0, 0, 0]


def test_the_newest_interval_is_told_alone_too() -> None:
    window = QualityWindow()
    for number, lost in enumerate((0, 0, 40, 40)):
        window.take(Reading(2.0 * number, received=100 * number - lost, lost=lost))
    newest = window.newest()
    assert newest is not None
    assert (newest.expected, newest.lost) == (100, 0)
