"""Speech as WebVTT (W3C, `https://www.w3.org/TR/webvtt1/`) and as SubRip."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from control_api.captions.cues import Passage, Word, cues

_BREAKING = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")


def webvtt(passages: Iterable[Passage], notes: Sequence[str] = ()) -> str:
    """Speakers are voices. A file without cues is valid too.

    Args:
        notes: comments before the cues.
    """
    blocks = ["WEBVTT", *(f"NOTE {_escaped(note)}" for note in notes)]
    for cue in cues(passages):
        text = "\n".join(_escaped(line) for line in cue.lines)
        voice = f"<v {_escaped(cue.speaker)}>" if cue.speaker else ""
        blocks.append(f"{_time(cue.start_ms, '.')} --> {_time(cue.end_ms, '.')}\n{voice}{text}")
    return "\n\n".join(blocks) + "\n"


def subrip(passages: Iterable[Passage]) -> str:
    """Without cues it is empty. SubRip knows no voices: a speaker is named wherever another one spoke before."""
    blocks = []
    for number, cue in enumerate(cues(_naming(passages)), 1):
        text = "\n".join(_plain(line) for line in cue.lines)
        blocks.append(f"{number}\n{_time(cue.start_ms, ',')} --> {_time(cue.end_ms, ',')}\n{text}\n")
    return "\n".join(blocks)


def _naming(passages: Iterable[Passage]) -> Iterator[Passage]:
    said_by = None
    for passage in sorted(passages, key=lambda passage: passage.start_ms):
        if not passage.text.strip() or passage.speaker in (None, said_by):
            yield passage
            continue
        said_by = passage.speaker
        name = Word(f"{said_by}:", passage.start_ms, passage.start_ms)
        words = (name, *passage.words) if passage.words else ()
        yield replace(passage, text=f"{name.text} {passage.text}", words=words)


def _escaped(text: str) -> str:
    """WebVTT §4.2.2: these three must not stand in a cue; with `>` goes the arrow that would begin the next one."""
    return _on_one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _plain(text: str) -> str:
    """SubRip has no escapes: players take `<` for a tag and the arrow for a time."""
    return _on_one_line(text).replace("-->", "→").replace("<", "‹").replace(">", "›")


def _on_one_line(text: str) -> str:
    return _BREAKING.sub(" ", text)


def _time(at_ms: int, point: str) -> str:
    seconds, ms = divmod(max(0, at_ms), 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{ms:03}"
