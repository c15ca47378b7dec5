"""How fast text came back, measured against the clean recordings; pure.

`final_latency_ms`: arrival of a final, minus the time at which the caller sent the last speech sample of that
utterance. `first_partial_ms`: arrival of the first text of an utterance, minus the time at which the caller sent its
first speech sample. Speech times are those of Silero on the clean file (threshold 0.5, no padding).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

NEAR_MS = 700
"""An utterance that ends further from a true end of speech was cut inside it: its own end counts then."""

Span = tuple[int, int]
"""Start and end of true speech in one recording, ms."""


@dataclass(slots=True)
class Measure:
    """Collects one call's messages, as one participant saw them."""

    speech: dict[str, Sequence[Span]]
    """By participant id."""
    final_ms: list[int] = field(default_factory=list)
    first_partial_ms: list[int] = field(default_factory=list)
    transcripts: int = 0
    gaps: int = 0
    """Utterances that were not transcribed."""
    guidance: int = 0
    _seen: set[str] = field(default_factory=set)

    def take(self, message: dict[str, Any], wall_ms: int) -> None:
        """Args: wall_ms: arrival, in ms since the first audio packet was sent."""
        match message["type"]:
            case "transcript.partial" if message["stable"] or message["unstable"]:
                self._first_text(message, wall_ms)
            case "transcript.final" if message.get("failure") is not None:
                self.gaps += 1
            case "transcript.final":
                self._first_text(message, wall_ms)
                self.transcripts += 1
                end = end_of_speech(self.speech.get(message["participant_id"], ()), message["end_ms"])
                self.final_ms.append(wall_ms - end)
            case "guidance.shown":
                self.guidance += 1

    def _first_text(self, message: dict[str, Any], wall_ms: int) -> None:
        if message["utterance_id"] in self._seen:
            return
        self._seen.add(message["utterance_id"])
        start = start_of_speech(self.speech.get(message["participant_id"], ()), message["start_ms"])
        self.first_partial_ms.append(wall_ms - start)

    def report(self, session_id: str, participants: list[dict[str, str]]) -> dict[str, Any]:
        return {
            "type": "call.report",
            "session_id": session_id,
            "participants": participants,
            "final_latency_ms": percentiles(self.final_ms),
            "first_partial_ms": percentiles(self.first_partial_ms),
            "transcripts": self.transcripts,
            "gaps": self.gaps,
            "guidance": self.guidance,
        }


def end_of_speech(speech: Sequence[Span], end_ms: int) -> int:
    """The true end nearest to where an utterance was found to end."""
    nearest = min((end for _, end in speech), key=lambda end: abs(end - end_ms), default=end_ms)
    return nearest if abs(nearest - end_ms) <= NEAR_MS else end_ms


def start_of_speech(speech: Sequence[Span], start_ms: int) -> int:
    nearest = min((start for start, _ in speech), key=lambda start: abs(start - start_ms), default=start_ms)
    return nearest if abs(nearest - start_ms) <= NEAR_MS else start_ms


def percentiles(values: Sequence[int]) -> dict[str, int | None]:
    """Nearest-rank p50 and p95; None when there is nothing to rank."""
    ranked = sorted(values)
    if not ranked:
        return {"p50": None, "p95": None}
    return {f"p{p}": ranked[math.ceil(p / 100 * len(ranked)) - 1] for p in (50, 95)}
