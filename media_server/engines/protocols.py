"""What the rest of the code knows of a model. Every seam has one or two methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from media_server.conversation.hallucination import Doubt
from media_server.conversation.types import Cue, Quote
from media_server.events import GuidanceType

Samples = npt.NDArray[np.float32]
"""float32, shape (n,), 16 kHz mono, -1 … 1."""


@dataclass(frozen=True, slots=True)
class Context:
    """What the same person said just before. It helps to recognize what follows, and is not told again."""

    samples: Samples
    """They end where the excerpt begins; with it no more than 30 s."""
    text: str
    """All that is said there."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """One stretch of speech whose text is wanted."""

    samples: Samples
    """Up to 30 s."""
    is_final: bool
    """Word times and all guards; else what can be said quickly."""
    language: str | None = None
    """ISO 639-1; None: the recognizer finds out."""
    is_timed: bool = False
    """Word times of a partial; a final has them anyway."""
    context: Context | None = None
    """Of a final. A recognizer may leave it alone."""


@dataclass(frozen=True, slots=True)
class RecognizedWord:
    text: str
    """With its leading space where the text has one."""
    start_s: float
    """Seconds from the first sample of the excerpt."""
    end_s: float
    probability: float


@dataclass(frozen=True, slots=True)
class Recognition:
    text: str
    words: tuple[RecognizedWord, ...]
    """Empty unless word times were asked for."""
    confidence: float
    """0 … 1: the share of its words that are right, as far as the recognizer can tell."""
    language: str
    provider: str
    """For example `whisper:tiny.en`."""
    heard_language: tuple[str, float] | None = None
    """What it takes the language for, and how surely (0 … 1); None when it was not asked, or knows one only."""
    dropped: Doubt | None = None
    """Why its text is not believed; the text is empty then."""
    dropped_text: str = ""
    """What was not believed: for review, never for a log."""


class VoiceActivity(Protocol):
    """Speech probability of one window per stream; one instance serves every stream of a node."""

    def new_state(self) -> object:
        """The state of one stream before its first window."""

    def probabilities(self, windows: npt.NDArray[np.float32], states: list[object]) -> list[float]:
        """Args: windows, shape (streams, 512); states, one per row, updated in place. 0 … 1 for each row."""


class Recognizer(Protocol):
    """Speech to text. Called from worker threads, never from the event loop."""

    def recognize(self, excerpts: Sequence[Excerpt]) -> list[Recognition]:
        """One answer for each excerpt, in their order; all of a batch are finals, or none is.

        No speech gives an empty text, never an invented one. What it raises fails the whole batch.
        """


@runtime_checkable
class RestartableRecognizer(Recognizer, Protocol):
    """A recognizer that can be ended whatever it does, and begun again: a process, or a connection to a remote one."""

    @property
    def is_alive(self) -> bool:
        """Whether it is begun and has not ended since. From any thread."""

    def start(self) -> None:
        """Make it ready; called by the thread that will call `recognize`, which lives as long as what is begun.

        Raises:
            RecognizerUnusableError: it would never be ready: weights are missing, say.
            RecognizerEndedError: it ended meanwhile, or was not ready in time.
        """

    def kill(self) -> None:
        """End it now. Who waits for `start` or `recognize` gets `RecognizerEndedError`. From any thread."""

    def close(self) -> None:
        """End it and give back what it took; by the thread that began it."""


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
