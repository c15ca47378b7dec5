"""Recordings as they are sent: any format av reads, decoded whole, encoded to Opus before the call starts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

SENT_RATE_HZ = 48_000
FRAME_SAMPLES = 960
LISTEN_RATE_HZ = 16_000
MAX_SECONDS = 4 * 3600


class UnreadableAudioError(Exception):
    """This is no recording that can be played."""


@dataclass(frozen=True, slots=True)
class Recording:
    path: Path
    samples: npt.NDArray[np.int16]
    """48 kHz mono."""
    is_cut: bool
    """The file ends in the middle of what it promised."""

    @property
    def duration_s(self) -> float:
        return len(self.samples) / SENT_RATE_HZ

    def for_listening(self) -> npt.NDArray[np.float32]:
        """float32, 16 kHz mono, -1 … 1."""
        frame = av.AudioFrame.from_ndarray(self.samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = SENT_RATE_HZ
        resampler = av.AudioResampler(format="flt", layout="mono", rate=LISTEN_RATE_HZ)
        parts = [part.to_ndarray().reshape(-1) for part in (*resampler.resample(frame), *resampler.resample(None))]
        return np.concatenate(parts).astype(np.float32)


def read_recording(path: Path) -> Recording:
    """Decode a whole file.

    Raises:
        UnreadableAudioError: no file, no audio in it, or none that can be decoded; the message is one line.
    """
    if not path.is_file():
        raise UnreadableAudioError(f"{path}: there is no such file")
    if path.stat().st_size == 0:
        raise UnreadableAudioError(f"{path}: the file is empty")
    parts: list[npt.NDArray[np.int16]] = []
    is_cut = False
    try:
        for part in _decoded(path):
            parts.append(part)
    except (av.FFmpegError, OSError, ValueError) as error:
        if not parts:
            raise UnreadableAudioError(f"{path}: not a recording that can be read ({_one_line(error)})") from error
        is_cut = True
    samples = np.concatenate(parts) if parts else np.zeros(0, np.int16)
    if len(samples) < FRAME_SAMPLES:
        raise UnreadableAudioError(f"{path}: there is no audio in it")
    return Recording(path, samples, is_cut)


def opus_packets(samples: npt.NDArray[np.int16]) -> list[bytes]:
    """20 ms Opus packets, 32 kbit/s mono with in-band FEC."""
    encoder = av.CodecContext.create("libopus", "w")
    encoder.bit_rate = 32_000
    encoder.format = "s16"
    encoder.layout = "mono"
    encoder.sample_rate = SENT_RATE_HZ
    encoder.time_base = Fraction(1, SENT_RATE_HZ)
    encoder.options = {"application": "voip", "fec": "1", "packet_loss": "5"}
    padded = np.concatenate((samples, np.zeros(-len(samples) % FRAME_SAMPLES, np.int16)))
    packets: list[bytes] = []
    for number, chunk in enumerate(padded.reshape(-1, FRAME_SAMPLES)):
        frame = av.AudioFrame.from_ndarray(chunk.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = SENT_RATE_HZ
        frame.pts = number * FRAME_SAMPLES
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return packets + [bytes(packet) for packet in encoder.encode(None)]


def _decoded(path: Path) -> Iterator[npt.NDArray[np.int16]]:
    with av.open(str(path)) as container:
        if not container.streams.audio:
            raise ValueError("no audio stream")
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="s16", layout="mono", rate=SENT_RATE_HZ)
        seconds = 0.0
        for frame in container.decode(stream):
            frame.pts = None
            for part in resampler.resample(frame):
                yield part.to_ndarray().reshape(-1).astype(np.int16, copy=False)
                seconds += part.samples / SENT_RATE_HZ
            if seconds > MAX_SECONDS:
                raise ValueError(f"longer than {MAX_SECONDS // 3600} hours")
        for part in resampler.resample(None):
            yield part.to_ndarray().reshape(-1).astype(np.int16, copy=False)


def _one_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
