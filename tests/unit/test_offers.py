"""Offers are refused before aiortc sees them, on both sides of every limit."""

import pytest

from media_server.errors import BadOfferError, OfferTooLargeError
from media_server.rtc.guard import checked_offer, has_data_section
from media_server.settings import Limits

LIMITS = Limits()
HEAD = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
AUDIO = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
DATA = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"


def candidates(count: int, host: str = "192.0.2.1") -> str:
    return "".join(f"a=candidate:{n} 1 udp 2130706431 {host} {5000 + n} typ host\r\n" for n in range(count))


def test_a_plain_offer_passes_unchanged() -> None:
    offer = HEAD + AUDIO + candidates(3) + DATA
    assert checked_offer(offer, LIMITS) == offer


@pytest.mark.parametrize("body", ["", "hello", "{}", "v=1\r\n" + AUDIO])
def test_what_is_no_sdp_is_refused(body: str) -> None:
    with pytest.raises(BadOfferError):
        checked_offer(body, LIMITS)


def test_an_offer_without_audio_is_refused() -> None:
    with pytest.raises(BadOfferError, match="m=audio"):
        checked_offer(HEAD + DATA, LIMITS)


def test_bytes_are_limited_from_both_sides() -> None:
    filler = "a=x:" + "y" * 994 + "\r\n"
    fits = HEAD + AUDIO + filler * 65
    assert checked_offer(fits, LIMITS) == fits
    with pytest.raises(OfferTooLargeError):
        checked_offer(HEAD + AUDIO + filler * 66, LIMITS)


def test_lines_are_limited_from_both_sides() -> None:
    used = len((HEAD + AUDIO).splitlines())
    checked_offer(HEAD + AUDIO + "a=x\r\n" * (LIMITS.offer_lines - used), LIMITS)
    with pytest.raises(OfferTooLargeError):
        checked_offer(HEAD + AUDIO + "a=x\r\n" * (LIMITS.offer_lines - used + 1), LIMITS)


def test_sections_are_limited_from_both_sides() -> None:
    checked_offer(HEAD + AUDIO * 4, LIMITS)
    with pytest.raises(BadOfferError, match="sections"):
        checked_offer(HEAD + AUDIO * 5, LIMITS)


def test_candidates_are_limited_from_both_sides() -> None:
    checked_offer(HEAD + AUDIO + candidates(20), LIMITS)
    with pytest.raises(BadOfferError, match="candidates"):
        checked_offer(HEAD + AUDIO + candidates(21), LIMITS)


def test_ssrc_lines_are_limited_from_both_sides() -> None:
    checked_offer(HEAD + AUDIO + "a=ssrc:1 cname:x\r\n" * 64, LIMITS)
    with pytest.raises(BadOfferError, match="ssrc"):
        checked_offer(HEAD + AUDIO + "a=ssrc:1 cname:x\r\n" * 65, LIMITS)


def test_a_very_long_line_is_refused() -> None:
    with pytest.raises(BadOfferError, match="line"):
        checked_offer(HEAD + AUDIO + "a=" + "x" * LIMITS.offer_line_chars + "\r\n", LIMITS)


def test_names_of_browsers_are_taken_out() -> None:
    offer = HEAD + AUDIO + candidates(1, "b6f1.local") + candidates(1) + "a=end-of-candidates\r\n"
    checked = checked_offer(offer, LIMITS)
    assert ".local" not in checked
    assert "192.0.2.1" in checked
    assert "end-of-candidates" in checked


def test_without_any_candidate_left_the_browser_may_still_come() -> None:
    offer = HEAD + AUDIO + candidates(2, "b6f1.local") + "a=end-of-candidates\r\n"
    assert "candidate" not in checked_offer(offer, LIMITS)


def test_only_an_application_section_asks_for_channels() -> None:
    assert has_data_section(HEAD + AUDIO + DATA)
    assert not has_data_section(HEAD + AUDIO)
