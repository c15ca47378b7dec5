"""From decoded frames to 16 kHz mono float32 for listening, and to 48 kHz mono for hearing.

Algorithmic latency: the resampler's filter, under 1 ms. One instance per track: the resampler has state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from media_server.conversation.types import SAMPLE_RATE_HZ

HEARD_RATE_HZ = 48_000


@dataclass(frozen=True, slots=True)
class AudioBlock:
    """One decoded frame."""

    pts: int
    """Samples at 16 kHz since the track's first frame; a jump is a gap."""
    samples: npt.NDArray[np.float32]
    """shape (n,), 16 kHz mono, -1 … 1."""
    heard: npt.NDArray[np.int16]
    """shape (m,), 48 kHz mono."""


class AudioInput:
    """Converts the frames of one track."""

    def __init__(self) -> None:
        self._to_listen = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE_HZ)
        self._to_hear = av.AudioResampler(format="s16", layout="mono", rate=HEARD_RATE_HZ)

    def convert(self, frame: av.AudioFrame) -> AudioBlock:
        pts = int((frame.pts or 0) * SAMPLE_RATE_HZ // frame.sample_rate)
        frame.pts = None  # the resamplers would fill a gap of the sender themselves
        return AudioBlock(
            pts=pts,
            samples=_joined(self._to_listen.resample(frame)).astype(np.float32, copy=False),
            heard=_joined(self._to_hear.resample(frame)).astype(np.int16, copy=False),
        )


def _joined(frames: list[av.AudioFrame]) -> npt.NDArray[Any]:
    if not frames:
        return np.zeros(0)
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])
