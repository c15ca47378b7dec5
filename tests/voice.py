"""Something that sounds enough like a voice for codecs and voice activity."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FRAME = 960


def voice(frames: int) -> npt.NDArray[np.int16]:
    """Harmonics of a gliding pitch, in syllables: int16, 48 kHz, 20 ms a frame."""
    t = np.arange(frames * FRAME) / 48_000
    phase = 2 * np.pi * (140 * t + 8 * np.sin(2 * np.pi * 0.7 * t))
    tone = sum(np.sin(k * phase) / k for k in range(1, 12))
    return (6_000 * tone * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * t))).astype(np.int16)
