"""Our log-mel front end says the same as faster-whisper's, and knows where silence lies."""

from __future__ import annotations

import numpy as np
import pytest
from faster_whisper.feature_extractor import FeatureExtractor

from media_server.engines.log_mel import log_mel, silence_level

THEIRS = FeatureExtractor()


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(count).normal(0, 0.1, count).astype(np.float32)


@pytest.mark.parametrize("count", [1, 159, 160, 161, 1_000, 16_000, 64_123])
def test_it_equals_the_packaged_front_end(count: int) -> None:
    frames = -(-count // 160)
    expected = THEIRS(noise(count))[:, :frames]
    assert log_mel(noise(count), THEIRS.mel_filters, frames) == pytest.approx(expected, abs=2e-3)


def test_no_samples_are_no_frames() -> None:
    assert log_mel(noise(0), THEIRS.mel_filters, 0).shape == (80, 0)


def test_silence_level_is_what_silence_after_the_sound_gets() -> None:
    sound = np.concatenate([noise(16_000), np.zeros(16_000, np.float32)])
    spectrogram = log_mel(sound, THEIRS.mel_filters, 200)
    assert spectrogram[:, 150:] == pytest.approx(silence_level(spectrogram[:, :100]), abs=1e-5)
