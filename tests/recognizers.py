"""A recognizer and a voice activity model that follow a script: what tests of the pipeline hear."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from media_server.engines.protocols import Excerpt, Recognition, RecognizedWord, Samples

LOUD = 0.5


def loud(count: int) -> Samples:
    """Samples that `LoudnessVad` takes for speech."""
    return np.full(count, LOUD, dtype=np.float32)


def quiet(count: int) -> Samples:
    return np.zeros(count, dtype=np.float32)


class LoudnessVad:
    """Speech is what is loud."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def new_state(self) -> object:
        return object()

    def probabilities(self, windows: npt.NDArray[np.float32], states: list[object]) -> list[float]:
        self.batches.append(len(states))
        return [1.0 if float(np.abs(window).mean()) > LOUD / 2 else 0.0 for window in windows]


def counts_seconds(audio: Samples, is_final: bool) -> str:
    """A word for every tenth of a second of loud audio, so that longer audio says more."""
    return " ".join(f"w{number}" for number in range(int((np.abs(audio) > LOUD / 2).sum()) // 1600))


class ScriptedRecognizer:
    """Answers with `script(audio, is_final)`; keeps what it was asked. `gate` holds answers back while it is clear."""

    def __init__(self, script: Callable[[Samples, bool], str] = counts_seconds) -> None:
        self._script = script
        self.asked: list[tuple[int, bool]] = []
        """Samples of audio, and whether a final was wanted."""
        self.batches: list[int] = []
        """How many excerpts it was given at a time."""
        self.gate = threading.Event()
        self.gate.set()

    def recognize(self, excerpts: Sequence[Excerpt]) -> list[Recognition]:
        self.batches.append(len(excerpts))
        self.asked += [(len(excerpt.samples), excerpt.is_final) for excerpt in excerpts]
        self.gate.wait(timeout=10)
        return [scripted(self._script(excerpt.samples, excerpt.is_final), excerpt.is_final) for excerpt in excerpts]


def scripted(text: str, is_final: bool) -> Recognition:
    """A word every tenth of a second."""
    words = tuple(RecognizedWord(f" {word}", at * 0.1, (at + 1) * 0.1, 0.9) for at, word in enumerate(text.split()))
    return Recognition(text, words if is_final else (), 0.9, "en", "scripted")
