"""What the tests' participant says and hears: audio that plays on the clock, and what comes back, kept in place."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from numpy.typing import NDArray

Samples = NDArray[np.float32]
"""float32, shape (n,), 16 kHz mono, -1 … 1"""

RATE_HZ = 16_000
SENT_RATE_HZ = 48_000
FRAME_SAMPLES = 960
HEARD_LIMIT_S = 600


class Playback(MediaStreamTrack):
    """Sends 48 kHz mono on the clock, 20 ms at a time, from `start` on; after the last frame it sends nothing."""

    kind = "audio"

    def __init__(self, samples: NDArray[np.int16]) -> None:
        super().__init__()
        self._frames = np.pad(samples, (0, -len(samples) % FRAME_SAMPLES)).reshape(-1, 1, FRAME_SAMPLES)
        self._number = 0
        self._started: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.finished = asyncio.Event()

    def start(self, at: float) -> None:
        """Send the first frame at this loop time."""
        self._started.set_result(at)

    async def recv(self) -> av.AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        started_at = await self._started
        if self._number >= len(self._frames):
            self.finished.set()
            await asyncio.get_running_loop().create_future()  # until the sender is stopped
        due = started_at + self._number * FRAME_SAMPLES / SENT_RATE_HZ
        await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
        frame = av.AudioFrame.from_ndarray(self._frames[self._number], format="s16", layout="mono")
        frame.sample_rate = SENT_RATE_HZ
        frame.pts = self._number * FRAME_SAMPLES
        frame.time_base = Fraction(1, SENT_RATE_HZ)
        self._number += 1
        return frame


class Ear:
    """Keeps the audio of one track as 16 kHz mono, at the place its `pts` says."""

    def __init__(self) -> None:
        self._resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
        self._samples = np.zeros(HEARD_LIMIT_S * RATE_HZ, np.float32)
        self._first_pts: int | None = None
        self._end = 0

    async def listen(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if isinstance(frame, av.AudioFrame):
                self._write(frame)

    def samples(self) -> Samples:
        return self._samples[: self._end].copy()

    def _write(self, frame: av.AudioFrame) -> None:
        assert frame.pts is not None
        pts = frame.pts * RATE_HZ // frame.sample_rate
        if self._first_pts is None:
            self._first_pts = pts
        frame.pts = None  # the resampler would fill a gap by itself
        position = pts - self._first_pts
        for part in self._resampler.resample(frame):
            samples = part.to_ndarray().reshape(-1)
            end = position + len(samples)
            if position >= 0 and end <= len(self._samples):
                self._samples[position:end] = samples
                self._end = max(self._end, end)
            position = end


def samples_to_send(audio: Path | Samples | None) -> NDArray[np.int16] | None:
    """48 kHz mono."""
    if audio is None:
        return None
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SENT_RATE_HZ)
    frames = _decoded(audio) if isinstance(audio, Path) else iter([_frame(audio)])
    parts = [part.to_ndarray()[0] for frame in frames for part in resampler.resample(frame)]
    parts += [part.to_ndarray()[0] for part in resampler.resample(None)]
    return np.concatenate(parts)


def _frame(samples: Samples) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(samples.astype(np.float32).reshape(1, -1), format="flt", layout="mono")
    frame.sample_rate = RATE_HZ
    return frame


def _decoded(path: Path) -> Iterator[av.AudioFrame]:
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.audio[0]):
            frame.pts = None
            yield frame
