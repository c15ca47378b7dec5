"""The sum of those who talk in one frame, less whoever is to be left out, and which sum a listener takes.

Rules:
- A mix is known by the talkers it leaves out. Who does not talk takes the one that leaves out nobody, together with
  all others; a talker's own leaves out the talker; who may hear nobody takes the one that leaves out everybody.
- A listener changes at once to a mix that sounds different. To one that sounds the same, so that it can be shared
  again, it changes in quiet, or after three seconds: what two encoders say in turn fits badly in the middle of a sound.
- One voice alone stays as it is; several are limited.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from media_server.conversation.activity import is_quiet
from media_server.conversation.audibility import Keys
from media_server.conversation.limiter import limited

Pcm = npt.NDArray[np.int16]

NOBODY: Keys = frozenset()
EVERYBODY: Keys = frozenset({None})
"""Whoever that is: no participant is called None."""
FRAME_SAMPLES = 960
WAIT_FRAMES = 150
"""For quiet, before a listener changes anyway."""


class Mix:
    """Of one frame: int16, shape (960,), 48 kHz, for each who talks."""

    def __init__(self, frames: dict[Hashable, Pcm]) -> None:
        self._frames = frames
        self._total = np.zeros(FRAME_SAMPLES, np.int32)
        for frame in frames.values():
            self._total += frame

    def left_out(self, unheard: Keys) -> Keys:
        """The mix for somebody who must not hear these."""
        return unheard if unheard == EVERYBODY else unheard.intersection(self._frames)

    def without(self, left_out: Keys) -> Pcm | None:
        """What is heard; None: nothing."""
        voices = self._voices(left_out)
        if not voices:
            return None
        mixed = self._sum_without(left_out)
        return mixed.astype(np.int16) if len(voices) == 1 else limited(mixed)

    def is_same(self, one: Keys, other: Keys) -> bool:
        """Whether two mixes sound the same in this frame."""
        return self._voices(one) == self._voices(other)

    def is_quiet(self, left_out: Keys) -> bool:
        return not self._voices(left_out) or is_quiet(self._sum_without(left_out))

    def _voices(self, left_out: Keys) -> Keys:
        return NOBODY if left_out == EVERYBODY else frozenset(self._frames) - left_out

    def _sum_without(self, left_out: Keys) -> npt.NDArray[np.int32]:
        mixed = self._total.copy()
        for talker in left_out.intersection(self._frames):
            mixed -= self._frames[talker]
        return mixed


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
