"""What was heard in one recording, and its files: text, WebVTT, SubRip and JSON. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from control_api.captions.cues import Passage, Word
from control_api.captions.files import subrip, webvtt
from deploy.transcribe.engine import Heard
from media_server.pipeline.track import Final


@dataclass(frozen=True, slots=True)
class Transcript:
    name: str
    """Of the file, without its folder."""
    model: str
    duration_s: float
    """That was read."""
    channels: int
    """1: nobody asked for more."""
    heard: Sequence[Heard]
    """In the order of their beginnings."""
    is_cut: bool = False
    """The recording ended in the middle of what it promised."""

    @property
    def lost(self) -> list[Final]:
        """What could not be recognized: gaps, marked in every file that can hold a mark."""
        return [one.final for one in self.heard if one.final.failure]

    def speaker(self, one: Heard) -> str | None:
        return f"Channel {one.channel + 1}" if self.channels > 1 else None

    def passages(self) -> list[Passage]:
        return [
            Passage(
                one.final.start_ms,
                one.final.end_ms,
                one.final.text,
                tuple(Word(word.text, word.start_ms, word.end_ms) for word in one.final.words),
                self.speaker(one),
            )
            for one in self.heard
            if one.final.text
        ]


def as_text(transcript: Transcript, with_words: bool) -> str:
    """A line for each utterance."""
    lines = [
        f"{passage.speaker}: {passage.text}" if passage.speaker else passage.text for passage in transcript.passages()
    ]
    return "".join(f"{line}\n" for line in lines)


def as_webvtt(transcript: Transcript, with_words: bool) -> str:
    gaps = [f"not recognized: {final.start_ms}–{final.end_ms} ms, {final.failure}" for final in transcript.lost]
    return webvtt(transcript.passages(), gaps)


def as_subrip(transcript: Transcript, with_words: bool) -> str:
    return subrip(transcript.passages())


def as_json(transcript: Transcript, with_words: bool) -> str:
    """On one line."""
    content = {
        "file": transcript.name,
        "model": transcript.model,
        "duration_s": round(transcript.duration_s, 3),
        "is_cut": transcript.is_cut,
        "segments": [_segment(transcript, one, with_words) for one in transcript.heard],
    }
    return json.dumps(content, ensure_ascii=False) + "\n"


FORMATS: Mapping[str, Callable[[Transcript, bool], str]] = {
    "txt": as_text,
    "vtt": as_webvtt,
    "srt": as_subrip,
    "json": as_json,
}
"""By their file extension; given the transcript and whether times of single words are wanted."""


def _segment(transcript: Transcript, one: Heard, with_words: bool) -> dict[str, Any]:
    final = one.final
    segment: dict[str, Any] = {
        "start_ms": final.start_ms,
        "end_ms": final.end_ms,
        "speaker": transcript.speaker(one),
        "text": final.text,
        "confidence": round(final.confidence, 3),
        "language": final.language,
        "failure": final.failure,
    }
    if with_words:
        segment["words"] = [
            {"text": word.text, "start_ms": word.start_ms, "end_ms": word.end_ms, "probability": word.probability}
            for word in final.words
        ]
    return segment
