"""Streams keep samples at their place, and the listener hears them in one batch."""

from __future__ import annotations

import numpy as np
import pytest

from media_server.conversation.types import WINDOW_SAMPLES, Speech, SpeechEnded, SpeechStarted
from media_server.pipeline.hearing import FORGET_AFTER_WINDOWS, INAUDIBLE
from media_server.pipeline.listen import MAX_HOLE_SAMPLES, RING_SAMPLES, Listener, Stream
from tests.recognizers import LoudnessVad, loud, quiet

SECOND = 16_000


def counting(start: int, count: int) -> np.ndarray:
    return np.arange(start, start + count, dtype=np.float32)


def new_stream(heard: list[Speech] | None = None) -> tuple[Listener, Stream]:
    listener = Listener(LoudnessVad())
    return listener, listener.add_stream((heard if heard is not None else []).append)


def hear_all(listener: Listener) -> None:
    for _ in range(RING_SAMPLES // WINDOW_SAMPLES):
        listener.tick()


def test_samples_are_read_where_they_were_written() -> None:
    _, stream = new_stream()
    stream.write(1000, counting(1000, 500))
    assert stream.read(1100, 1200).tolist() == counting(1100, 100).tolist()


def test_a_hole_is_silence_and_shifts_nothing() -> None:
    _, stream = new_stream()
    stream.write(0, loud(100))
    stream.write(200, loud(100))
    assert stream.read(0, 300).tolist() == [*loud(100), *quiet(100), *loud(100)]


def test_what_overlaps_with_earlier_samples_is_dropped() -> None:
    _, stream = new_stream()
    stream.write(0, counting(0, 100))
    stream.write(50, quiet(100))
    assert stream.read(0, 150).tolist() == [*counting(0, 100), *quiet(50)]


def test_an_old_block_that_comes_again_changes_nothing() -> None:
    _, stream = new_stream()
    stream.write(0, counting(0, 100))
    stream.write(20, quiet(30))
    assert stream.read(0, 200).tolist() == counting(0, 100).tolist()


def test_reading_is_limited_to_what_is_in_the_ring() -> None:
    _, stream = new_stream()
    for start in range(0, RING_SAMPLES + SECOND, SECOND):
        stream.write(start, counting(start, SECOND))
    kept = stream.read(0, 10 * RING_SAMPLES)
    assert (len(kept), kept[0], kept[-1]) == (RING_SAMPLES, SECOND, RING_SAMPLES + SECOND - 1)


def test_advance_fills_with_silence() -> None:
    _, stream = new_stream()
    stream.write(0, loud(100))
    stream.advance(300)
    assert stream.end_sample == 300
    assert not stream.read(100, 300).any()


def test_advance_before_the_first_samples_does_not_place_the_stream() -> None:
    _, stream = new_stream()
    stream.advance(SECOND)
    stream.write(500, loud(100))
    assert stream.read(500, 600).tolist() == loud(100).tolist()


def test_speech_is_found_at_its_place_on_the_timeline() -> None:
    heard: list[Speech] = []
    listener, stream = new_stream(heard)
    stream.write(512_000, quiet(5120))
    stream.write(517_120, loud(51_200))
    stream.write(568_320, quiet(SECOND))
    hear_all(listener)
    assert next(event for event in heard if not isinstance(event, SpeechEnded)) == SpeechStarted(517_120)
    assert heard[-1] == SpeechEnded(517_120, 568_320)


def test_all_streams_with_a_full_window_are_one_batch() -> None:
    vad = LoudnessVad()
    listener = Listener(vad)
    for _ in range(3):
        listener.add_stream(lambda speech: None).write(0, loud(WINDOW_SAMPLES))
    listener.add_stream(lambda speech: None).write(0, loud(WINDOW_SAMPLES - 1))
    listener.tick()
    assert vad.batches == [3]


def test_removing_a_stream_ends_the_speech_in_progress() -> None:
    heard: list[Speech] = []
    listener, stream = new_stream(heard)
    stream.write(0, loud(WINDOW_SAMPLES * 20))
    hear_all(listener)
    listener.remove_stream(stream)
    listener.remove_stream(stream)
    assert heard[1:] == [SpeechEnded(0, WINDOW_SAMPLES * 20)]


def test_a_long_hole_ends_the_speech_before_it() -> None:
    heard: list[Speech] = []
    listener, stream = new_stream(heard)
    stream.write(0, loud(WINDOW_SAMPLES * 20))
    hear_all(listener)
    stream.write(WINDOW_SAMPLES * 20 + MAX_HOLE_SAMPLES + 1, loud(SECOND))
    assert heard[-1] == SpeechEnded(0, WINDOW_SAMPLES * 20)


def test_a_stream_that_fell_behind_catches_up_in_steps() -> None:
    vad = LoudnessVad()
    listener = Listener(vad)
    listener.add_stream(lambda speech: None).write(0, loud(WINDOW_SAMPLES * 20))
    listener.tick()
    assert len(vad.batches) == 8


def test_a_silent_stream_costs_no_voice_activity_once_it_has_forgotten() -> None:
    vad = LoudnessVad()
    listener = Listener(vad)
    heard: list[Speech] = []
    stream = listener.add_stream(heard.append)
    stream.write(0, quiet(5 * WINDOW_SAMPLES))
    hear_all(listener)
    assert vad.batches == []
    stream.write(stream.end_sample, loud(10 * WINDOW_SAMPLES))
    stream.write(stream.end_sample, quiet(2 * FORGET_AFTER_WINDOWS * WINDOW_SAMPLES))
    hear_all(listener)
    assert len(vad.batches) == 10 + FORGET_AFTER_WINDOWS
    assert heard[0] == SpeechStarted(5 * WINDOW_SAMPLES)
    assert heard[-1] == SpeechEnded(5 * WINDOW_SAMPLES, 15 * WINDOW_SAMPLES)


@pytest.mark.parametrize(("peak", "batches"), [(INAUDIBLE, 0), (INAUDIBLE * 1.1, 1)])
def test_only_what_nobody_could_hear_is_passed_over(peak: float, batches: int) -> None:
    vad = LoudnessVad()
    listener = Listener(vad)
    window = quiet(WINDOW_SAMPLES)
    window[100] = -peak
    listener.add_stream(lambda speech: None).write(0, window)
    listener.tick()
    assert len(vad.batches) == batches


def test_samples_that_are_no_numbers_become_silence_and_those_out_of_range_are_cut() -> None:
    _, stream = new_stream()
    stream.write(0, np.array([0.5, np.nan, np.inf, -np.inf, 0.25], dtype=np.float32))
    assert stream.read(0, 5).tolist() == [0.5, 0.0, 1.0, -1.0, 0.25]
