"""What the sections of an offer must have: audio that can be Opus, and a fingerprint that is worth something.

Rules:
- There is an audio section, and the first one is the participant's: without Opus in it nobody would be heard.
- Every section has a SHA-256 fingerprint, or the session has one (RFC 8122 §5); those of other hashes are taken out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from media_server.errors import BadOfferError, NoOpusError

_OPUS = re.compile(r"a=rtpmap:\d+ opus/48000(/2)?\s*$", re.IGNORECASE)
"""RFC 7587 §7."""
_FINGERPRINT = "a=fingerprint:"
_SHA_256 = re.compile(r"a=fingerprint:sha-256\s", re.IGNORECASE)


def check_sections(lines: Sequence[str]) -> None:
    """
    Raises:
        BadOfferError: there is no audio section, or no fingerprint for a section.
        NoOpusError: the first audio section has none.
    """
    session, *sections = _sections(lines)
    audio = next((section for section in sections if section[0].startswith("m=audio")), None)
    if audio is None:
        raise BadOfferError("The offer has no m=audio section; offer audio, at least to receive it.")
    if not any(_OPUS.match(line) for line in audio):
        raise NoOpusError
    for section in sections:
        if not any(_SHA_256.match(line) for line in (*session, *section)):
            raise BadOfferError("Every section of an offer needs a sha-256 fingerprint.")


def is_other_fingerprint(line: str) -> bool:
    """A hash that we do not take."""
    return line.startswith(_FINGERPRINT) and _SHA_256.match(line) is None


def _sections(lines: Sequence[str]) -> list[list[str]]:
    """The session's lines, then each section's."""
    sections: list[list[str]] = [[]]
    for line in lines:
        if line.startswith("m="):
            sections.append([])
        sections[-1].append(line)
    return sections
