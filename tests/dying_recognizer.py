"""A recognizer for child processes that dies, hangs or is slow on certain sounds, and what else a test builds there.

How loud a constant sound is, says what happens; every other is counted like `counts_seconds`.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from media_server.engines.errors import RecognizerUnusableError
from media_server.engines.protocols import Excerpt, Recognition, Samples
from tests.recognizers import counts_seconds, scripted

ABORTS, HANGS, IS_KILLED, ABORTS_ONCE, RAISES, HANGS_ONCE = 0.91, 0.92, 0.93, 0.94, 0.95, 0.96
FOREVER_S = 3600.0


def sound(level: float, samples: int) -> Samples:
    return np.full(samples, level, dtype=np.float32)


class DyingRecognizer:
    def __init__(self, folder: Path, realtime_factor: float = 0.0) -> None:
        """Args: folder, where it notes what happened once; realtime_factor, 0.3: a second of audio takes 3.3 s."""
        self._folder = folder
        self._s_per_s = 1 / realtime_factor if realtime_factor else 0.0

        self._hurry = threading.Event()

    def be_fast(self) -> None:
        """From now on, what is waited for included."""
        self._hurry.set()

    def recognize(self, excerpts: Sequence[Excerpt]) -> list[Recognition]:
        for excerpt in excerpts:
            self._suffer(float(np.abs(excerpt.samples).max(initial=0.0)))
        self._hurry.wait(self._s_per_s * sum(len(excerpt.samples) / 16_000 for excerpt in excerpts))
        return [scripted(counts_seconds(excerpt.samples, excerpt.is_final), excerpt.is_final) for excerpt in excerpts]

    def _suffer(self, level: float) -> None:
        if _is(level, ABORTS) or (_is(level, ABORTS_ONCE) and self._is_first("abort")):
            os.abort()
        if _is(level, IS_KILLED):
            os.kill(os.getpid(), signal.SIGKILL)
        if _is(level, HANGS) or (_is(level, HANGS_ONCE) and self._is_first("hang")):
            time.sleep(FOREVER_S)
        if _is(level, RAISES):
            raise ValueError("unheard of")

    def _is_first(self, what: str) -> bool:
        try:
            (self._folder / what).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


def _is(level: float, marker: float) -> bool:
    return abs(level - marker) < 0.004


def unusable() -> DyingRecognizer:
    raise RecognizerUnusableError("no such weights; get them with `make weights`")


def never_ready() -> DyingRecognizer:
    time.sleep(FOREVER_S)
    raise AssertionError


def dies_at_birth() -> DyingRecognizer:
    os.abort()
