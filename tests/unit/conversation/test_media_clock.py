"""Frames on the call's timeline: gaps stay gaps, jumps and drift anchor again."""

from __future__ import annotations

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
        assert place >= end
        end = place + n
