"""Recordings for tests: the demo's first line in the forms in which people keep recordings."""

from __future__ import annotations

import io
import json
import wave
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np

from deploy.call.audio_file import read_recording

DEMO = Path(__file__).parents[1] / "deploy" / "demo"
SAYS = json.loads((DEMO / "script.json").read_text())["utterances"][0]["text"]
"""What is heard in all of them."""
RATE_HZ = 16_000


@cache
def speech() -> np.ndarray:
    """float32, shape (n,), 16 kHz, seven seconds in which the host says one line."""
    return read_recording(DEMO / "host.opus").for_listening()[: 7 * RATE_HZ]


def wav(samples: np.ndarray | None = None) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(((speech() if samples is None else samples) * 32_767).astype("<i2").tobytes())
    return out.getvalue()


def encoded(container: str, codec: str, *, with_video: bool = False) -> bytes:
    """The same by FFmpeg; `with_video` adds a black picture."""
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        audio = file.add_stream(codec, rate=48_000 if codec == "libopus" else RATE_HZ)
        if with_video:
            video = file.add_stream("mpeg4", rate=1)
            video.width = video.height = 16
            file.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")))
            file.mux(video.encode(None))
        frame = av.AudioFrame.from_ndarray(speech().reshape(1, -1), format="fltp", layout="mono")
        frame.rate, frame.time_base, frame.pts = RATE_HZ, Fraction(1, RATE_HZ), 0
        resampler = av.AudioResampler(format=audio.format, layout="mono", rate=audio.rate, frame_size=audio.frame_size)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            file.mux(audio.encode(part))
        file.mux(audio.encode(None))
    return out.getvalue()
