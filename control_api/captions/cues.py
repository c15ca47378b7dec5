"""Speech cut into cues that can be read: at most two lines of 42 characters, at most seven seconds.

Rules:
- A cue holds words of one passage. It ends where a sentence, a clause or a pause of half a second does, where that
  leaves it more than half full; else where it is full.
- Its time is that of its words, lengthened to a second where nothing follows so soon.
- A passage keeps its own spelling and spacing: words only say when. Where a word is not found in the text, or there are
  no words, times are shared out by characters.
- Wide characters (East Asian) count twice. A word that is longer than a line is broken.

Numbers: BBC Subtitle Guidelines; Netflix Timed Text Style Guide (42 characters, two lines, seven seconds).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

LINE_CHARACTERS = 42
LINES = 2
LONGEST_MS = 7_000
SHORTEST_MS = 1_000
PAUSE_MS = 500
SENTENCE_ENDS = ".?!…。？！"
CLAUSE_ENDS = ",;:、，；："


@dataclass(frozen=True, slots=True)
class Word:
    text: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Passage:
    """What one voice said in one go."""

    start_ms: int
    end_ms: int
    text: str
    words: tuple[Word, ...] = ()
    """In order; their text as it stands in the passage."""
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class Cue:
    start_ms: int
    end_ms: int
    lines: tuple[str, ...]
    speaker: str | None = None


def cues(passages: Iterable[Passage]) -> list[Cue]:
    """In the order of their beginnings."""
    found = [cue for passage in passages for cue in _of_one(passage)]
    found.sort(key=lambda cue: (cue.start_ms, cue.end_ms))
    return [_readable(cue, next_one) for cue, next_one in zip_longest(found, found[1:])]


def width(text: str) -> int:
    """In columns."""
    return sum(
        0 if unicodedata.combining(letter) else 1 + (unicodedata.east_asian_width(letter) in "WF") for letter in text
    )


def _of_one(passage: Passage) -> Iterator[Cue]:
    words = _in_text(passage)
    while words:
        count = _fitting(words)
        taken, words = words[:count], words[count:]
        start_ms, end_ms = taken[0].start_ms, max(word.end_ms for word in taken)
        if words:
            end_ms = min(end_ms, words[0].start_ms)
        yield Cue(
            start_ms, min(max(end_ms, start_ms + 1), start_ms + LONGEST_MS), tuple(_lines(taken)), passage.speaker
        )


def _in_text(passage: Passage) -> list[Word]:
    """The whole text as words with the space before them, none wider than a line; times in order."""
    pieces = _timed(passage) or _shared_out(passage)
    ordered: list[Word] = []
    at_ms = passage.start_ms
    for piece in pieces:
        for part in _broken(piece):
            start_ms = max(at_ms, part.start_ms)
            ordered.append(replace(part, start_ms=start_ms, end_ms=max(start_ms, part.end_ms)))
            at_ms = start_ms
    return ordered


def _timed(passage: Passage) -> list[Word]:
    """Empty: text and words are not the same."""
    text, pieces, begun = " ".join(passage.text.split()), [], 0
    for word in passage.words:
        bare = " ".join(word.text.split())
        at = text.find(bare, begun)
        if not bare or at < 0:
            return []
        pieces.append(Word(text[begun:at] + bare, word.start_ms, word.end_ms))
        begun = at + len(bare)
    if pieces and begun < len(text):
        pieces[-1] = replace(pieces[-1], text=pieces[-1].text + text[begun:])
    return pieces


def _shared_out(passage: Passage) -> list[Word]:
    texts = [f" {text}" if number else text for number, text in enumerate(passage.text.split())]
    whole, duration_ms = max(1, sum(map(len, texts))), max(0, passage.end_ms - passage.start_ms)
    begun, pieces = 0, []
    for text in texts:
        times = [passage.start_ms + duration_ms * at // whole for at in (begun, begun + len(text))]
        pieces.append(Word(text, *times))
        begun += len(text)
    return pieces


def _broken(word: Word) -> Iterator[Word]:
    rest = word.text
    while width(rest.strip()) > LINE_CHARACTERS:
        kept = len(rest) - len(rest.lstrip())
        while width(rest[: kept + 1].strip()) <= LINE_CHARACTERS:
            kept += 1
        yield replace(word, text=rest[:kept])
        rest = rest[kept:]
    yield replace(word, text=rest)


def _fitting(words: Sequence[Word]) -> int:
    """How many of them the next cue takes: at least one."""
    most = 1
    while most < len(words) and words[most].end_ms - words[0].start_ms <= LONGEST_MS and _fits(words[: most + 1]):
        most += 1
    if most == len(words):
        return most
    for is_good in (_ends_sentence, _is_before_pause, _ends_clause):
        for count in range(most, most // 2, -1):
            if is_good(words, count):
                return count
    return most


def _ends_sentence(words: Sequence[Word], count: int) -> bool:
    return words[count - 1].text[-1:] in SENTENCE_ENDS


def _ends_clause(words: Sequence[Word], count: int) -> bool:
    return words[count - 1].text[-1:] in CLAUSE_ENDS


def _is_before_pause(words: Sequence[Word], count: int) -> bool:
    return words[count].start_ms - words[count - 1].end_ms >= PAUSE_MS


def _fits(words: Sequence[Word]) -> bool:
    return len(_lines(words)) <= LINES


def _lines(words: Sequence[Word]) -> list[str]:
    """One line when it fits; else filled lines, the first two of them about as long as each other."""
    filled = _filled(words, LINE_CHARACTERS)
    if len(filled) != LINES:
        return filled
    half = width("".join(word.text for word in words).strip()) // LINES
    for columns in range(half, LINE_CHARACTERS):
        if len(even := _filled(words, columns)) == LINES:
            return even
    return filled


def _filled(words: Sequence[Word], columns: int) -> list[str]:
    lines = [""]
    for word in words:
        longer = lines[-1] + word.text
        if lines[-1] and width(longer.strip()) > columns:
            lines.append(word.text)
        else:
            lines[-1] = longer
    return [line.strip() for line in lines if line.strip()]


def _readable(cue: Cue, next_one: Cue | None) -> Cue:
    longer_ms = cue.start_ms + SHORTEST_MS
    end_ms = longer_ms if next_one is None else min(longer_ms, next_one.start_ms)
    return replace(cue, end_ms=max(cue.end_ms, end_ms))
