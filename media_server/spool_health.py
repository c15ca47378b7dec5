"""Whether a spool takes entries in, judged by what became of the last ones.

States: well → in trouble, with the first refusal that is not the entry's own fault → well again, when nothing was
refused for a while and the file has room. People are told of each step, so that it must not flicker.
"""

from __future__ import annotations

from collections.abc import Iterable

from media_server.spool_errors import SpoolEntryError, SpoolError
from media_server.spool_file import SpoolFile

HOLD_S = 3.0
"""Longer than the recorder waits between two attempts: a spool that only cannot be read is in trouble all the time."""


class Health:
    """`trouble` is the code of what is wrong, None while nothing is."""

    def __init__(self) -> None:
        self.trouble: str | None = None
        self._refused_at = 0.0

    def note(self, errors: Iterable[Exception | None], file: SpoolFile, now_s: float) -> None:
        """After each commit, and every now and then while there is trouble."""
        for error in errors:
            if isinstance(error, SpoolError) and not isinstance(error, SpoolEntryError):
                self.trouble = error.code
                self._refused_at = now_s
        if self.trouble is not None and now_s - self._refused_at >= HOLD_S and file.has_room():
            self.trouble = None
