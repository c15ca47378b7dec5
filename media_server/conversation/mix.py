"""The sum of those who talk in one frame, less whoever is to be left out, and which sum a listener takes.

Rules:
- A mix is known by the talkers it leaves out. Who does not talk takes the one that leaves out nobody, together with
  all others; a talker's own leaves out the talker; who may hear nobody takes the one that leaves out everybody.
- A listener changes at once to a mix that sounds different. To one that sounds the same, so that it can be shared
  again, it changes in quiet, or after three seconds: what two encoders say in turn fits badly in the middle of a sound.
- One voice alone stays as it is; several are limited.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from media_server.conversation.activity import is_quiet
from media_server.conversation.audibility import Keys
from media_server.conversation.limiter import limited

Pcm = npt.NDArray[np.int16]
Frames = npt.NDArray[np.float32]
"""shape (n, 960), 48 kHz, values of int16, whose sums are exact."""

NOBODY: Keys = frozenset()
EVERYBODY: Keys = frozenset({None})
"""Whoever that is: no participant is called None."""
FRAME_SAMPLES = 960
WAIT_FRAMES = 150
"""For quiet, before a listener changes anyway."""


class Mix:
    """Of one frame of each who talks."""

    def __init__(self, talkers: Sequence[Hashable], frames: Frames) -> None:
        self._talkers = frozenset(talkers)
        self._frames = dict(zip(talkers, frames, strict=True))
        self._total = frames.sum(axis=0)

    def left_out(self, unheard: Keys) -> Keys:
        """The mix for somebody who must not hear these."""
        return unheard if unheard == EVERYBODY else unheard & self._talkers

    def without(self, left_outs: Iterable[Keys]) -> dict[Keys, Pcm | None]:
        """What is heard when these are left out: int16, shape (960,); None: nothing."""
        voices = {left_out: len(self._voices(left_out)) for left_out in left_outs}
        audible = [left_out for left_out, count in voices.items() if count]
        sums = np.empty((len(audible), FRAME_SAMPLES), np.float32)
        for place, left_out in zip(sums, audible, strict=True):
            self._sum_without(left_out, place)
        mixes: dict[Keys, Pcm | None] = dict.fromkeys(voices)
        for left_out, summed, mixed in zip(audible, sums, limited(sums), strict=True):
            mixes[left_out] = summed.astype(np.int16) if voices[left_out] == 1 else mixed
        return mixes

    def is_same(self, one: Keys, other: Keys) -> bool:
        """Whether two mixes sound the same in this frame."""
        return self._voices(one) == self._voices(other)

    def is_quiet(self, left_out: Keys) -> bool:
        if not self._voices(left_out):
            return True
        summed = np.empty(FRAME_SAMPLES, np.float32)
        self._sum_without(left_out, summed)
        return is_quiet(summed)

    def _voices(self, left_out: Keys) -> Keys:
        return NOBODY if left_out == EVERYBODY else self._talkers - left_out

    def _sum_without(self, left_out: Keys, place: npt.NDArray[np.float32]) -> None:
        place[:] = self._total
        for talker in left_out & self._talkers:
            place -= self._frames[talker]


@dataclass(slots=True)
class Choice:
    """Of one listener."""

    unheard: Keys = NOBODY
    """Whom this listener must not hear, itself among them."""
    left_out: Keys = NOBODY
    """The mix that is taken."""
    _waited: int = 0

    def follow(self, mix: Mix) -> Keys:
        """The mix to take in this frame."""
        wanted = mix.left_out(self.unheard)
        is_waiting = wanted != self.left_out and mix.is_same(wanted, self.left_out)
        self._waited = self._waited + 1 if is_waiting else 0
        if not is_waiting or self._waited > WAIT_FRAMES or mix.is_quiet(wanted):
            self.left_out = wanted
        return self.left_out
