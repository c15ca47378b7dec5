"""What every participant hears: all the others, never themselves.

One tick every 20 ms sums the talkers once and takes each listener's own voice out of the sum again, then encodes it.
Cost: one Opus encode per listener and tick; the sums are microseconds. Delay added: three frames of playout per talker.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable
from fractions import Fraction
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from media_server.rtc.audio_input import HEARD_RATE_HZ

FRAME_SAMPLES = 960
TICK_S = FRAME_SAMPLES / HEARD_RATE_HZ
PLAYOUT_FRAMES = 3
"""Frames that must wait before a talker who was silent is heard again."""
PLAYOUT_LIMIT_FRAMES = 10
"""A talker whose clock is fast, or who was stuck, loses the oldest frames beyond this."""

Frame48 = npt.NDArray[np.int16]


class Talker:
    """The playout buffer of one participant: 20 ms frames, bounded, oldest dropped."""

    def __init__(self) -> None:
        self._rest: Frame48 = np.zeros(0, np.int16)
        self._frames: deque[Frame48] = deque(maxlen=PLAYOUT_LIMIT_FRAMES)
        self._is_playing = False

    def write(self, heard: Frame48) -> None:
        """Take decoded audio of any length."""
        samples = np.concatenate((self._rest, heard)) if len(self._rest) else heard
        whole = len(samples) // FRAME_SAMPLES * FRAME_SAMPLES
        self._frames.extend(samples[:whole].reshape(-1, FRAME_SAMPLES))
        self._rest = samples[whole:]

    def read(self) -> Frame48 | None:
        """The frame of this tick; None while there is nothing to hear."""
        if not self._is_playing and len(self._frames) < PLAYOUT_FRAMES:
            return None
        self._is_playing = bool(self._frames)
        return self._frames.popleft() if self._frames else None


class MixTrack(MediaStreamTrack):
    """The track that one participant hears: Opus packets, 24 kbit/s mono with in-band FEC.

    The queue holds at most ten packets (200 ms); when the sender does not take them, the oldest goes.
    """

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._encoder = av.CodecContext.create("libopus", "w")
        self._encoder.bit_rate = 24_000
        self._encoder.format = "s16"
        self._encoder.layout = "mono"
        self._encoder.sample_rate = HEARD_RATE_HZ
        self._encoder.options = {"application": "voip", "fec": "1", "packet_loss": "5", "compression_level": "3"}
        self._packets: asyncio.Queue[Any] = asyncio.Queue(maxsize=10)
        self._pts = 0

    def send(self, samples: Frame48) -> None:
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = HEARD_RATE_HZ
        for packet in self._encoder.encode(frame):
            packet.pts = self._pts
            packet.time_base = Fraction(1, HEARD_RATE_HZ)
            self._pts += FRAME_SAMPLES
            if self._packets.full():
                self._packets.get_nowait()
            self._packets.put_nowait(packet)

    async def recv(self) -> Any:
        """The next packet; aiortc sends what is encoded already as it is."""
        if self.readyState != "live":
            raise MediaStreamError
        return await self._packets.get()


class Mixer:
    """The mix of one call."""

    def __init__(self) -> None:
        self._talkers: dict[Hashable, Talker] = {}
        self._listeners: dict[Hashable, MixTrack] = {}

    def add_talker(self, key: Hashable) -> Talker:
        self._talkers[key] = talker = Talker()
        return talker

    def add_listener(self, key: Hashable) -> MixTrack:
        self._listeners[key] = track = MixTrack()
        return track

    def remove(self, key: Hashable) -> None:
        self._talkers.pop(key, None)
        track = self._listeners.pop(key, None)
        if track is not None:
            track.stop()

    def tick(self) -> None:
        """Send 20 ms to every listener."""
        heard = {key: frame for key, talker in self._talkers.items() if (frame := talker.read()) is not None}
        total = np.zeros(FRAME_SAMPLES, np.int32)
        for frame in heard.values():
            total += frame
        for key, track in self._listeners.items():
            own = heard.get(key)
            others = total if own is None else total - own
            track.send(np.clip(others, -32_768, 32_767).astype(np.int16))

    async def run(self) -> None:
        """Tick on one clock until cancelled; a late tick is made up for, a very late one is skipped."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            self.tick()
            due = max(due + TICK_S, loop.time() - 5 * TICK_S)
            await asyncio.sleep(due - loop.time())
