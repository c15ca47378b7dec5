"""Packets leave in order, at their place, once, and holes are given up in time."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from media_server.conversation.jitter import (
    CONCEALED,
    FAR_SEQUENCE,
    FIRST_WAIT,
    KNOWN_PACKETS,
    LEAST_WAIT,
    MARGIN,
    MOST_HELD,
    MOST_WAIT,
    JitterBuffer,
    Packet,
    Piece,
)

FRAME = 960
MS = 48


DTX = b"\x00"


def packet(number: int, *, ssrc: int = 1, first_sequence: int = 0, first_timestamp: int = 0) -> Packet:
    return Packet(
        ssrc,
        (first_sequence + number) & 0xFFFF,
        (first_timestamp + number * FRAME) & 0xFFFF_FFFF,
        FRAME,
        number.to_bytes(4, "big"),
    )


def arrived(packets: Iterable[Packet], delay: int = 10 * MS) -> list[tuple[Packet, int]]:
    """Each as long after it was said as all others."""
    return [(each, int.from_bytes(each.payload, "big") * FRAME + delay) for each in packets]


def through(buffer: JitterBuffer, arrivals: Sequence[tuple[Packet, int]]) -> list[Piece]:
    """As the receiver does it: what is due between two packets leaves when it is due."""
    pieces: list[Piece] = []
    for each, arrival in sorted(arrivals, key=lambda one: one[1]):
        while (due := buffer.due()) is not None and due <= arrival:
            pieces += buffer.take(due)
        pieces += buffer.put(each, arrival)
    while (due := buffer.due()) is not None:
        pieces += buffer.take(due)
    return pieces


def numbers(pieces: Iterable[Piece]) -> list[int | None]:
    """None: lost."""
    return [None if piece.packet is None else int.from_bytes(piece.packet.payload, "big") for piece in pieces]


def positions(pieces: Iterable[Piece]) -> list[int]:
    return [piece.position for piece in pieces]


def test_a_packet_that_is_next_leaves_at_once() -> None:
    buffer = JitterBuffer()
    for number in range(5):
        pieces = buffer.put(packet(number), number * FRAME)
        assert (numbers(pieces), positions(pieces)) == ([number], [number * FRAME])
    assert buffer.due() is None


def test_packets_in_another_order_leave_in_theirs_and_none_is_lost() -> None:
    sent = arrived(packet(number) for number in range(100))
    swapped = [(each, at + (25 * MS if number % 10 == 5 else 0)) for number, (each, at) in enumerate(sent)]
    buffer = JitterBuffer()
    pieces = through(buffer, swapped)
    assert numbers(pieces) == list(range(100))
    assert positions(pieces) == [number * FRAME for number in range(100)]
    assert buffer.counts.lost == 0


def test_a_lost_packet_is_given_up_ten_milliseconds_after_its_successor_came() -> None:
    buffer = JitterBuffer()
    through(buffer, arrived(packet(number) for number in range(KNOWN_PACKETS)))
    [(follower, arrival)] = arrived([packet(KNOWN_PACKETS + 1)])
    assert buffer.put(follower, arrival) == []
    due = buffer.due()
    assert due is not None
    assert due - arrival == LEAST_WAIT - FRAME
    pieces = buffer.take(due)
    assert numbers(pieces) == [None, KNOWN_PACKETS + 1]
    assert positions(pieces) == [KNOWN_PACKETS * FRAME, (KNOWN_PACKETS + 1) * FRAME]
    assert pieces[0].after == follower


def test_on_a_line_that_is_not_known_yet_a_packet_is_waited_for_longer() -> None:
    buffer = JitterBuffer()
    sent = arrived(map(packet, range(40)))
    pieces = through(
        buffer, [(each, at + (65 * MS if number % 10 == 5 else 0)) for number, (each, at) in enumerate(sent)]
    )
    assert numbers(pieces) == list(range(40))
    assert buffer.counts.late == 0


def test_a_line_is_known_after_a_second() -> None:
    buffer = JitterBuffer()
    through(buffer, arrived(map(packet, range(KNOWN_PACKETS - 1))))
    assert buffer.wait() == FIRST_WAIT
    through(buffer, arrived([packet(KNOWN_PACKETS - 1)]))
    assert buffer.wait() == LEAST_WAIT


def test_the_wait_follows_the_jitter_of_the_line_and_shrinks_again() -> None:
    buffer = JitterBuffer()
    jittery = [(each, at + (number % 5) * 20 * MS) for number, (each, at) in enumerate(arrived(map(packet, range(50))))]
    through(buffer, jittery)
    assert buffer.wait() == 80 * MS + MARGIN
    through(buffer, arrived(map(packet, range(50, 560))))
    assert buffer.wait() == LEAST_WAIT


def test_on_a_jittery_line_nothing_that_comes_is_given_up() -> None:
    """50 ± 20 ms, and one packet in fifty later by 25 ms more, for ten minutes."""
    drawn = random.Random(1)
    lateness = [(30 + 40 * drawn.random() + 25 * (drawn.random() < 0.02)) * MS for _ in range(30_000)]
    buffer = JitterBuffer()
    arrivals = [(packet(number), int(number * FRAME + late)) for number, late in enumerate(lateness)]
    through(buffer, arrivals)
    assert buffer.counts.lost <= 30


def test_the_wait_has_a_bound() -> None:
    buffer = JitterBuffer()
    through(buffer, arrived(map(packet, range(10))))
    through(buffer, arrived([packet(10)], delay=900 * MS))
    assert buffer.wait() == MOST_WAIT


def test_one_that_comes_too_late_is_dropped_and_the_next_one_so_late_is_waited_for() -> None:
    buffer = JitterBuffer()
    late = [(each, at + (60 * MS if number in {60, 80} else 0)) for number, (each, at) in enumerate(
        arrived(map(packet, range(100)))
    )]  # fmt: skip
    pieces = through(buffer, late)
    assert buffer.counts.late == 1
    assert [number for number in range(100) if number not in numbers(pieces)] == [60]


def test_of_a_long_hole_the_first_packets_are_concealed_and_the_last_one_recovered() -> None:
    buffer = JitterBuffer()
    pieces = through(buffer, arrived([*map(packet, range(5)), *map(packet, range(25, 30))]))
    lost = [piece for piece in pieces if piece.packet is None]
    assert positions(lost) == [*(number * FRAME for number in range(5, 5 + CONCEALED)), 24 * FRAME]
    assert [piece.after is not None for piece in lost] == [False] * CONCEALED + [True]
    assert buffer.counts.lost == 20
    assert positions(pieces)[-1] == 29 * FRAME


def test_silence_that_was_not_sent_is_a_gap() -> None:
    buffer = JitterBuffer()
    said = [packet(0), packet(1), packet(50)._replace(sequence_number=2), packet(51)._replace(sequence_number=3)]
    pieces = through(buffer, arrived(said))
    assert positions(pieces) == [0, FRAME, 50 * FRAME, 51 * FRAME]
    assert buffer.counts.lost == 0


def test_a_sender_that_rests_is_silent_at_once_for_a_second_at_most() -> None:
    buffer = JitterBuffer()
    buffer.put(packet(0), 0)
    buffer.put(packet(1)._replace(payload=DTX), FRAME)
    pieces = []
    while (due := buffer.due()) is not None:
        pieces += buffer.take(due)
    assert all(piece.is_silence for piece in pieces)
    assert pieces[0].position == 2 * FRAME
    assert 900 * MS < sum(piece.samples for piece in pieces) <= 1_000 * MS
    [after] = buffer.put(packet(80)._replace(sequence_number=2), 80 * FRAME)
    assert after.position == 80 * FRAME


def test_speech_that_goes_on_is_never_behind_the_silence_before_it() -> None:
    buffer = JitterBuffer()
    buffer.put(packet(0), 0)
    buffer.put(packet(1)._replace(payload=DTX), FRAME)
    silence = buffer.take(20 * FRAME)
    [speech] = buffer.put(packet(20)._replace(sequence_number=2), 20 * FRAME + 5 * MS)
    assert silence[-1].position + silence[-1].samples <= speech.position == 20 * FRAME


def test_both_counters_wrap() -> None:
    sent = [packet(n, first_sequence=65_500, first_timestamp=2**32 - 20 * FRAME) for n in range(100) if n != 36]
    pieces = through(JitterBuffer(), arrived(sent))
    assert numbers(pieces) == [None if number == 36 else number for number in range(100)]
    assert positions(pieces) == [number * FRAME for number in range(100)]


def test_what_comes_twice_leaves_once() -> None:
    buffer = JitterBuffer()
    sent = arrived(map(packet, range(20)))
    pieces = through(buffer, [*sent, *((each, at + 1) for each, at in sent)])
    assert numbers(pieces) == list(range(20))
    assert buffer.counts.duplicate == 20


def test_timestamps_that_jump_move_nothing() -> None:
    for jump in (-(2**31) + 5, -FRAME * 400, FRAME * 4_000, 2**31 - 5):
        sent = [packet(n, first_timestamp=0 if n < 10 else jump % 2**32) for n in range(20)]
        assert positions(through(JitterBuffer(), arrived(sent))) == [number * FRAME for number in range(20)]


def test_a_new_source_goes_on_where_the_one_before_was() -> None:
    buffer = JitterBuffer()
    first = arrived(map(packet, range(10)))
    second = arrived(packet(n, ssrc=2, first_sequence=40_000, first_timestamp=77_777) for n in range(15, 20))
    pieces = through(buffer, [*first, *second])
    assert positions(pieces) == [number * FRAME for number in [*range(10), *range(15, 20)]]
    assert (buffer.counts.restarts, buffer.counts.lost) == (1, 0)


def test_a_stray_number_changes_nothing_and_two_in_a_row_do() -> None:
    buffer = JitterBuffer()
    through(buffer, arrived(map(packet, range(200))))
    stray = packet(200, first_sequence=30_000)
    assert buffer.put(stray, 200 * FRAME) == []
    assert numbers(buffer.put(packet(200), 200 * FRAME + 1)) == [200]
    began_anew = [packet(n, first_sequence=30_000) for n in (201, 202, 203)]
    pieces = [piece for each in began_anew for piece in buffer.put(each, int.from_bytes(each.payload, "big") * FRAME)]
    assert numbers(pieces) == [202, 203]


def test_many_packets_behind_a_hole_are_not_kept_for_it() -> None:
    buffer = JitterBuffer()
    buffer.put(packet(0), 0)
    pieces = [piece for number in range(2, 2 + MOST_HELD) for piece in buffer.put(packet(number), 1)]
    assert len(pieces) == MOST_HELD + 1
    assert buffer.put(packet(2 + MOST_HELD + FAR_SEQUENCE + 1), 2) == []


def test_a_sender_whose_clock_is_off_is_waited_for_no_longer_after_an_hour() -> None:
    buffer = JitterBuffer()
    drift_ppm = 200
    for number in range(3_600 * 50):
        each = Packet(1, number & 0xFFFF, number * FRAME & 0xFFFF_FFFF, FRAME, b"")
        if number % 1_000 != 999:
            buffer.put(each, number * FRAME * (1_000_000 + drift_ppm) // 1_000_000)
            due = buffer.due()
            if due is not None:
                buffer.take(due)
    assert buffer.wait() == LEAST_WAIT
    assert buffer.counts.lost == 179


@given(
    fates=st.lists(
        st.tuples(st.integers(0, 300), st.booleans(), st.booleans()),  # delay in ms, lost, doubled
        min_size=1,
        max_size=120,
    ),
    first_sequence=st.integers(0, 65_535),
    first_timestamp=st.integers(0, 2**32 - 1),
)
def test_whatever_the_line_does_each_packet_leaves_once_in_order_and_none_is_moved(
    fates: list[tuple[int, bool, bool]], first_sequence: int, first_timestamp: int
) -> None:
    sent = []
    for number, (delay_ms, is_lost, is_doubled) in enumerate(fates):
        each = packet(number, first_sequence=first_sequence, first_timestamp=first_timestamp)
        arrivals = arrived([each], delay_ms * MS) * (0 if is_lost else 2 if is_doubled else 1)
        sent += arrivals
    buffer = JitterBuffer()
    pieces = through(buffer, sent)
    left = [number for number in numbers(pieces) if number is not None]
    assert left == sorted(set(left))
    assert buffer.due() is None
    for one, other in itertools.pairwise(pieces):
        assert one.position + one.samples <= other.position
    places = {
        number: piece.position for number, piece in zip(numbers(pieces), pieces, strict=True) if number is not None
    }
    for one, other in itertools.pairwise(left):
        assert places[other] - places[one] == (other - one) * FRAME


@given(seed=st.integers(0, 2**32 - 1))
def test_on_a_line_with_five_percent_loss_all_else_is_delivered(seed: int) -> None:
    drawn = random.Random(seed)
    sent = [packet(number) for number in range(500) if drawn.random() >= 0.05]
    pieces = through(JitterBuffer(), [(each, at + drawn.randrange(15 * MS)) for each, at in arrived(sent)])
    assert [number for number in numbers(pieces) if number is not None] == [
        int.from_bytes(each.payload, "big") for each in sent
    ]


def test_jitter_is_estimated_as_rfc_3550_does() -> None:
    drawn = random.Random(4)
    arrivals = [(each, at + drawn.randrange(40 * MS)) for each, at in arrived(packet(n) for n in range(500))]
    buffer = JitterBuffer()
    through(buffer, arrivals)
    estimate, before = 0.0, None
    for each, arrival in sorted(arrivals, key=lambda one: one[1]):  # appendix A.8, in floating point
        transit = arrival - each.timestamp
        if before is not None:
            estimate += (abs(transit - before) - estimate) / 16
        before = transit
    assert abs(buffer.jitter - estimate) < 1e-6
    assert 8 * MS < buffer.jitter < 18 * MS


def test_a_jump_of_the_senders_clock_is_no_jitter() -> None:
    buffer = JitterBuffer()
    through(buffer, arrived(packet(number) for number in range(50)))
    buffer.put(packet(50, first_timestamp=90_000 * MS), 50 * FRAME + 10 * MS)
    assert buffer.jitter == 0


def test_lost_audio_is_as_long_as_the_packets_that_were_given_up() -> None:
    buffer = JitterBuffer()
    through(buffer, arrived(packet(number) for number in range(100) if number % 10 not in {4, 5}))
    assert (buffer.counts.lost, buffer.counts.lost_samples) == (20, 20 * FRAME)
