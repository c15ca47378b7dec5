"""As captions of a recording: timed by words where it is known when they were said, else shared out over each line."""

from __future__ import annotations

from collections.abc import Iterator

from control_api.captions.cues import Passage, Word
from control_api.captions.files import subrip, webvtt
from control_api.exports.report import Report


def to_webvtt(report: Report) -> str:
    return webvtt(_passages(report))


def to_subrip(report: Report) -> str:
    return subrip(_passages(report))


def _passages(report: Report) -> Iterator[Passage]:
    for line in report.lines:
        end_ms = line.start_ms if line.end_ms is None else line.end_ms
        words = tuple(Word(word.text, word.start_ms, word.end_ms) for word in line.words)
        yield Passage(line.start_ms, end_ms, line.said, words, line.speaker)
