"""RTP from a decrypted datagram to the one section that is taken."""

from __future__ import annotations

from dataclasses import replace
from struct import pack
from types import SimpleNamespace
from typing import Any

import pytest
from aiortc.rtcdtlstransport import RtpRouter
from aiortc.rtp import HeaderExtensionsMap
from aiortc.rtp import RtpPacket as TheirPacket
from hypothesis import given
from hypothesis import strategies as st

from media_server.rtc.intake import RtpIntake
from media_server.rtc.packets import Sources
from media_server.rtc.rtp import RtpPacket, parse_rtp
from media_server.rtc.tally import Tally
from media_server.settings import Limits

AUDIO, VIDEO = "audio", "video"


def rtp(first: int = 0x80, payload_type: int = 111, ssrc: int = 5, rest: bytes = b"said") -> bytes:
    return pack("!BBHII", first, payload_type, 7, 960, ssrc) + rest


@pytest.mark.parametrize(
    ("data", "payload"),
    [
        (rtp(), b"said"),
        (rtp(rest=b""), b""),
        (rtp(0x82, rest=bytes(8) + b"said"), b"said"),
        (rtp(0x90, rest=pack("!HH", 0xBEDE, 1) + b"\x10\x7f\0\0" + b"said"), b"said"),
        (rtp(0x91, rest=bytes(4) + pack("!HH", 0x1000, 0) + b"said"), b"said"),
        (rtp(0xA0, rest=b"said" + b"\0\0\3"), b"said"),
        (rtp(0xB0, rest=pack("!HH", 0xBEDE, 0) + b"said" + b"\1"), b"said"),
    ],
    ids=["plain", "empty", "sources", "extension", "both", "padding", "extension and padding"],
)
def test_the_payload_is_what_lies_between_header_and_padding(data: bytes, payload: bytes) -> None:
    assert parse_rtp(data) == RtpPacket(111, 7, 960, 5, payload)


def test_the_marker_is_not_part_of_the_payload_type() -> None:
    packet = parse_rtp(rtp(payload_type=0x80 | 111))
    assert packet is not None
    assert packet.payload_type == 111


@pytest.mark.parametrize(
    "data",
    [
        b"",
        rtp()[:11],
        rtp(0x40),
        rtp(0x8F),
        rtp(0x90, rest=b"\xbe\xde\0"),
        rtp(0x90, rest=pack("!HH", 0xBEDE, 2) + bytes(4)),
        rtp(0xA0, rest=b"said\0"),
        rtp(0xA0, rest=b"said\x09"),
    ],
    ids=["nothing", "short", "version", "sources", "extension", "long extension", "no padding", "long padding"],
)
def test_what_is_cut_off_or_no_rtp_is_none(data: bytes) -> None:
    assert parse_rtp(data) is None


@given(st.binary(min_size=11, max_size=60), st.sampled_from([0x80, 0x82, 0x90, 0x93, 0xA0, 0xB1]))
def test_it_reads_what_aiortc_reads(rest: bytes, first: int) -> None:
    data = bytes([first]) + rest
    try:
        theirs: TheirPacket | None = TheirPacket.parse(data, HeaderExtensionsMap())
    except ValueError:
        theirs = None
    except Exception:  # noqa: BLE001 - an extension that aiortc cannot read, and we do not
        return
    ours = parse_rtp(data)
    if theirs is None or ours is None:
        assert ours is theirs
        return
    names = ("payload_type", "sequence_number", "timestamp", "ssrc", "payload")
    assert ours == RtpPacket(*(getattr(theirs, name) for name in names))


class Section:
    """An intake with an audio section that is taken and a video section that is not."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.taken: list[RtpPacket] = []
        self.beats = self.dropped = 0
        self.router = RtpRouter()
        for receiver, payload_type in ((AUDIO, 111), (VIDEO, 96)):
            self.router.register_receiver(receiver, ssrcs=[], payload_types=[payload_type])  # type: ignore[arg-type]
        tally = Tally(limits or Limits(), lambda: None)
        transport: Any = SimpleNamespace(_rtp_router=self.router)
        sources = Sources(limits or Limits(), tally)
        self.intake = RtpIntake(transport, sources, tally, self._beat, {AUDIO: self.taken.append})

    def _beat(self) -> None:
        self.beats += 1


def test_a_packet_goes_to_the_section_that_takes_it_and_is_a_heartbeat() -> None:
    section = Section()
    section.intake.take(rtp())
    assert (section.taken, section.beats) == ([RtpPacket(111, 7, 960, 5, b"said")], 1)


def test_what_is_for_another_section_or_for_none_is_dropped() -> None:
    section = Section()
    for payload_type in (96, 13):
        section.intake.take(rtp(payload_type=payload_type))
    assert (section.taken, section.beats) == ([], 2)


def test_a_source_too_many_is_no_heartbeat_and_nothing_is_kept_of_it() -> None:
    section = Section(replace(Limits(), ssrcs=2))
    for ssrc in (1, 2, 3, 4):
        section.intake.take(rtp(ssrc=ssrc))
    assert [packet.ssrc for packet in section.taken] == [1, 2]
    assert (section.beats, len(section.router.ssrc_table)) == (2, 2)


def test_a_packet_that_is_cut_off_is_dropped() -> None:
    section = Section()
    section.intake.take(rtp()[:11])
    assert section.taken == []
