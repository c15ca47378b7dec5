"""SCTP packets on which aiortc would spend itself are known, and others pass."""

from struct import pack

import pytest
from aiortc.rtcsctptransport import (
    CookieEchoChunk,
    DataChunk,
    ForwardTsnChunk,
    HeartbeatChunk,
    InitAckChunk,
    InitChunk,
    SackChunk,
    StreamResetResponseParam,
    serialize_packet,
)

from media_server.rtc.sctp import PARAMETERS_AT, is_bearable

SPAN = 100


def packet(*chunks: bytes) -> bytes:
    return bytes(12) + b"".join(chunks)


def chunk(kind: int, body: bytes) -> bytes:
    return pack("!BBH", kind, 0, 4 + len(body)) + body + bytes(-len(body) % 4)


def sack(*gaps: tuple[int, int]) -> bytes:
    return chunk(3, pack("!LLHH", 0, 0, len(gaps), 0) + b"".join(pack("!HH", *gap) for gap in gaps))


def filled_chunks() -> list[object]:
    init, init_ack, heartbeat, data, cookie = (
        InitChunk(),
        InitAckChunk(),
        HeartbeatChunk(),
        DataChunk(),
        CookieEchoChunk(body=b"cookie"),
    )
    for one in (init, init_ack):
        one.params = [(0x8008, b"\xc0\x82"), (0xC000, b""), (7, b"c" * 24)]
    heartbeat.params = [(1, b"odd")]
    data.user_data = b"hello"
    forward = ForwardTsnChunk()
    forward.streams = [(1, 2)]
    answer = SackChunk()
    answer.gaps = [(2, 3)]
    answer.duplicates = [9]
    return [init, init_ack, heartbeat, data, cookie, forward, answer]


@pytest.mark.parametrize("one", filled_chunks(), ids=lambda one: type(one).__name__)
def test_what_aiortc_itself_sends_passes(one: object) -> None:
    assert is_bearable(serialize_packet(5000, 5000, 1, one), SPAN)  # type: ignore[arg-type]


def test_a_stream_reset_passes() -> None:
    parameter = bytes(StreamResetResponseParam(1, 1))
    assert is_bearable(packet(chunk(130, pack("!HH", 16, 4 + len(parameter)) + parameter)), SPAN)


@pytest.mark.parametrize("kind", PARAMETERS_AT)
@pytest.mark.parametrize("length", [0, 1, 3])
def test_a_parameter_that_does_not_advance_is_refused(kind: int, length: int) -> None:
    fixed = bytes(PARAMETERS_AT[kind])
    assert is_bearable(packet(chunk(kind, fixed + pack("!HH", 1, 4))), SPAN)
    assert not is_bearable(packet(chunk(kind, fixed + pack("!HH", 1, 4) + pack("!HH", 1, length))), SPAN)


def test_the_span_of_a_sack_is_limited_from_both_sides() -> None:
    assert is_bearable(packet(sack((1, 60), (61, 100))), SPAN)
    assert not is_bearable(packet(sack((1, 60), (61, 101))), SPAN)
    assert is_bearable(packet(sack((100, 1), (1, 100))), SPAN)


def test_a_sack_that_promises_more_gaps_than_it_has_is_left_to_aiortc() -> None:
    assert is_bearable(packet(chunk(3, pack("!LLHH", 0, 0, 9, 0) + pack("!HH", 1, 2))), SPAN)
    assert is_bearable(packet(chunk(3, bytes(3))), SPAN)


@pytest.mark.parametrize("length", [0, 3, 9])
def test_a_chunk_longer_than_its_packet_or_shorter_than_its_header_is_refused(length: int) -> None:
    assert not is_bearable(packet(pack("!BBHL", 0, 0, length, 0)), SPAN)
