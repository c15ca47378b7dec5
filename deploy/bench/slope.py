"""How fast something grows, from samples that are noisy, and how sure that is.

Method: what each participant takes is estimated by least squares and taken off; of the rest the slope is the median of
the slopes between any two samples (Theil and Sen), and its confidence interval the one that follows from Kendall's
rank statistic (Sen 1968, J. Am. Stat. Assoc. 63). Single bursts move neither.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FEWEST = 5
"""With fewer samples there is no slope."""
_Z_95 = 1.96


@dataclass(frozen=True, slots=True)
class Sample:
    at_s: float
    people: int
    size_mb: float


@dataclass(frozen=True, slots=True)
class Slope:
    """MB/h, with the ends of its 95 % confidence interval."""

    mb_h: float
    low_mb_h: float
    high_mb_h: float


def slope(samples: Sequence[Sample]) -> Slope | None:
    """None: there are too few samples."""
    if len(samples) < FEWEST:
        return None
    at_h = np.array([sample.at_s for sample in samples]) / 3600
    sizes_mb = np.array([sample.size_mb for sample in samples])
    people = np.array([float(sample.people) for sample in samples])
    between = _pairwise(at_h, sizes_mb - _share_of_people(at_h, people, sizes_mb))
    n = len(samples)
    spread = _Z_95 * math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    low, high = (int((len(between) + side * spread) / 2) for side in (-1, 1))
    return Slope(float(np.median(between)), float(between[max(0, low)]), float(between[min(len(between) - 1, high)]))


Floats = npt.NDArray[np.float64]


def _share_of_people(at_h: Floats, people: Floats, sizes_mb: Floats) -> Floats:
    causes = np.column_stack((at_h, people, np.ones(len(at_h))))
    (_, each_mb, _), *_ = np.linalg.lstsq(causes, sizes_mb, rcond=None)
    return people * float(each_mb)


def _pairwise(at_h: Floats, sizes_mb: Floats) -> Floats:
    first, second = np.triu_indices(len(at_h), 1)
    return np.sort((sizes_mb[second] - sizes_mb[first]) / (at_h[second] - at_h[first]))
