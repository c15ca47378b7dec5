"""An excerpt as pieces of plain text: pure. Nobody has to trust markup that somebody else's speech is part of."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter

from control_api.http import View
from db.search import HIT_BEGINS, HIT_ENDS


class Piece(View):
    text: str
    is_hit: bool


def pieces(excerpt: str) -> list[Piece]:
    """In order; joined, their texts are the excerpt. Of two neighbours only one is a hit."""
    found = [(text, is_hit) for text, is_hit in _pieces(excerpt) if text]
    return [
        Piece(text="".join(text for text, _ in group), is_hit=is_hit) for is_hit, group in groupby(found, itemgetter(1))
    ]


def _pieces(excerpt: str) -> list[tuple[str, bool]]:
    before, *marked = excerpt.split(HIT_BEGINS)
    found = [(before, False)]
    for part in marked:
        hit, _, after = part.partition(HIT_ENDS)
        found += [(hit, True), (after, False)]
    return found
