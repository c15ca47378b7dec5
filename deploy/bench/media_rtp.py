"""What a caller without a media stack says: RTP packets (RFC 3550 §5.1), one offer with one Opus section (RFC 8829)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from aiortc import RTCDtlsFingerprint, RTCDtlsParameters, RTCIceCandidate, RTCIceParameters
from aiortc.sdp import SessionDescription, candidate_to_sdp

PAYLOAD_TYPE = 111
FRAME_TICKS = 960
"""20 ms of Opus' RTP clock, 48 kHz whatever is sent (RFC 7587 §4.1)."""
_HEADER = struct.Struct("!BBHII")
_VERSION = 0x80
_HAS_EXTENSION = 0x10
_SOURCES = 0x0F


@dataclass(frozen=True, slots=True)
class Remote:
    """What an answer says of the other side."""

    ice: RTCIceParameters
    dtls: RTCDtlsParameters
    candidates: list[RTCIceCandidate]


def rtp_packet(number: int, first_number: int, ssrc: int, payload: bytes) -> bytes:
    """Packet `number` of a call whose sequence began at `first_number`; its timestamp begins at 0."""
    sequence, timestamp = (first_number + number) & 0xFFFF, number * FRAME_TICKS & 0xFFFF_FFFF
    return _HEADER.pack(_VERSION, PAYLOAD_TYPE, sequence, timestamp, ssrc) + payload


def rtp_payload(packet: bytes) -> bytes:
    """What is after the header, its sources and its extension."""
    start = _HEADER.size + 4 * (packet[0] & _SOURCES)
    if packet[0] & _HAS_EXTENSION:
        start += 4 + 4 * int.from_bytes(packet[start + 2 : start + 4], "big")
    return packet[start:]


def offer(
    ice: RTCIceParameters, candidates: list[RTCIceCandidate], fingerprint: RTCDtlsFingerprint, ssrc: int, direction: str
) -> str:
    """An offer of one audio section. Args: direction, `sendonly` or `sendrecv`."""
    lines = [
        "v=0",
        f"o=- {ssrc} 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0",
        f"m=audio 9 UDP/TLS/RTP/SAVPF {PAYLOAD_TYPE}",
        "c=IN IP4 0.0.0.0",
        "a=mid:0",
        f"a={direction}",
        "a=rtcp-mux",
        f"a=rtpmap:{PAYLOAD_TYPE} opus/48000/2",
        f"a=fmtp:{PAYLOAD_TYPE} minptime=10;useinbandfec=1",
        f"a=ssrc:{ssrc} cname:bench",
        *(f"a=candidate:{candidate_to_sdp(candidate)}" for candidate in candidates),
        "a=end-of-candidates",
        f"a=ice-ufrag:{ice.usernameFragment}",
        f"a=ice-pwd:{ice.password}",
        f"a=fingerprint:{fingerprint.algorithm} {fingerprint.value}",
        "a=setup:actpass",
    ]
    return "\r\n".join(lines) + "\r\n"


def read_answer(answer: str) -> Remote:
    """The other side of the one section."""
    media = SessionDescription.parse(answer).media[0]
    if media.ice is None or media.dtls is None or media.port == 0:
        raise ValueError("the audio section was refused")
    return Remote(media.ice, media.dtls, media.ice_candidates)
