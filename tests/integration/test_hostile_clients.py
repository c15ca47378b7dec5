"""What a client may send inside its encryption: some nonsense, few sources, few channels, no hoards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from struct import pack

import pylibsrtp
import pytest
from aiortc.rtcsctptransport import (
    DATA_CHANNEL_OPEN,
    SCTP_DATA_FIRST_FRAG,
    SCTP_DATA_LAST_FRAG,
    SCTP_DATA_UNORDERED,
    WEBRTC_DCEP,
    Chunk,
    DataChunk,
    serialize_packet,
)
from aiortc.rtp import RtcpByePacket, RtcpRrPacket, RtcpRtpfbPacket

from media_server.settings import Limits
from tests.chaos import figures, often
from tests.footprint import rss_mb
from tests.hostile import CUT_OFF_S, AttackedPeer, attacked_peer, dropped

pytestmark = pytest.mark.slow

SOURCES_MB, HOARD_MB = 2, 3
"""What a client that sends so many sources, or parts of messages, may make the process grow by."""

UNLIMITED = replace(Limits(), media_packets_burst=100_000, dtls_records_burst=100_000, flood_packets_per_s=100_000)


def rtp(ssrc: int, sequence: int = 1) -> bytes:
    return pack("!BBHLL", 0x80, 96, sequence, 960 * sequence, ssrc) + bytes(20)


async def send_rtp(call: AttackedPeer, ssrcs: range) -> None:
    for ssrc in ssrcs:
        await call.client_dtls._send_rtp(rtp(ssrc))
        await asyncio.sleep(0)


def data_chunk(call: AttackedPeer, ahead: int, flags: int, size: int) -> DataChunk:
    assert call.client.sctp is not None
    chunk = DataChunk(flags=flags)
    chunk.tsn = (call.client.sctp._local_tsn + ahead) % 2**32
    chunk.protocol = 51
    chunk.user_data = b"x" * size
    return chunk


def heartbeat_that_never_ends(call: AttackedPeer) -> bytes:
    assert call.client.sctp is not None
    chunk = Chunk(body=pack("!HH", 1, 0))
    chunk.type = 4
    return serialize_packet(5000, 5000, call.client.sctp._remote_verification_tag, chunk)


def kept_by_a_sender_mb(ssrcs: int) -> float:
    """What libsrtp keeps for the sources that somebody sends on: the client lives in this process too."""
    before_mb = rss_mb()
    policy = pylibsrtp.Policy(key=bytes(30), ssrc_type=pylibsrtp.Policy.SSRC_ANY_OUTBOUND)
    policy.window_size = 1_024  # as aiortc's
    session = pylibsrtp.Session(policy)
    for ssrc in range(1, ssrcs + 1):
        session.protect(rtp(ssrc))
    return rss_mb() - before_mb


async def test_four_sources_are_heard_and_nothing_is_kept_of_further_ones() -> None:
    async with attacked_peer(talks=True) as call:
        await call.answer()
        await call.connect()
        before = dropped("ssrc")
        await send_rtp(call, range(1, 16))
        await call.wait_dropped("ssrc", before + 12)
        assert len(call.dtls._rtp_router.ssrc_table) <= 5  # the one that the offer names among them
        await call.hears(5)
        assert not call.running.done()


@pytest.mark.chaos
@pytest.mark.parametrize("ssrcs", [17, 300, often(2_000, 20_000)])
async def test_who_rotates_sources_is_cut_off_and_closed_in_time(ssrcs: int) -> None:
    async with attacked_peer(UNLIMITED) as call:
        await call.answer()
        await call.connect()
        of_the_client_mb, before_mb = kept_by_a_sender_mb(ssrcs), rss_mb()
        await send_rtp(call, range(1, ssrcs + 1))
        assert await call.is_cut_off(within_s=CUT_OFF_S)
        closing_s = time.monotonic()
        async with asyncio.timeout(UNLIMITED.close_s):
            await call.peer.close()
        assert len(call.dtls._rtp_router.ssrc_table) <= 5
        grown_mb = rss_mb() - before_mb - of_the_client_mb
        figures("T30 sources", ssrcs=ssrcs, closed_s=round(time.monotonic() - closing_s, 2),
                grown_mb=round(grown_mb, 2))  # fmt: skip
        assert grown_mb < SOURCES_MB


async def test_who_rotates_sources_of_rtcp_is_cut_off_too() -> None:
    async with attacked_peer() as call:
        await call.answer()
        await call.connect()
        for ssrc in range(1, 15):  # the client's own reports have a source or two
            await call.client_dtls._send_rtp(bytes(RtcpRrPacket(ssrc=ssrc)))
        await call.reads("after them")
        assert not call.running.done()
        for ssrc in range(15, 20):
            await call.client_dtls._send_rtp(bytes(RtcpRrPacket(ssrc=ssrc)))
        assert await call.is_cut_off(within_s=CUT_OFF_S)


async def test_a_bye_is_a_pause() -> None:
    async with attacked_peer(talks=True) as call:
        await call.answer()
        await call.connect()
        sender = call.client.getSenders()[0]
        await call.client_dtls._send_rtp(bytes(RtcpByePacket(sources=[sender._ssrc])))
        await call.hears(20)


async def test_nothing_is_sent_again_on_request() -> None:
    async with attacked_peer() as call:
        await call.answer()
        await call.connect()
        sender = call.peer._pc.getSenders()[0]
        request = RtcpRtpfbPacket(fmt=1, ssrc=1, media_ssrc=sender._ssrc, lost=list(range(100)))
        assert call.dtls._rtp_router.senders[sender._ssrc] is sender
        assert call.dtls._rtp_router.route_rtcp(request) == set()
        before = call.peer.sender.stats
        await call.client_dtls._send_rtp(bytes(request))
        await call.reads("after it")
        assert call.peer.sender.stats == before


async def test_packets_that_break_something_cost_themselves_until_there_are_too_many() -> None:
    async with attacked_peer(replace(Limits(), broken_packets=10)) as call:
        await call.answer()
        await call.connect()
        before = dropped("broken")
        for _ in range(9):
            await call.client_dtls._send_data(heartbeat_that_never_ends(call))
        await call.wait_dropped("broken", before + 9)
        await call.reads("still here")
        await call.client_dtls._send_data(heartbeat_that_never_ends(call))
        assert await call.is_cut_off(within_s=CUT_OFF_S)


async def test_a_client_may_open_two_more_channels_and_not_three() -> None:
    async with attacked_peer() as call:
        await call.answer()
        await call.connect()
        await call.opened()
        for label in ("a", "b"):
            call.client.createDataChannel(label)
        assert not await call.is_cut_off(within_s=0.2)
        call.client.createDataChannel("c")
        assert await call.is_cut_off(within_s=CUT_OFF_S)


async def test_a_message_too_large_for_its_reader_still_comes_and_a_huge_one_does_not() -> None:
    async with attacked_peer() as call:
        await call.answer()
        await call.connect()
        await call.reads("x" * (16 * 1024 + 1))
        call.channel.send("x" * 200_000)
        assert await call.is_cut_off(within_s=CUT_OFF_S)
        assert len(call.messages) == 1


@pytest.mark.parametrize(
    "flags",
    [SCTP_DATA_UNORDERED | SCTP_DATA_FIRST_FRAG, SCTP_DATA_UNORDERED | SCTP_DATA_FIRST_FRAG | SCTP_DATA_LAST_FRAG],
    ids=["orphans", "gaps"],
)
async def test_chunks_that_wait_have_a_bound(flags: int) -> None:
    async with attacked_peer(replace(UNLIMITED, reassembly_chunks=50)) as call:
        await call.answer()
        await call.connect()
        await call.opened()
        assert call.client.sctp is not None
        for n in range(50):
            await call.client.sctp._send_chunk(data_chunk(call, 2 * n + 2, flags, 1))
        assert not await call.is_cut_off(within_s=0.1)
        await call.client.sctp._send_chunk(data_chunk(call, 200, flags, 1))
        assert await call.is_cut_off(within_s=CUT_OFF_S)


def part_of_one_message(call: AttackedPeer, number: int) -> DataChunk:
    return data_chunk(call, number, SCTP_DATA_FIRST_FRAG if number == 0 else 0, 1_100)


def orphan(call: AttackedPeer, number: int) -> DataChunk:
    """Of a message whose beginning never comes."""
    return data_chunk(call, number, SCTP_DATA_UNORDERED, 1)


def opening(call: AttackedPeer, number: int) -> DataChunk:
    """Of one channel more (RFC 8832 §5.1)."""
    chunk = data_chunk(call, number, SCTP_DATA_FIRST_FRAG | SCTP_DATA_LAST_FRAG, 0)
    chunk.stream_id, chunk.protocol = (10 + 2 * number) % 65_534, WEBRTC_DCEP
    chunk.user_data = pack("!BBHLHH", DATA_CHANNEL_OPEN, 0, 0, 0, 1, 0) + b"x"
    return chunk


@pytest.mark.chaos
@pytest.mark.parametrize(
    ("make", "count"),
    [(part_of_one_message, often(5_000, 60_000)), (orphan, often(2_000, 10_000)), (opening, often(500, 2_000))],
    ids=["a message of 60 MB", "10 000 orphans", "2 000 channels"],
)
async def test_a_hoard_of_any_size_costs_little(make: Callable[[AttackedPeer, int], DataChunk], count: int) -> None:
    """The client waits for no acknowledgement, and goes on when it is cut off."""
    async with attacked_peer(UNLIMITED) as call:
        await call.answer()
        await call.connect()
        await call.opened()
        sctp = call.client.sctp
        assert sctp is not None
        call.stop_reading()
        before_mb, began_s = rss_mb(), time.monotonic()
        for number in range(count):
            await sctp._send_chunk(make(call, number))
            if number % 50 == 0:
                await asyncio.sleep(0)
        assert await call.is_cut_off(within_s=CUT_OFF_S)
        grown_mb = rss_mb() - before_mb
        figures("T34 hoards", kind=make.__name__, count=count, grown_mb=round(grown_mb, 2),
                seconds=round(time.monotonic() - began_s, 2))  # fmt: skip
        assert grown_mb < HOARD_MB


async def test_streams_without_a_channel_have_a_bound() -> None:
    async with attacked_peer() as call:
        await call.answer()
        await call.connect()
        await call.opened()
        assert call.client.sctp is not None
        for n in range(5):
            assert not call.running.done()
            chunk = data_chunk(call, n, SCTP_DATA_FIRST_FRAG | SCTP_DATA_LAST_FRAG, 1)
            chunk.stream_id = 10 + n
            await call.client.sctp._send_chunk(chunk)
            await asyncio.sleep(0.02)
        assert await call.is_cut_off(within_s=CUT_OFF_S)
