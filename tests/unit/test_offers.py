"""Offers are refused before aiortc sees them, on both sides of every limit."""

from collections.abc import Iterator

import pytest

from media_server.errors import BadOfferError, NoOpusError, OfferTooLargeError
from media_server.rtc.addresses import offer_addresses
from media_server.rtc.candidates import is_reachable
from media_server.rtc.guard import checked_offer, has_data_section
from media_server.settings import Limits

LIMITS = Limits()
SHA_256 = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32) + "\r\n"
BARE_HEAD = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
HEAD = BARE_HEAD + SHA_256
AUDIO = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\n"
VIDEO = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n"
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


@pytest.mark.parametrize("rtpmap", ["0 PCMU/8000", "111 CELT/48000", "111 opus/16000", "x opus/48000/2"])
def test_audio_without_opus_is_refused_with_a_code_of_its_own(rtpmap: str) -> None:
    audio = f"m=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\na=rtpmap:{rtpmap}\r\n"
    with pytest.raises(NoOpusError) as refused:
        checked_offer(HEAD + audio + VIDEO, LIMITS)
    assert (refused.value.status, refused.value.code) == (400, "offer_without_opus")
    assert checked_offer(HEAD + audio + "a=rtpmap:111 OPUS/48000/2\r\n" + VIDEO, LIMITS)


def test_the_first_audio_section_is_the_one_that_counts() -> None:
    pcmu = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n"
    assert checked_offer(HEAD + AUDIO + pcmu, LIMITS)
    with pytest.raises(NoOpusError):
        checked_offer(HEAD + pcmu + AUDIO, LIMITS)


def test_every_section_needs_a_fingerprint_of_a_hash_that_is_worth_something() -> None:
    assert checked_offer(BARE_HEAD + AUDIO + SHA_256 + DATA + SHA_256.replace("sha", "SHA"), LIMITS)
    for offer in (BARE_HEAD + AUDIO, BARE_HEAD + AUDIO + SHA_256 + DATA, HEAD.replace("sha-256", "sha-1") + AUDIO):
        with pytest.raises(BadOfferError, match="sha-256"):
            checked_offer(offer, LIMITS)


def test_other_fingerprints_are_taken_out() -> None:
    others = "a=fingerprint:sha-1 AB\r\na=fingerprint:sha-512 AB\r\n"
    assert checked_offer(HEAD + others + AUDIO, LIMITS) == HEAD + AUDIO


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


@pytest.fixture
def offer_public_addresses() -> Iterator[None]:
    offer_addresses(("8.8.8.8",))
    yield
    offer_addresses(())


@pytest.mark.usefixtures("offer_public_addresses")
def test_a_public_node_checks_public_candidates_only() -> None:
    offer = HEAD + AUDIO + candidates(2, "10.0.0.7") + candidates(1, "1.1.1.1")
    checked = checked_offer(offer, LIMITS)
    assert "10.0.0.7" not in checked
    assert "1.1.1.1" in checked


SPECIAL = [
    "169.254.169.254", "fe80::1", "224.0.0.251", "ff02::fb", "0.0.0.0", "::", "255.255.255.255", "240.0.0.1",  # noqa: S104
    "::ffff:10.0.0.7", "::ffff:127.0.0.1", "example.org", "b6f1.local", "", "10.0.0.7.example.org", "10.1",
]  # fmt: skip


@pytest.mark.parametrize("offered", [(), ("127.0.0.1",), ("192.168.1.2",), ("8.8.8.8",)])
@pytest.mark.parametrize("host", SPECIAL)
def test_where_no_caller_can_be_nobody_checks(host: str, offered: tuple[str, ...]) -> None:
    assert not is_reachable(host, offered)


@pytest.mark.parametrize(
    ("host", "offered", "checked"),
    [
        ("127.0.0.1", (), True),
        ("127.0.0.1", ("127.0.0.1",), True),
        ("127.8.8.8", ("192.168.1.2",), False),
        ("::1", ("8.8.8.8",), False),
        ("192.168.1.7", (), True),
        ("192.168.1.7", ("192.168.1.2",), True),
        ("10.0.0.7", ("8.8.8.8", "192.168.1.2"), True),
        ("10.0.0.7", ("8.8.8.8",), False),
        ("100.64.0.1", ("8.8.8.8",), False),
        ("fd00:ec2::254", ("8.8.8.8",), False),
        ("1.1.1.1", ("8.8.8.8",), True),
        ("1.1.1.1", ("192.168.1.2",), True),
        ("2606:4700::1111", (), True),
    ],
)
def test_a_caller_may_be_where_the_node_offers_to_be(host: str, offered: tuple[str, ...], checked: bool) -> None:
    assert is_reachable(host, offered) is checked


def test_without_any_candidate_left_the_browser_may_still_come() -> None:
    offer = HEAD + AUDIO + candidates(2, "b6f1.local") + "a=end-of-candidates\r\n"
    assert "candidate" not in checked_offer(offer, LIMITS)


def test_only_an_application_section_asks_for_channels() -> None:
    assert has_data_section(HEAD + AUDIO + DATA)
    assert not has_data_section(HEAD + AUDIO)
