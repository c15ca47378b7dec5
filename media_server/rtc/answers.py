"""What our answer says beyond aiortc's: how we should like to be sent audio (RFC 7587 §6.1)."""

from __future__ import annotations

import re

_OPUS = re.compile(r"^a=rtpmap:(\d+) opus/48000/2\s*$", re.IGNORECASE | re.MULTILINE)


def asking_for_fec(answer: str) -> str:
    """The same answer, asking for in-band FEC: a browser that is not asked sends none."""
    if "a=fmtp:" in answer:
        return answer
    return _OPUS.sub(r"a=rtpmap:\1 opus/48000/2\r\na=fmtp:\1 minptime=10;useinbandfec=1\r", answer)
