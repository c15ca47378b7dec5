"""What the callers say, encoded before anything is measured: 20 ms Opus packets, 32 kbit/s mono with in-band FEC."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from deploy.call.audio_file import FRAME_SAMPLES, LISTEN_RATE_HZ, SENT_RATE_HZ, read_recording
from media_server.rtc.opus import Decoder, Encoder

PACKETS_PER_S = SENT_RATE_HZ // FRAME_SAMPLES
BITRATE = 32_000
_COMPLEXITY = 5
_LOSS_PERCENT = 10
_DEMO = Path(__file__).parents[1] / "demo" / "host.opus"
_QUIET = 0.01
"""Root mean square, of full scale: below it nobody speaks."""
CLICK_SAMPLES = 240
"""5 ms of 1 kHz."""
_LOUD = 2_000
"""Of an int16: a click's first sample above it is its onset."""

Pcm = npt.NDArray[np.int16]


def encode(pcm: Pcm) -> list[bytes]:
    """Args: pcm, 48 kHz mono; the last packet is filled up with silence."""
    encoder = Encoder(BITRATE, _COMPLEXITY, loss_percent=_LOSS_PERCENT, has_dtx=False)
    padded = np.concatenate((pcm, np.zeros(-len(pcm) % FRAME_SAMPLES, np.int16)))
    return [encoder.encode(np.ascontiguousarray(frame)) for frame in padded.reshape(-1, FRAME_SAMPLES)]


@cache
def speech() -> list[bytes]:
    """What the host of the demo conversation says, without the pauses."""
    pcm = read_recording(_DEMO).samples
    frames = pcm[: len(pcm) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    level = np.sqrt(((frames / 32_768) ** 2).mean(axis=1))
    return encode(frames[level > _QUIET].reshape(-1))


def clicks(count: int, places: Sequence[int]) -> list[bytes]:
    """`count` packets of silence with a click at the start of those in `places`."""
    pcm = np.zeros((count, FRAME_SAMPLES), np.int16)
    tone = 20_000 * np.sin(2 * np.pi * 1_000 * np.arange(CLICK_SAMPLES) / SENT_RATE_HZ)
    pcm[list(places), :CLICK_SAMPLES] = tone.astype(np.int16)
    return encode(pcm.reshape(-1))


def onsets_s(heard: Sequence[tuple[float, bytes]]) -> list[float]:
    """When each click began to be heard. Args: heard, arrival and Opus packet, in order of arrival."""
    decoder = Decoder(SENT_RATE_HZ)
    onsets: list[float] = []
    for arrival_s, packet in heard:
        loud = np.flatnonzero(np.abs(decoder.decode_pcm(packet).astype(np.int32)) > _LOUD)
        if len(loud) and (not onsets or arrival_s - onsets[-1] > 0.1):
            onsets.append(arrival_s + float(loud[0]) / SENT_RATE_HZ)
    return onsets


def for_sending(samples: npt.NDArray[np.float32]) -> Pcm:
    """48 kHz int16 of 16 kHz float32, both mono."""
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout="mono")
    frame.sample_rate = LISTEN_RATE_HZ
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SENT_RATE_HZ)
    parts = [part.to_ndarray().reshape(-1) for part in (*resampler.resample(frame), *resampler.resample(None))]
    return np.concatenate(parts).astype(np.int16, copy=False)


def placed(blocks: Sequence[tuple[int, npt.NDArray[np.float32]]], length: int) -> npt.NDArray[np.float32]:
    """`length` samples of 16 kHz with every block at its place, and silence where none came."""
    samples = np.zeros(length, np.float32)
    for pts, block in blocks:
        start, end = max(0, pts), min(length, pts + len(block))
        if start < end:
            samples[start:end] = block[start - pts : end - pts]
    return samples
