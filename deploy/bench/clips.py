"""Recordings with references for benchmarks: any folder with a tab-separated manifest.tsv.

Columns that are read: id, file, language, speakers, text, ref_kind and, if there, style. `ref_kind` says how far a text
can be trusted: only `corpus` counts for word error rates; `no-speech` recordings must give no words at all, unless
their style has a question mark: nobody has listened to those.
"""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deploy.bench.speech import speech_spans
from deploy.call.audio_file import read_recording
from media_server.conversation.types import SAMPLE_RATE_HZ, samples_to_ms

LONGEST_CLIP_S = 30
"""The offline comparison has one 30 s window."""
FEWEST_WORDS = 8
"""Of an utterance whose errors are worth counting by itself."""


class BenchInputError(Exception):
    """The folder holds nothing to measure with; the message is one line."""


@dataclass(frozen=True, slots=True)
class Clip:
    id: str
    samples: npt.NDArray[np.float32]
    """16 kHz mono, -1 … 1."""
    text: str
    """Empty: no speech in it."""
    start_s: float
    """Of true speech; the whole recording when none is found."""
    end_s: float

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE_HZ


def read_clips(folder: Path, count: int | None = None) -> tuple[list[Clip], list[Clip]]:
    """English recordings of one speaker with a trusted text (`count` of them, spread over the manifest), and all
    recordings without speech.

    Raises:
        BenchInputError: no manifest, or no such recordings in it.
    """
    rows = _manifest(folder)
    spoken = [row for row in rows if _is_spoken(row)]
    chosen = spoken if count is None else [spoken[i * len(spoken) // count] for i in range(min(count, len(spoken)))]
    clips = [clip for row in chosen if (clip := _read(folder, row)).seconds <= LONGEST_CLIP_S]
    silent = [_read(folder, row) for row in rows if _is_silent(row)]
    if not clips:
        raise BenchInputError(f"{folder / 'manifest.tsv'}: no English recordings of one speaker with a `corpus` text")
    return clips, silent


def read_utterances(folder: Path, count: int, longest_s: float) -> list[Clip]:
    """`count` of the same recordings, drawn from those of several words that are short enough to be played in a call.

    Raises:
        BenchInputError: no manifest, or no such recordings in it.
    """
    rows = [row for row in _manifest(folder) if _is_spoken(row) and len(row["text"].split()) >= FEWEST_WORDS]
    random.Random(1).shuffle(rows)  # noqa: S311 - the same ones every time
    clips: list[Clip] = []
    for row in rows:
        if len(clips) == count:
            break
        clip = _read(folder, row)
        if clip.seconds <= longest_s:
            clips.append(clip)
    if not clips:
        raise BenchInputError(f"{folder / 'manifest.tsv'}: no utterance of {FEWEST_WORDS} words up to {longest_s:g} s")
    return clips


def _manifest(folder: Path) -> list[dict[str, str]]:
    file = folder / "manifest.tsv"
    if not file.is_file():
        raise BenchInputError(f"{file}: there is no such file")
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def _is_spoken(row: dict[str, str]) -> bool:
    return bool(row["text"]) and (row["ref_kind"], row["language"], row["speakers"]) == ("corpus", "en", "1")


def _is_silent(row: dict[str, str]) -> bool:
    return row["ref_kind"] == "no-speech" and "?" not in (row.get("style") or "")


def _read(folder: Path, row: dict[str, str]) -> Clip:
    samples = read_recording(folder / row["file"]).for_listening()
    spans = speech_spans(samples) or [(0, samples_to_ms(len(samples)))]
    text = row["text"] if row["ref_kind"] == "corpus" else ""
    return Clip(row["id"], samples, text, spans[0][0] / 1000, spans[-1][1] / 1000)
