"""A whole is shared out exactly, and unevenly."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deploy.bench.db_shares import shares, uneven


@given(st.integers(0, 10**6), st.lists(st.floats(0.001, 1000), min_size=1, max_size=50))
def test_shares_sum_up_to_the_whole(total: int, weights: list[float]) -> None:
    assert sum(shares(total, weights)) == total


@given(st.integers(0, 10**6), st.lists(st.floats(0.001, 1000), min_size=1, max_size=50))
def test_each_share_is_as_the_weights_say(total: int, weights: list[float]) -> None:
    for share, weight in zip(shares(total, weights), weights, strict=True):
        assert abs(share - total * weight / sum(weights)) < 1.001


def test_the_largest_of_five_hundred_is_a_twentieth() -> None:
    parts = shares(20_000, uneven(500))
    assert 900 < max(parts) < 1100
    assert min(parts) > 0
