"""The values that move through the conversation code: frozen, in media-time milliseconds unless a name says samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SAMPLE_RATE_HZ = 16_000
WINDOW_SAMPLES = 512
"""Fixed input of the voice activity model: 32 ms at 16 kHz."""


def samples_to_ms(samples: int) -> int:
    return samples * 1000 // SAMPLE_RATE_HZ


def ms_to_samples(ms: int) -> int:
    return ms * SAMPLE_RATE_HZ // 1000


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Somebody began to speak; positions are samples on the call's timeline."""

    start_sample: int


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """Silence began inside speech: probably an end. A recognizer may begin the final on speculation."""

    start_sample: int
    end_sample: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    start_sample: int
    end_sample: int
    """End of the last speech window, without the hangover."""
    is_forced: bool = False
    """Cut because the utterance grew too long: the next one goes on without a pause."""


Speech = SpeechStarted | SpeechPaused | SpeechEnded


@dataclass(frozen=True, slots=True)
class SpokenWord:
    text: str
    start_ms: int
    end_ms: int
    probability: float


@dataclass(frozen=True, slots=True)
class Utterance:
    """One participant's speech between two endpoints, as text."""

    transcript_id: str
    participant_id: str
    speaker: str
    start_ms: int
    end_ms: int
    text: str
    words: tuple[SpokenWord, ...] = ()


CueKind = Literal[
    "long_monologue",
    "talk_ratio",
    "unanswered_question",
    "interruption",
    "pace",
    "fillers",
    "silence",
]


@dataclass(frozen=True, slots=True)
class Quote:
    """Exact words of one transcript."""

    transcript_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Cue:
    """A rule that found a moment worth a word, and what it rests on."""

    kind: CueKind
    participant_id: str
    """Whom it is about: who asked, who talks, who interrupted."""
    at_ms: int
    quotes: tuple[Quote, ...]
    other_id: str | None = None
    """Whom it happened to, where there is one: who was interrupted."""
    figure: int = 0
    """Seconds of a monologue, a silence or a wait; percent of talk or fillers; words a minute."""
    is_about_host: bool = False
    """Whether `participant_id` is a host, who is then addressed as "you"."""
