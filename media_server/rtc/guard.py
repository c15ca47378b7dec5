"""What an offer must look like before aiortc sees it.

aiortc's parser is quadratic in places and raises eight kinds of exception, so size and shape are checked in one pass
over the lines first. Candidates that a server should not check (names, of which browsers make one per address, and
addresses where no caller can be) are taken out: the browser's own checks reach us and make the pair.
"""

from __future__ import annotations

from media_server.errors import BadOfferError, OfferTooLargeError
from media_server.rtc.candidates import may_be_checked
from media_server.rtc.offer_sections import check_sections, is_other_fingerprint
from media_server.settings import Limits


def checked_offer(sdp: str, limits: Limits) -> str:
    """The offer as aiortc may have it.

    Raises:
        OfferTooLargeError: more bytes or lines than `limits`.
        BadOfferError: no SDP, no audio, no fingerprint, or more sections, candidates or sources than `limits`.
        NoOpusError: no Opus.
    """
    if len(sdp.encode("utf-8", "surrogatepass")) > limits.offer_bytes:
        raise OfferTooLargeError(f"An offer may have {limits.offer_bytes} bytes.")
    lines = sdp.splitlines()
    if len(lines) > limits.offer_lines:
        raise OfferTooLargeError(f"An offer may have {limits.offer_lines} lines.")
    if not lines or lines[0].strip() != "v=0":
        raise BadOfferError("The body is no SDP: it does not begin with v=0.")
    if any(len(line) > limits.offer_line_chars for line in lines):
        raise BadOfferError(f"A line of an offer may have {limits.offer_line_chars} characters.")
    _check_counts(lines, limits)
    check_sections(lines)
    return _with_fit_candidates([line for line in lines if not is_other_fingerprint(line)])


def has_data_section(sdp: str) -> bool:
    """Does the offer ask for data channels? A plain WHIP publisher does not (RFC 8841)."""
    return any(line.startswith("m=application") for line in sdp.splitlines())


def _check_counts(lines: list[str], limits: Limits) -> None:
    counted = (
        ("m=", limits.offer_sections, "media sections"),
        ("a=candidate:", limits.offer_candidates, "candidates"),
        ("a=ssrc", limits.offer_ssrc_lines, "ssrc lines"),
    )
    for prefix, limit, what in counted:
        if sum(line.startswith(prefix) for line in lines) > limit:
            raise BadOfferError(f"An offer may have {limit} {what}.")


def _with_fit_candidates(lines: list[str]) -> str:
    """The same offer without `.local` candidates (RFC 8828 §3.1 mDNS names) and others that nobody should check."""
    kept = [line for line in lines if not _is_unfit_candidate(line)]
    if not any(line.startswith("a=candidate:") for line in kept):
        # With no candidate left, an end-of-candidates would make ICE fail before the browser's first check.
        kept = [line for line in kept if not line.startswith("a=end-of-candidates")]
    return "\r\n".join(kept) + "\r\n"


def _is_unfit_candidate(line: str) -> bool:
    parts = line.split()
    return line.startswith("a=candidate:") and len(parts) > 4 and not may_be_checked(parts[4])
