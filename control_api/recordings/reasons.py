"""Why a recording was not written down: a stable code, and the sentence that people get."""

from __future__ import annotations

REASONS: dict[str, str] = {
    "audio_limit": "This month has not as many minutes left as the recording is long.",
    "consent_withdrawn": "The consent to this recording was withdrawn.",
    "file_missing": "The file is not there any more.",
    "infected": "The virus scanner refused this file, and it was removed.",
    "not_transcribed": "It was tried for hours: what writes recordings down failed, or where files are kept was away.",
    "session_not_draft": "A call began in the session before the recording was written down.",
    "too_long": "This recording is longer than is written down.",
    "too_slow": "Writing this recording down took too long.",
    "unreadable": "This file is damaged, or there is no sound in it.",
}


class UnfitError(Exception):
    """It will never be written down; the first argument is a key of REASONS."""

    @property
    def code(self) -> str:
        return str(self.args[0])
