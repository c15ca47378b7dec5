"""Frames on the call's timeline: gaps stay gaps, jumps and drift anchor again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_server.conversation.media_clock import TrackClock

FRAME = 320
SECOND = 16_000


def test_the_first_frame_ends_when_it_arrives() -> None:
    assert TrackClock().place(pts=99_999, n=FRAME, arrival=50_000) == 50_000 - FRAME


def test_jitter_moves_nothing() -> None:
    clock = TrackClock()
    first = clock.place(0, FRAME, 10_000)
    assert clock.place(FRAME, FRAME, 10_000 + 5 * FRAME) == first + FRAME
    assert clock.place(2 * FRAME, FRAME, 10_000 + 5 * FRAME) == first + 2 * FRAME


def test_a_lost_packet_is_a_gap() -> None:
    clock = TrackClock()
    first = clock.place(0, FRAME, 10_000)
    assert clock.place(2 * FRAME, FRAME, 10_000 + 2 * FRAME) == first + 2 * FRAME


def test_a_long_silence_that_the_arrival_shares_is_a_gap() -> None:
    clock = TrackClock()
    first = clock.place(0, FRAME, 10_000)
    assert clock.place(10 * SECOND, FRAME, 10_000 + 10 * SECOND + 100) == first + 10 * SECOND


def test_a_jump_of_a_day_anchors_at_the_arrival() -> None:
    clock = TrackClock()
    clock.place(0, FRAME, 10_000)
    assert clock.place(86_400 * SECOND, FRAME, 20_000) == 20_000 - FRAME
    assert clock.place(86_400 * SECOND + FRAME, FRAME, 20_000 + FRAME) == 20_000


def test_a_jump_back_anchors_at_the_arrival() -> None:
    clock = TrackClock()
    clock.place(86_400 * SECOND, FRAME, 10_000)
    assert clock.place(0, FRAME, 20_000) == 20_000 - FRAME


def test_a_stall_followed_by_a_burst_shifts_nothing() -> None:
    clock = TrackClock()
    first = clock.place(0, FRAME, 10_000)
    burst = 10_000 + 3 * SECOND
    places = [clock.place(number * FRAME, FRAME, burst) for number in range(1, 150)]
    assert places == [first + number * FRAME for number in range(1, 150)]


def test_a_sender_that_paused_its_clock_is_anchored_again_within_two_seconds() -> None:
    clock = TrackClock()
    clock.place(0, FRAME, 10_000)
    late = 10_000 + 5 * SECOND
    for number in range(1, 250):
        place = clock.place(number * FRAME, FRAME, late + number * FRAME)
    assert place == late + 249 * FRAME - FRAME


def test_a_first_frame_that_came_late_is_made_up_for_at_the_next_gap() -> None:
    clock = TrackClock()
    clock.place(0, FRAME, 10_000 + SECOND)
    assert clock.place(FRAME, FRAME, 10_000 + SECOND) == 10_000 + SECOND
    for number in range(2, 60):
        clock.place(number * FRAME, FRAME, 10_000 + max(SECOND, number * FRAME))
    assert clock.place(200 * FRAME, FRAME, 10_000 + 200 * FRAME) - (10_000 + 199 * FRAME) <= 400 * 16


def test_who_is_ten_times_too_fast_gets_two_seconds_ahead_and_no_further() -> None:
    clock = TrackClock(ahead_samples=2 * SECOND)
    arrivals = [10_000 + number * FRAME // 10 for number in range(2_000)]
    places = [clock.place(number * FRAME, FRAME, arrival) for number, arrival in enumerate(arrivals)]
    leads = [place - (arrival - FRAME) for place, arrival in zip(places, arrivals, strict=True) if place is not None]
    assert 2 * SECOND - FRAME < max(leads) <= 2 * SECOND
    kept = len(leads) * FRAME
    assert kept == pytest.approx(arrivals[-1] - arrivals[0] + 2 * SECOND, abs=2 * FRAME)
    assert clock.place(2_000 * FRAME, FRAME, arrivals[-1] + SECOND) is not None


def test_timestamps_that_run_ten_times_too_fast_move_nothing() -> None:
    clock = TrackClock()
    for number in range(500):
        arrival = 10_000 + number * FRAME
        place = clock.place(10 * number * FRAME, FRAME, arrival)
        assert place is not None
        assert 0 <= place - (arrival - FRAME) <= 410 * 16


def test_a_sound_card_that_is_a_little_fast_loses_a_frame_now_and_then() -> None:
    clock = TrackClock()
    frame_s = FRAME / SECOND
    lost = sum(
        clock.place(number * FRAME, FRAME, 10_000 + round(number * FRAME * 0.999)) is None for number in range(200_000)
    )
    assert 0 < lost * frame_s < 200_000 * frame_s * 0.001


frames = st.lists(
    st.tuples(st.integers(-50_000, 50_000), st.sampled_from([160, 320, 960]), st.integers(0, 50_000)), max_size=50
)


@given(frames)
def test_no_frame_is_placed_before_the_end_of_another(steps: list[tuple[int, int, int]]) -> None:
    clock = TrackClock()
    pts = arrival = end = 0
    for step, n, wait in steps:
        pts += step
        arrival += n + wait
        place = clock.place(pts, n, arrival)
        if place is not None:
            assert place >= end
            end = place + n
