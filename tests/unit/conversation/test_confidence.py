"""Confidence is a share of right words."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media_server.conversation.confidence import TABLE, calibrated


def test_the_table_is_met_and_there_are_straight_lines_between_its_points() -> None:
    assert [calibrated(probability) for probability, _ in TABLE] == [share for _, share in TABLE]
    assert round(calibrated(0.5), 6) == 0.58


@given(st.floats(-0.1, 1.1), st.floats(-0.1, 1.1))
def test_more_probable_is_never_less_confident(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0 <= calibrated(low) <= calibrated(high) <= 1
