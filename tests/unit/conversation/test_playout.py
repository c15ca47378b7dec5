"""A talker's audio is played in order, in place, once, and no later than the jitter of the line needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_server.conversation.playout import FRAME_SAMPLES, LIMIT_SAMPLES, MOST_SAMPLES, Playout
from media_server.conversation.types import ms_to_samples

SECOND = 16_000
LOUD = 2_000
"""Block n is that plus n % 1000 throughout, a quiet one only at its beginning: what is played tells what it was."""

Pcm = npt.NDArray[np.int16]


@dataclass
class Line:
    """Blocks of 20 ms on their way, and what was played of them."""

    delay: Callable[[int], int | None] = lambda _number: 0
    """Of a block's arrival after its last sample was spoken; None: it is lost."""
    is_loud: Callable[[int], bool] = lambda _number: True
    pace: float = 1.0
    """The sender's clock against the reader's."""
    phase: int = 100
    """Of the reader's clock."""
    played: list[tuple[int, int | None]] = field(default_factory=list)
    """When, and which block; None: silence."""

    def run(self, blocks: Iterable[int]) -> Line:
        numbers, arrivals, newest = list(blocks), [], 0
        for number in numbers:
            if (late := self.delay(number)) is not None:
                newest = max(newest, round((number + 1) * FRAME_SAMPLES / self.pace) + late)  # a receiver keeps order
                arrivals.append((newest, number))
        playout, waiting = Playout(), iter(arrivals)
        due, last = next(waiting, None), 0
        for tick in range(int(max(numbers) / self.pace) + 15):
            now = self.phase + tick * FRAME_SAMPLES
            while due is not None and due[0] <= now:
                playout.write(due[1] * FRAME_SAMPLES, self._block(due[1]), due[0])
                due = next(waiting, None)
            frame = playout.read(now)
            value = 0 if frame is None else self._value(frame)
            if value:
                last += (value - last) % 1_000
            self.played.append((now, last if value else None))
        return self

    def _block(self, number: int) -> Pcm:
        block = np.zeros(3 * FRAME_SAMPLES, np.int16)
        block[: None if self.is_loud(number) else 1] = LOUD + number % 1_000
        return block

    def _value(self, frame: Pcm) -> int:
        """Of a block, or 0 for silence."""
        return int(frame.max())

    def numbers(self) -> list[int]:
        return [number for _, number in self.played if number is not None]

    def waits_ms(self) -> list[float]:
        """From the last sample of a block, as the sender's clock counts, to its playing."""
        starts = {number: now for now, number in self.played if number is not None}
        return [(now - (number + 1) * FRAME_SAMPLES / self.pace) / 16 for number, now in starts.items()]


def test_a_line_without_jitter_is_played_whole_within_a_frame_and_the_spare() -> None:
    for phase in range(0, FRAME_SAMPLES, 37):
        line = Line(phase=phase).run(range(100))
        assert line.numbers() == list(range(100))
        assert max(line.waits_ms()) <= 23


def test_a_lost_block_is_silence_and_moves_nothing() -> None:
    line = Line(delay=lambda number: None if number in (20, 21) else 0).run(range(50))
    assert line.numbers() == [*range(20), *range(22, 50)]
    assert len(set(line.waits_ms())) == 1


def test_one_late_block_is_heard_and_raises_the_delay_at_once() -> None:
    late = Line(delay=lambda number: ms_to_samples(65) if number == 30 else 0).run(range(60))
    assert late.numbers() == list(range(60))
    assert late.waits_ms()[29] <= 23
    assert all(65 <= wait <= 88 for wait in late.waits_ms()[30:])


def test_the_delay_falls_again_in_quiet_and_not_in_speech() -> None:
    line = Line(
        delay=lambda number: ms_to_samples(65) if number == 30 else 0, is_loud=lambda number: not 500 <= number < 520
    ).run(range(600))
    assert line.numbers()[:500] == list(range(500))
    assert line.waits_ms()[495] >= 65
    assert line.waits_ms()[-1] <= 28
    assert line.numbers()[-80:] == list(range(520, 600))


@pytest.mark.parametrize("jitter_ms", [10, 40, 100])
def test_speech_under_jitter_is_played_whole(jitter_ms: int) -> None:
    random = np.random.default_rng(jitter_ms)
    delays = [ms_to_samples(int(ms)) for ms in random.integers(0, jitter_ms + 1, 1_000)]
    line = Line(delay=delays.__getitem__).run(range(1_000))
    assert line.numbers() == list(range(1_000))
    assert max(line.waits_ms()) <= jitter_ms + 45


def test_recovered_blocks_of_a_lossy_line_become_part_of_the_delay() -> None:
    """A receiver that restores a lost packet from the next one gives two blocks at once."""
    random = np.random.default_rng(5)
    lost = random.random(2_000) < 0.05
    line = Line(delay=lambda number: FRAME_SAMPLES if lost[number] else 0).run(range(900))
    assert line.numbers() == list(range(900))
    silences = [now for now, number in line.played[20:900] if number is None]
    assert len(silences) <= 1
    assert max(line.waits_ms()) <= 45


