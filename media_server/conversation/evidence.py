"""Whether a quote is what was really said: the exact words of the transcript it names."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from media_server.conversation.types import Quote

KEPT_TRANSCRIPTS = 1_000
"""The oldest are forgotten first; guidance does not rest on what was said an hour ago."""


class Evidence:
    """The texts that guidance may quote."""

    def __init__(self) -> None:
        self._texts: OrderedDict[str, str] = OrderedDict()

    def add(self, transcript_id: str, text: str) -> None:
        """Remember a transcript; a revised text replaces the first."""
        self._texts[transcript_id] = text
        if len(self._texts) > KEPT_TRANSCRIPTS:
            self._texts.popitem(last=False)

    def holds(self, quotes: Sequence[Quote]) -> bool:
        """Whether there is a quote, and every one is verbatim in the transcript it names."""
        return bool(quotes) and all(
            quote.text.strip() and quote.text in self._texts.get(quote.transcript_id, "") for quote in quotes
        )
