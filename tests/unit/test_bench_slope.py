"""The slope of a soak: what people take is no growth, nor is a burst; what grows is found, with how sure that is."""

from __future__ import annotations

import random

import pytest

from deploy.bench.slope import FEWEST, Sample, slope

EVERY_S = 5.0


def samples(mb_h: float, noise_mb: float = 0.0, count: int = 200) -> list[Sample]:
    chance = random.Random(1)
    people = [chance.randint(0, 20) for _ in range(count)]
    return [
        Sample(n * EVERY_S, here, 100 + 0.25 * here + mb_h * n * EVERY_S / 3600 + chance.gauss(0, noise_mb))
        for n, here in enumerate(people)
    ]


@pytest.mark.parametrize("mb_h", [-3.0, 0.0, 1.0, 40.0])
def test_growth_is_found_whoever_is_here(mb_h: float) -> None:
    found = slope(samples(mb_h))
    assert found is not None
    assert found.mb_h == pytest.approx(mb_h, abs=0.01)


def test_noise_widens_the_interval_and_the_truth_lies_within() -> None:
    sure, unsure = slope(samples(1, noise_mb=0.01)), slope(samples(1, noise_mb=0.5))
    assert sure is not None
    assert unsure is not None
    assert unsure.low_mb_h < sure.low_mb_h < 1 < sure.high_mb_h < unsure.high_mb_h


def test_a_burst_is_no_growth() -> None:
    steady = samples(0)
    burst = [Sample(one.at_s, one.people, one.size_mb + 50) for one in steady[100:110]]
    found = slope(steady[:100] + burst + steady[110:])
    assert found is not None
    assert found.mb_h == pytest.approx(0, abs=2)


def test_of_too_few_samples_there_is_no_slope() -> None:
    assert slope(samples(1, count=FEWEST)) is not None
    assert slope(samples(1, count=FEWEST - 1)) is None
