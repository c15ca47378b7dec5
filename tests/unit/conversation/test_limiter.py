"""Several loud voices stay in range; one at a sensible level is left as it is."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from media_server.conversation.limiter import FULL_SCALE, KNEE, limited

LIMIT = 32_767 * 64


def test_what_lies_below_the_knee_is_untouched() -> None:
    quiet = np.arange(-int(KNEE), int(KNEE) + 1, dtype=np.float32)
    assert np.array_equal(limited(quiet), quiet)


def test_below_the_knee_nothing_changes_beside_a_loud_sample() -> None:
    mixed = np.array([100, -20_000, 90_000], np.float32)
    assert limited(mixed)[:2].tolist() == [100, -20_000]


def test_four_voices_at_full_scale_stay_inside() -> None:
    assert 0.95 * FULL_SCALE < limited(np.array([4 * 32_767], np.float32))[0] < FULL_SCALE


@given(st.lists(st.integers(-LIMIT, LIMIT), min_size=2, max_size=50))
def test_louder_stays_louder_and_the_sign_stays(values: list[int]) -> None:
    mixed = np.array(sorted(values), np.float32)
    result = limited(mixed).astype(int)
    assert (np.diff(result) >= 0).all()
    assert (np.abs(result) <= np.abs(mixed.astype(int))).all()
    assert (result * mixed.astype(int) >= 0).all()


def test_there_is_no_corner_at_the_knee() -> None:
    mixed = np.arange(int(KNEE) - 200, int(KNEE) + 200, dtype=np.float32)
    steps = np.diff(limited(mixed).astype(int))
    assert set(steps.tolist()) <= {0, 1}
    assert steps[:300].sum() >= 297
