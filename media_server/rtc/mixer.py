"""What every participant hears: all the others, never themselves.

One tick every 20 ms, on one clock. Only who talks is in the mix, and only who may be heard by somebody is wanted at
48 kHz at all. Cost: one Opus encode for all who are not talking together, and one for each who is. Algorithmic latency:
the playout buffer's and the encoder's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from media_server.conversation.activity import Activity, mean_squares
from media_server.conversation.audibility import Audibility, Keys
from media_server.conversation.echo import EchoWatch
from media_server.conversation.mix import EVERYBODY, Choice, Mix
from media_server.conversation.mix import FRAME_SAMPLES as MIXED_SAMPLES
from media_server.conversation.playout import FRAME_SAMPLES, Playout
from media_server.conversation.types import SAMPLE_RATE_HZ
from media_server.rtc.mix_stream import MixStream
from media_server.rtc.opus import RTP_RATE_HZ

TICKS_PER_S = 50
LATE_TICKS = 5
"""Are made up for; more are left out."""

Send = Callable[[bytes, int], None]
"""Takes one Opus packet and its time at 48 kHz; never waits, never raises."""
Lost = Callable[[], float]
"""Which part of them does not arrive, 0 … 1."""
Frame48 = npt.NDArray[np.int16]


class Talker:
    """One participant's voice on its way to the mix."""

    def __init__(self) -> None:
        self.is_wanted = False
        """Somebody may hear it."""
        self._activity = Activity()
        self._playout = Playout()

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
        """The frame of this tick, shape (960,); None for silence."""
        return self._playout.read(now)

    def is_heard(self, power: float) -> bool:
        """Whether a frame of this mean square is talk that somebody may hear; asked every tick."""
        return self._activity.follow(power) and self.is_wanted


@dataclass(frozen=True, slots=True)
class Listener:
    send: Send
    lost: Lost
    choice: Choice = field(default_factory=Choice)
    echo: EchoWatch = field(default_factory=EchoWatch)
    """Is told what this listener is sent; whoever knows the microphone judges."""


class Mixer:
    """The mix of one call."""

    def __init__(self) -> None:
        self._talkers: dict[Hashable, Talker] = {}
        self._listeners: dict[Hashable, Listener] = {}
        self._streams: dict[Keys, MixStream] = {}
        self._audibility = Audibility()
        self._ticks = 0

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

    def add_listener(self, key: Hashable, send: Send, lost: Lost = lambda: 0.0) -> None:
        self._listeners[key] = Listener(send, lost)
        self._apply_rules()

    def echo_of(self, key: Hashable) -> EchoWatch:
        return self._listeners[key].echo

    def remove(self, key: Hashable) -> None:
        self._talkers.pop(key, None)
        self._listeners.pop(key, None)
        self.audibility = self._audibility.without(key)

    def tick(self, now: int) -> None:
        """Send the 20 ms from `now` on, in samples of 16 kHz, to every listener."""
        mix = self._mix(now)
        streams: dict[Keys, MixStream] = {}
        for listener in self._listeners.values():
            left = self._streams.get(listener.choice.left_out)
            key = listener.choice.follow(mix)
            if key not in streams:
                streams[key] = self._streams.get(key) or (MixStream() if left is None else left.fork())
        self._streams = streams
        self._ticks += 1
        if self._ticks % TICKS_PER_S == 0:
            self._expect_losses()
        pts = now * RTP_RATE_HZ // SAMPLE_RATE_HZ
        mixes = mix.without(streams)
        packets = {key: stream.encode(mixes[key]) for key, stream in streams.items()}
        for listener in self._listeners.values():
            if (packet := packets[listener.choice.left_out]) is not None:
                listener.send(packet, pts)
            if (heard := mixes[listener.choice.left_out]) is not None:
                listener.echo.sent(now, heard)

    def _expect_losses(self) -> None:
        """Each stream is made for its worst listener."""
        worst = dict.fromkeys(self._streams, 0.0)
        for listener in self._listeners.values():
            worst[listener.choice.left_out] = max(worst[listener.choice.left_out], listener.lost())
        for key, stream in self._streams.items():
            stream.expect_loss(worst[key])

    def _mix(self, now: int) -> Mix:
        """Of who talks and may be heard."""
        talkers = list(self._talkers.items())
        frames = np.zeros((len(talkers), MIXED_SAMPLES), np.float32)
        for place, (_, talker) in zip(frames, talkers, strict=True):
            if (frame := talker.read(now)) is not None:
                place[:] = frame
        powers = mean_squares(frames).tolist()
        heard = [row for row, (_, talker) in enumerate(talkers) if talker.is_heard(powers[row])]
        return Mix([talkers[row][0] for row in heard], frames[heard])

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
