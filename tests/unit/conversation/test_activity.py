"""Whoever is loud talks, and for 400 ms more."""

from __future__ import annotations

import numpy as np

from media_server.conversation.activity import Activity, is_quiet, mean_squares


def noise(dbfs: float) -> float:
    """Its power."""
    frame = np.random.default_rng(1).normal(0, 32_768 * 10 ** (dbfs / 20), (1, 960)).astype(np.float32)
    return float(mean_squares(frame)[0])


def test_speech_is_talk_and_a_quiet_room_is_not() -> None:
    assert Activity().follow(noise(-40))
    assert not Activity().follow(noise(-60))
    assert not Activity().follow(0.0)


def test_talk_lasts_400_ms_longer() -> None:
    activity = Activity()
    activity.follow(noise(-20))
    assert [activity.follow(noise(-70)) for _ in range(25)] == [True] * 20 + [False] * 5


def test_a_missing_frame_is_silence() -> None:
    activity = Activity()
    activity.follow(noise(-20))
    assert [activity.follow(0.0) for _ in range(21)][-2:] == [True, False]


def test_the_loudest_sum_is_measured_without_an_overflow() -> None:
    assert mean_squares(np.full((1, 960), -32_768 * 50, np.float32))[0] > 1e12
    assert not is_quiet(np.full(960, -32_768, np.int16))