@pytest.mark.slow
@pytest.mark.parametrize("pace", [1 - 200e-6, 1 + 200e-6])
def test_an_hour_of_drift_leaves_the_delay_where_it_was(pace: float) -> None:
    """Speech with a pause of 200 ms every five seconds."""
    line = Line(is_loud=lambda number: number % 250 >= 10, pace=pace).run(range(180_000))
    waits = line.waits_ms()
    assert max(waits) <= 33
    assert min(waits) > -0.1
    said = {number for number in range(180_000) if number % 250 >= 10}
    assert said <= set(line.numbers())


def test_speech_without_any_pause_is_cut_only_beyond_the_bound() -> None:
    line = Line(pace=1.01).run(range(950))  # fifty times the worst clock
    assert line.numbers() == list(range(950))
    assert max(line.waits_ms()) > 150


def test_a_stall_loses_what_is_older_than_the_bound_and_nothing_else() -> None:
    def delay(number: int) -> int:
        return max(0, (150 - number) * FRAME_SAMPLES) if 100 <= number < 150 else 0

    numbers = Line(delay=delay).run(range(300)).numbers()
    assert numbers[:100] == list(range(100))
    assert numbers[100] <= 150 - 8
    assert numbers[100:] == list(range(numbers[100], 300))


def test_a_path_that_became_longer_is_followed_at_once() -> None:
    line = Line(delay=lambda number: ms_to_samples(400) if number >= 100 else 0).run(range(200))
    assert line.numbers() == list(range(200))[: len(line.numbers())]
    assert line.waits_ms()[-1] <= 423


def test_a_sender_that_left_out_silence_is_heard_from_its_first_word() -> None:
    words = [*range(50), *range(400, 450), *range(900, 950)]
    line = Line().run(words)
    assert line.numbers() == words
    assert max(line.waits_ms()) <= 23


def test_a_line_that_jumps_goes_on() -> None:
    playout = Playout()
    loud = np.full(960, LOUD, np.int16)
    heard = []
    for number in range(30):
        pts = number * FRAME_SAMPLES + (86_400 * SECOND if 10 <= number < 20 else 0)
        playout.write(pts, loud, number * FRAME_SAMPLES)
        heard.append(playout.read(number * FRAME_SAMPLES + 100) is not None)
    assert sum(heard) >= 28


def test_blocks_of_any_length_become_frames() -> None:
    playout, played = Playout(), []
    samples = np.arange(1, 9_601, dtype=np.int16)
    for start in range(0, 9_600, 480):
        playout.write(start // 3, samples[start : start + 480], start // 3 + 160)
        if start % 960 == 480:
            played.append(playout.read(start // 3 + 250))
    heard = np.concatenate([frame for frame in played if frame is not None])
    heard = heard[heard > 0]
    assert np.array_equal(heard, samples[: len(heard)])
    assert len(heard) >= 9 * 960


delays = st.lists(st.integers(0, ms_to_samples(400)) | st.none(), min_size=40, max_size=120)


@settings(max_examples=60, deadline=None)
@given(delays, st.integers(0, FRAME_SAMPLES - 1), st.lists(st.booleans(), min_size=120, max_size=120))
def test_whatever_a_line_does_nothing_is_played_twice_or_out_of_order(
    late: list[int | None], phase: int, is_loud: list[bool]
) -> None:
    line = Line(late.__getitem__, is_loud.__getitem__, phase=phase)
    numbers = line.run(range(len(late))).numbers()
    assert numbers == sorted(set(numbers))


@settings(max_examples=60, deadline=None)
@given(delays, st.integers(0, FRAME_SAMPLES - 1))
def test_the_delay_over_the_fastest_block_is_bounded(late: list[int | None], phase: int) -> None:
    line = Line(lambda number: late[number] if late[number] is None else min(late[number], MOST_SAMPLES), phase=phase)
    line.run(range(len(late)))
    seen = [n for n, d in enumerate(late) if d is not None]
    for now, number in line.played:
        if number is not None:
            fastest = min(min(late[n] or 0, MOST_SAMPLES) for n in seen if n <= number)
            assert now - (number + 1) * FRAME_SAMPLES - fastest <= LIMIT_SAMPLES + FRAME_SAMPLES


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=20, max_size=80), st.integers(0, FRAME_SAMPLES - 1))
def test_repetition_and_reordering_are_harmless(steps: list[int], phase: int) -> None:
    playout, numbers = Playout(), []
    for tick, step in enumerate(steps):
        for number in (tick, max(0, tick + step)):
            playout.write(number * FRAME_SAMPLES, np.full(960, LOUD + number, np.int16), tick * FRAME_SAMPLES)
        frame = playout.read(tick * FRAME_SAMPLES + phase)
        if frame is not None and frame.max():
            numbers.append(int(frame.max()) - LOUD)
    assert numbers == sorted(set(numbers))
