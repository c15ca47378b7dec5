"""Which language somebody speaks: decided once, and kept until it is clearly contradicted.

States:
    UNDECIDED  no language is expected   heard surely at length, or twice in a row → DECIDED
    DECIDED    a language is expected    another one, heard surely at length twice in a row → DECIDED for that one

What is expected from the beginning (a setting) is decided like any other: somebody who speaks another language all the
time is heard in that one. Only finals count; a word or two say little about a language.
"""

from __future__ import annotations

SURE = 0.8
LIKELY = 0.5
CERTAIN = 0.9
LONG_MS = 1_500
"""Of speech."""


class SpokenLanguage:
    """Of one stream."""

    def __init__(self, expected: str | None = None) -> None:
        self.choice = expected
        """ISO 639-1; None: not decided yet."""
        self._before: str | None = None
        """What the final before was heard as, if that counted."""

    def heard(self, language: str, probability: float, speech_ms: int) -> None:
        """Take what a final was taken for."""
        needed = LIKELY if self.choice is None else CERTAIN
        counts = language != self.choice and probability >= needed and (self.choice is None or speech_ms >= LONG_MS)
        is_certain_at_once = self.choice is None and probability >= SURE and speech_ms >= LONG_MS
        if counts and (is_certain_at_once or self._before == language):
            self.choice, self._before = language, None
        else:
            self._before = language if counts else None
