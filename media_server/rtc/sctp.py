"""What an SCTP packet must look like before aiortc sees it: lengths that advance, and gaps that can be counted.

Whatever else is wrong raises in aiortc's parser, and is dropped.
"""

from __future__ import annotations

from struct import unpack_from

COMMON_HEADER_BYTES = 12
CHUNK_HEADER_BYTES = 4
SACK = 3
SACK_GAPS_AT = 12

PARAMETERS_AT = {1: 16, 2: 16, 4: 0, 5: 0, 6: 0, 9: 0, 130: 0}
"""Where the parameters begin in the chunks that have some: INIT, INIT ACK, HEARTBEAT and its ACK, ABORT, ERROR
(RFC 9260 §3.3), RE-CONFIG (RFC 6525 §3.1)."""


def is_bearable(packet: bytes, sack_span: int) -> bool:
    """May aiortc parse this packet? `sack_span` is how many TSNs a SACK may report as gaps."""
    at = COMMON_HEADER_BYTES
    while at + CHUNK_HEADER_BYTES <= len(packet):
        kind, length = unpack_from("!BxH", packet, at)
        if length < CHUNK_HEADER_BYTES or at + length > len(packet):
            return False
        body = packet[at + CHUNK_HEADER_BYTES : at + length]
        if kind in PARAMETERS_AT and not _parameters_advance(body, PARAMETERS_AT[kind]):
            return False
        if kind == SACK and _gap_span(body) > sack_span:
            return False
        at += _padded(length)
    return True


def _parameters_advance(body: bytes, at: int) -> bool:
    while at + 4 <= len(body):
        (length,) = unpack_from("!H", body, at + 2)
        if length < 4:
            return False
        at += _padded(length)
    return True


def _gap_span(body: bytes) -> int:
    if len(body) < SACK_GAPS_AT:
        return 0
    (gaps,) = unpack_from("!H", body, 8)
    ends = range(SACK_GAPS_AT, min(SACK_GAPS_AT + 4 * gaps, len(body) - 3), 4)
    return sum(max(0, last - first + 1) for first, last in (unpack_from("!HH", body, at) for at in ends))


def _padded(length: int) -> int:
    return length + -length % 4
