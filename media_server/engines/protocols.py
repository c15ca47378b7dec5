"""What the rest of the code knows of a model. Every seam has one or two methods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from media_server.conversation.types import Cue, Quote
from media_server.events import GuidanceType

Samples = npt.NDArray[np.float32]
"""float32, shape (n,), 16 kHz mono, -1 … 1."""


@dataclass(frozen=True, slots=True)
class RecognizedWord:
    text: str
    """With its leading space where the text has one."""
    start_s: float
    """Seconds from the first sample of the audio that was recognized."""
    end_s: float
    probability: float


@dataclass(frozen=True, slots=True)
class Recognition:
    text: str
    words: tuple[RecognizedWord, ...]
    """Empty unless word times were asked for."""
    confidence: float
    """0 … 1: the mean probability of the tokens."""
    language: str
    provider: str
    """For example `whisper:tiny.en`."""


class VoiceActivity(Protocol):
    """Speech probability of one window per stream; one instance serves every stream of a node."""

    def new_state(self) -> object:
        """The state of one stream before its first window."""

    def probabilities(self, windows: npt.NDArray[np.float32], states: list[object]) -> list[float]:
        """Args: windows, shape (streams, 512); states, one per row, updated in place. 0 … 1 for each row."""


class Recognizer(Protocol):
    """Speech to text for one stretch of audio. Called from worker threads, never from the event loop."""

    def recognize(self, audio: Samples, *, is_final: bool) -> Recognition:
        """Text of `audio` (up to 30 s); word times and guards only when `is_final`.

        No speech gives an empty text, never an invented one.
        """


@dataclass(frozen=True, slots=True)
class Advice:
    """What a coach would say to the host."""

    guidance_type: GuidanceType
    priority: int
    """1 highest … 3."""
    content: str
    """At most 100 characters."""
    quotes: tuple[Quote, ...]
    """What it rests on; checked word by word before anybody sees it."""


class Coach(Protocol):
    """Turns a cue into words for the host."""

    def advise(self, cue: Cue, names: Mapping[str, str]) -> Advice | None:
        """Args: names, of the participants by id. None: nothing worth saying."""
