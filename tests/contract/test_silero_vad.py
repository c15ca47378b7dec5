"""Silero VAD says the same as its packaged wrapper, whoever else is in the batch."""

from __future__ import annotations

import time
import warnings

import numpy as np
import pytest
import torch
from silero_vad import load_silero_vad

from media_server.conversation.types import WINDOW_SAMPLES
from media_server.engines.silero_network import SileroNetwork
from media_server.engines.silero_vad import SileroVad

WINDOWS = 60


@pytest.fixture(scope="module")
def vad() -> SileroVad:
    return SileroVad()


def voice_like(seed: int) -> np.ndarray:
    """A buzz with a moving pitch and level under noise, shape (60, 512): it swings the probability."""
    random = np.random.default_rng(seed)
    time_s = np.arange(WINDOWS * WINDOW_SAMPLES) / 16_000
    pitch = 120 + 40 * np.sin(2 * np.pi * (1.5 + seed) * time_s)
    buzz = np.sign(np.sin(2 * np.pi * np.cumsum(pitch) / 16_000)) * (np.sin(2 * np.pi * 3 * time_s) > 0)
    samples = 0.2 * buzz + 0.02 * random.standard_normal(len(time_s))
    return samples.astype(np.float32).reshape(WINDOWS, WINDOW_SAMPLES)


def wrapped(windows: np.ndarray) -> list[float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        model = load_silero_vad()
    return [model(torch.from_numpy(window), 16_000).item() for window in windows]


def test_one_stream_equals_the_packaged_wrapper(vad: SileroVad) -> None:
    windows = voice_like(0)
    states: list[object] = [vad.new_state()]
    ours = [vad.probabilities(window[np.newaxis], states)[0] for window in windows]
    assert ours == pytest.approx(wrapped(windows), abs=1e-6)


def test_a_stream_keeps_its_state_while_others_join_and_leave(vad: SileroVad) -> None:
    one, other = voice_like(1), voice_like(2)
    mine, theirs = vad.new_state(), vad.new_state()
    ours = []
    for number, (window, guest) in enumerate(zip(one, other, strict=True)):
        if 20 <= number < 40:
            ours.append(vad.probabilities(np.stack([guest, window]), [theirs, mine])[1])
        else:
            ours.append(vad.probabilities(window[np.newaxis], [mine])[0])
    assert ours == pytest.approx(wrapped(one), abs=1e-4)


def test_a_large_batch_says_the_same_to_each(vad: SileroVad) -> None:
    voices = np.stack([voice_like(seed) for seed in range(9)])
    states: list[object] = [vad.new_state() for _ in voices]
    ours = np.array([vad.probabilities(windows, states) for windows in voices.swapaxes(0, 1)]).T
    assert ours[0] == pytest.approx(wrapped(voices[0]), abs=1e-4)
    assert ours[8] == pytest.approx(wrapped(voices[8]), abs=1e-4)


def test_no_other_thread_works_for_a_large_batch(vad: SileroVad) -> None:
    windows = np.repeat(voice_like(0)[:1], 40, axis=0)
    states: list[object] = [vad.new_state() for _ in windows]
    of_all, of_ours = time.process_time(), time.thread_time()
    for _ in range(50):
        vad.probabilities(windows, states)
    of_all, of_ours = time.process_time() - of_all, time.thread_time() - of_ours
    assert of_all < 1.2 * of_ours


def test_another_network_in_the_package_is_refused() -> None:
    with pytest.raises(ValueError, match=r"stft\.forward_basis_buffer"):
        SileroNetwork({})


def test_no_streams_give_no_probabilities(vad: SileroVad) -> None:
    assert vad.probabilities(np.zeros((0, WINDOW_SAMPLES), np.float32), []) == []


def test_a_batch_of_the_wrong_shape_is_refused(vad: SileroVad) -> None:
    with pytest.raises(ValueError, match="for 2 streams"):
        vad.probabilities(np.zeros((1, WINDOW_SAMPLES), np.float32), [vad.new_state(), vad.new_state()])
