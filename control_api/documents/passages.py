"""Cuts what a document says into passages: short enough to be shown, long enough to say something.

Rules:
- A passage never crosses a page, so it has one place.
- Paragraphs stay together up to `LONGEST` characters; what is longer is cut at the end of a sentence, else between
  words, else anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from db.passages import Passage

LONGEST = 1_000
WANTED = 400
"""A passage that has so much takes no further paragraph."""
_SENTENCE_END = re.compile(r"[.!?。！？]['\"”»)]*\s")


def cut(pages: Sequence[str], *, has_pages: bool) -> list[Passage]:
    passages: list[Passage] = []
    for number, page in enumerate(pages, 1):
        for content in _of_page(page):
            passages.append(Passage(len(passages), number if has_pages else None, content))
    return passages


def _of_page(text: str) -> Iterator[str]:
    waiting = ""
    for line in text.splitlines():
        paragraph = line.strip()
        if not paragraph:
            continue
        if waiting and (len(waiting) >= WANTED or len(waiting) + len(paragraph) >= LONGEST):
            yield waiting
            waiting = ""
        *whole, rest = _pieces(paragraph)
        if whole:
            if waiting:
                yield waiting
            yield from whole
            waiting = rest
        else:
            waiting = f"{waiting}\n{rest}" if waiting else rest
    if waiting:
        yield waiting


def _pieces(paragraph: str) -> list[str]:
    """One or more, each of `LONGEST` characters at most."""
    pieces = []
    while len(paragraph) > LONGEST:
        at = _cut_at(paragraph[:LONGEST])
        pieces.append(paragraph[:at].rstrip())
        paragraph = paragraph[at:].lstrip()
    return [*pieces, paragraph] if paragraph else pieces


def _cut_at(window: str) -> int:
    ends = [match.end() for match in _SENTENCE_END.finditer(window, WANTED)]
    if ends:
        return ends[-1]
    space = window.rfind(" ", WANTED)
    return space if space > 0 else len(window)
