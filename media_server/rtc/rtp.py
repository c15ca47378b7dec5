"""What an RTP packet says (RFC 3550 §5.1); of header extensions only where they end."""

from __future__ import annotations

import struct
from typing import NamedTuple

_HEADER = struct.Struct("!BBHII")
_EXTENSION = struct.Struct("!2xH")
_VERSION_BITS, _VERSION = 0xC0, 0x80
_PADDING, _EXTENDED, _SOURCES = 0x20, 0x10, 0x0F


class RtpPacket(NamedTuple):
    payload_type: int
    sequence_number: int
    """16 bits."""
    timestamp: int
    """32 bits."""
    ssrc: int
    payload: bytes


def parse_rtp(data: bytes) -> RtpPacket | None:
    """None: it is no RTP packet, or not all of one."""
    if len(data) < _HEADER.size:
        return None
    bits, payload_type, sequence_number, timestamp, ssrc = _HEADER.unpack_from(data)
    begin, end = _HEADER.size, len(data)
    if bits != _VERSION:
        if bits & _VERSION_BITS != _VERSION:
            return None
        begin += 4 * (bits & _SOURCES)
        if bits & _EXTENDED:
            if begin + 4 > end:
                return None
            begin += 4 + 4 * _EXTENSION.unpack_from(data, begin)[0]
        if bits & _PADDING:
            if data[-1] == 0:
                return None
            end -= data[-1]
        if begin > end:
            return None
    return RtpPacket(payload_type & 0x7F, sequence_number, timestamp, ssrc, data[begin:end])
