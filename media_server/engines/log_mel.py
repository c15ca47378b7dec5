"""Whisper's log-mel front end on one thread.

OpenBLAS would share the one matrix product among all cores and then let them spin for 100 ms, which costs as much CPU
as recognizing a partial. Products of 16 frames stay below the size from which it uses threads.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from media_server.engines.protocols import Samples

FRAMES_PER_S = 100
WINDOW_SAMPLES = 400
HOP_SAMPLES = 160
FRAMES_PER_PRODUCT = 16
LEAST_POWER = 1e-10
FLOOR_DECADES = 8.0
"""Between the loudest value and the floor (openai/whisper, audio.py)."""

Spectrogram = npt.NDArray[np.float32]
"""float32, shape (mel bands, frames of 10 ms), (log10 of the power + 4) / 4."""


def log_mel(samples: Samples, filters: npt.NDArray[np.float32], frames: int) -> Spectrogram:
    """The first `frames` frames. Args: filters, shape (mel bands, 201)."""
    if frames == 0:
        return np.zeros((len(filters), 0), dtype=np.float32)
    sound = np.pad(np.pad(samples, (0, HOP_SAMPLES)), WINDOW_SAMPLES // 2, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(sound, WINDOW_SAMPLES)[::HOP_SAMPLES][:frames]
    hann = np.hanning(WINDOW_SAMPLES + 1)[:-1].astype(np.float32)
    power = np.abs(np.fft.rfft(windows * hann, axis=1)).astype(np.float32) ** 2
    power = np.pad(power, ((0, -frames % FRAMES_PER_PRODUCT), (0, 0)))
    mel = np.matmul(power.reshape(-1, FRAMES_PER_PRODUCT, power.shape[1]), filters.T).reshape(-1, len(filters))[:frames]
    decades = np.log10(np.maximum(mel, LEAST_POWER)).T
    floor = max(np.log10(LEAST_POWER), float(decades.max()) - FLOOR_DECADES)
    return np.ascontiguousarray((np.maximum(decades, floor) + 4.0) / 4.0, dtype=np.float32)


def silence_level(spectrogram: Spectrogram) -> float:
    """The value of silence on this spectrogram's own scale."""
    if not spectrogram.size:
        return float((np.log10(LEAST_POWER) + 4.0) / 4.0)
    loudest = float(spectrogram.max()) * 4.0 - 4.0
    return float((max(np.log10(LEAST_POWER), loudest - FLOOR_DECADES) + 4.0) / 4.0)
