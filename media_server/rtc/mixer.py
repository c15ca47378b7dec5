"""What every participant hears: all the others, never themselves.

One tick every 20 ms, on one clock. Only who talks is in the mix, and only who may be heard by somebody is wanted at
48 kHz at all. Cost: one Opus encode for all who are not talking together, and one for each who is. Algorithmic latency:
the playout buffer's and the encoder's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from media_server.conversation.activity import Activity
from media_server.conversation.audibility import Audibility, Keys
from media_server.conversation.mix import EVERYBODY, Choice, Mix
from media_server.conversation.playout import FRAME_SAMPLES, Playout
from media_server.conversation.types import SAMPLE_RATE_HZ
from media_server.rtc.mix_stream import MixStream
from media_server.rtc.mix_track import MixTrack
from media_server.rtc.opus import RTP_RATE_HZ

LATE_TICKS = 5
"""Are made up for; more are left out."""

Frame48 = npt.NDArray[np.int16]
_SILENCE: Frame48 = np.zeros(960, np.int16)


class Talker:
    """One participant's voice on its way to the mix."""

    def __init__(self) -> None:
        self.is_wanted = False
        """Somebody may hear it."""
        self._playout = Playout()
        self._activity = Activity()

    def write(self, pts: int, heard: Frame48, arrival_s: float) -> None:
        """Take decoded audio of any length.

        Args:
            pts: samples of 16 kHz on the track's own line.
            heard: int16, 48 kHz mono; empty when nothing was decoded.
            arrival_s: the loop's time.
        """
        if len(heard):
            self._playout.write(pts, heard, round(arrival_s * SAMPLE_RATE_HZ))

    def read(self, now: int) -> Frame48 | None:
        """The frame of this tick; None while there is no talk."""
        frame = self._playout.read(now)
        if not self._activity.follow(frame) or not self.is_wanted:
            return None
        return _SILENCE if frame is None else frame


@dataclass(frozen=True, slots=True)
class Listener:
    track: MixTrack = field(default_factory=MixTrack)
    choice: Choice = field(default_factory=Choice)


class Mixer:
    """The mix of one call."""

    def __init__(self) -> None:
        self._talkers: dict[Hashable, Talker] = {}
        self._listeners: dict[Hashable, Listener] = {}
        self._streams: dict[Keys, MixStream] = {}
        self._audibility = Audibility()

    @property
    def audibility(self) -> Audibility:
        """Who may hear whom; replaced by what its methods give."""
        return self._audibility

    @audibility.setter
    def audibility(self, rules: Audibility) -> None:
        self._audibility = rules
        self._apply_rules()

    def add_talker(self, key: Hashable) -> Talker:
        self._talkers[key] = talker = Talker()
        self._apply_rules()
        return talker

    def add_listener(self, key: Hashable) -> MixTrack:
        self._listeners[key] = listener = Listener()
        self._apply_rules()
        return listener.track

    def remove(self, key: Hashable) -> None:
        self._talkers.pop(key, None)
        listener = self._listeners.pop(key, None)
        if listener is not None:
            listener.track.stop()
        self.audibility = self._audibility.without(key)

    def tick(self, now: int) -> None:
        """Send the 20 ms from `now` on, in samples of 16 kHz, to every listener."""
        read = {key: talker.read(now) for key, talker in self._talkers.items()}
        mix = Mix({key: frame for key, frame in read.items() if frame is not None})
        streams: dict[Keys, MixStream] = {}
        for listener in self._listeners.values():
            left = self._streams.get(listener.choice.left_out)
            key = listener.choice.follow(mix)
            if key not in streams:
                streams[key] = self._streams.get(key) or (MixStream() if left is None else left.fork())
        self._streams = streams
        pts = now * RTP_RATE_HZ // SAMPLE_RATE_HZ
        packets = {key: stream.encode(mix.without(key), pts) for key, stream in self._streams.items()}
        for listener in self._listeners.values():
            if (packet := packets[listener.choice.left_out]) is not None:
                listener.track.send(packet)

    async def run(self) -> None:
        """Tick on one clock until cancelled."""
        loop = asyncio.get_running_loop()
        due = round(loop.time() * SAMPLE_RATE_HZ)
        while True:
            self.tick(due)
            due = next_due(due, round(loop.time() * SAMPLE_RATE_HZ))
            await asyncio.sleep(due / SAMPLE_RATE_HZ - loop.time())

    def _apply_rules(self) -> None:
        for key, listener in self._listeners.items():
            unheard = self._audibility.unheard_by(key, self._talkers)
            listener.choice.unheard = EVERYBODY if len(unheard) == len(self._talkers) else unheard
        for key, talker in self._talkers.items():
            talker.is_wanted = any(self._audibility.may_hear(listener, key) for listener in self._listeners)


def next_due(due: int, now: int) -> int:
    """When to tick after the tick that was due: a late one is made up for, a very late one is left out."""
    late_ticks = (now - due) // FRAME_SAMPLES
    return due + FRAME_SAMPLES * max(1, late_ticks - LATE_TICKS)
