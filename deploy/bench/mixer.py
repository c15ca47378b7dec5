"""`liveconvo bench mixer`: what 20 ms of a call cost the mixer, beside one encode a listener.

Method: a recorded voice, shifted for each talker, is written to the mixer as decoded audio, and the hiss of a quiet
room for everybody else, since browsers send that too; a tick's figure is the mean CPU time of one process. The peer is
the mixer of before: it sums the same frames and encodes through PyAV for each listener.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from deploy.bench.mixer_latency import latency_rows
from deploy.bench.rows import Row, print_rows, versions
from media_server.conversation.playout import FRAME_SAMPLES as TICK_SAMPLES
from media_server.conversation.types import SAMPLE_RATE_HZ
from media_server.rtc.mix_stream import FRAME_SAMPLES
from media_server.rtc.mixer import Mixer
from media_server.rtc.opus import RTP_RATE_HZ

SIZES = (2, 10, 20, 50)
TALKERS = 2
PEER_NAME = "one PyAV encode a listener"
_VOICES = Path(__file__).parents[1] / "demo" / "host.opus"
_WARM_UP_TICKS = 25
_HISS = 16
"""-66 dBFS."""

Pcm = npt.NDArray[np.int16]
Frames = Pcm
"""shape (ticks, 960), 48 kHz."""


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    speech = _speech()
    voices = [np.roll(speech, -37 * number, axis=0) for number in range(max(SIZES))]
    hiss = np.random.default_rng(1).normal(0, _HISS, speech.shape).astype(np.int16)
    rows = []
    for people in SIZES:
        for talkers in sorted({min(TALKERS, people), people}):
            print(f"{people} participants, {talkers} talking …", file=sys.stderr, flush=True)
            rows += _rows(talkers, voices[:talkers] + [hiss] * (people - talkers), args.ticks)
    rows += latency_rows()
    if args.json:
        print(json.dumps({"bench": "mixer", "versions": versions(), "rows": [row.as_json() for row in rows]}))
    else:
        print_rows(rows)
    return 0


def _rows(talkers: int, voices: list[Frames], ticks: int) -> list[Row]:
    ours_ms = _timed_ms(_mixer_tick(voices), ticks)
    peer_ms = _timed_ms(_peer_tick(voices), ticks)
    conditions = f"{len(voices)} participants, {talkers} talking, CPU"
    per_second = RTP_RATE_HZ / FRAME_SAMPLES / len(voices)
    tick = Row("mixer_tick_ms", "ms", ours_ms, ticks, conditions, peer_ms, PEER_NAME)
    each = Row("mixer_cpu_ms_per_participant_s", "ms/s", ours_ms * per_second, ticks, conditions,
               peer_ms * per_second, PEER_NAME)  # fmt: skip
    return [tick, each]


def _timed_ms(tick: Callable[[int], None], ticks: int) -> float:
    """The mean of a tick after some to warm up."""
    for number in range(_WARM_UP_TICKS):
        tick(number)
    began_s = time.process_time()
    for number in range(_WARM_UP_TICKS, _WARM_UP_TICKS + ticks):
        tick(number)
    return (time.process_time() - began_s) / ticks * 1000


def _mixer_tick(voices: list[Frames]) -> Callable[[int], None]:
    """Everything from decoded audio to packets for the listeners' senders."""
    mixer = Mixer()
    talkers = [mixer.add_talker(number) for number in range(len(voices))]
    for number in range(len(voices)):
        mixer.add_listener(number, lambda packet, pts: None)

    def tick(number: int) -> None:
        now = number * TICK_SAMPLES
        for talker, frames in zip(talkers, voices, strict=True):
            talker.write(now, frames[number % len(frames)], (now + TICK_SAMPLES) / SAMPLE_RATE_HZ)
        mixer.tick(now + TICK_SAMPLES + TICK_SAMPLES // 2)

    return tick


def _peer_tick(voices: list[Frames]) -> Callable[[int], None]:
    encoders = [_peer_encoder() for _ in voices]

    def tick(number: int) -> None:
        own = [frames[number % len(frames)] for frames in voices]
        total = np.sum(own, axis=0, dtype=np.int32)
        for listener, encoder in enumerate(encoders):
            pcm = np.clip(total - own[listener], -32_768, 32_767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
            frame.sample_rate = RTP_RATE_HZ
            for packet in encoder.encode(frame):
                bytes(packet)

    return tick


def _peer_encoder() -> Any:
    encoder = av.CodecContext.create("libopus", "w")
    encoder.bit_rate = 24_000
    encoder.format = "s16"
    encoder.layout = "mono"
    encoder.sample_rate = RTP_RATE_HZ
    encoder.options = {"application": "voip", "fec": "1", "packet_loss": "5", "compression_level": "3"}
    return encoder


def _speech() -> Frames:
    """The demo's voice without its pauses."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RTP_RATE_HZ)
    with av.open(str(_VOICES)) as container:
        decoded = [resampler.resample(frame) for frame in container.decode(audio=0)]
    samples: Pcm = np.concatenate([part.to_ndarray().reshape(-1) for parts in decoded for part in parts])
    frames = samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    loud: Frames = frames[np.abs(frames).max(axis=1) > 1_000]
    return loud
