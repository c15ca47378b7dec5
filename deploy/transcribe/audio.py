"""A recording as blocks of 16 kHz samples at their times: any format av reads, never more than a moment in memory.

Rules:
- A packet's time stamp says where its audio belongs, so that captions fit the video: a file may begin late or have a
  hole. A stamp that goes back, or that differs by less than a tenth of a second, changes nothing.
- Damage in the middle ends the recording there; what was read before counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import av
import numpy as np
import numpy.typing as npt

from media_server.conversation.types import SAMPLE_RATE_HZ

DRIFT_SAMPLES = SAMPLE_RATE_HZ // 10
MAX_CHANNELS = 8
MICROSECONDS = 1_000_000

Channels = Literal["mix", "split"]


class TooLongError(Exception):
    """The recording is longer than was allowed."""


class UnreadableFileError(Exception):
    """This is no recording that can be read; the message is one line, without the file's name."""


@dataclass(frozen=True, slots=True)
class Block:
    start_sample: int
    """At 16 kHz from the beginning of the recording."""
    samples: npt.NDArray[np.float32]
    """Shape (channels, n), -1 … 1."""


class Source:
    """An open recording, read once."""

    def __init__(self, container: av.container.InputContainer, channels: Channels) -> None:
        self._container = container
        self._stream = container.streams.audio[0]
        self._splits = channels == "split"
        self._origin_s = (container.start_time or 0) / MICROSECONDS
        self.channels = self._stream.codec_context.channels if self._splits else 1
        if not 1 <= self.channels <= MAX_CHANNELS:
            raise UnreadableFileError(f"{self.channels} channels; up to {MAX_CHANNELS} can be told apart")
        duration = container.duration
        self.duration_s: float | None = duration / MICROSECONDS if duration and duration > 0 else None
        """What the file says; None: it does not."""
        self.is_cut = False
        """The file ended in the middle of what it promised."""

    def blocks(self) -> Iterator[Block]:
        """In order.

        Raises:
            UnreadableFileError: nothing can be decoded.
        """
        position: int | None = None
        try:
            for start_sample, samples in self._decoded():
                if position is None or (start_sample is not None and start_sample - position > DRIFT_SAMPLES):
                    position = max(0, start_sample or 0)
                yield Block(position, samples)
                position += samples.shape[1]
        except (av.FFmpegError, OSError, ValueError) as error:
            if position is None:
                raise UnreadableFileError(f"not a recording that can be read ({_one_line(error)})") from error
            self.is_cut = True
        if position is None:
            raise UnreadableFileError("there is no audio in it")

    def _decoded(self) -> Iterator[tuple[int | None, npt.NDArray[np.float32]]]:
        resampler, shape = None, None
        for frame in self._container.decode(self._stream):
            start = None if frame.time is None else round((frame.time - self._origin_s) * SAMPLE_RATE_HZ)
            if resampler is None or shape != (frame.format.name, frame.layout.name, frame.sample_rate):
                shape = (frame.format.name, frame.layout.name, frame.sample_rate)
                layout = frame.layout.name if self._splits else "mono"
                resampler = av.AudioResampler(format="fltp", layout=layout, rate=SAMPLE_RATE_HZ)
            frame.pts = None
            for part in resampler.resample(frame):
                yield start, self._as_opened(part)
                start = None
        if resampler is not None:
            for part in resampler.resample(None):
                yield None, self._as_opened(part)

    def _as_opened(self, part: av.AudioFrame) -> npt.NDArray[np.float32]:
        """A stream may change its number of channels; ours stays."""
        samples = part.to_ndarray()
        rows = [samples[number % len(samples)] for number in range(self.channels)]
        return np.stack(rows).astype(np.float32, copy=False)


@contextmanager
def opened(file: Path | BinaryIO, channels: Channels, demuxer: str | None = None) -> Iterator[Source]:
    """
    Args:
        demuxer: what av reads it with, whatever it looks like; None: it is guessed.

    Raises:
        UnreadableFileError: no file, or no audio in it.
    """
    if isinstance(file, Path):
        if file.is_dir():
            raise UnreadableFileError("it is a folder")
        if not file.exists():
            raise UnreadableFileError("there is no such file")
    try:
        container = av.open(
            str(file) if isinstance(file, Path) else file, "r", format=demuxer, metadata_errors="replace"
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        raise UnreadableFileError(f"not a recording that can be read ({_one_line(error)})") from error
    with container:
        if not container.streams.audio:
            raise UnreadableFileError("there is no audio in it")
        yield Source(container, channels)


def _one_line(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).splitlines()[0]
