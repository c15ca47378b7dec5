"""Whatever comes out of the network, its parsers raise nothing but what they say, and a peer lives.

The binary ones get their inputs where a peer's real ones are: datagrams at its socket, and packets behind stand-ins for
SRTP and DTLS that decrypt nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from itertools import count
from struct import pack
from typing import Any

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.rtcsctptransport import (
    DATA_CHANNEL_OPEN,
    SCTP_DATA_FIRST_FRAG,
    SCTP_DATA_LAST_FRAG,
    WEBRTC_DCEP,
    DataChunk,
    ForwardTsnChunk,
    HeartbeatChunk,
    InitAckChunk,
    InitChunk,
    ReconfigChunk,
    SackChunk,
    crc32c,
    serialize_packet,
)
from aiortc.rtp import (
    RtcpByePacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
    pack_remb_fci,
)

from media_server.errors import BadOfferError, OfferTooLargeError
from media_server.events import CLIENT_MESSAGES, BadMessageError, decode_client_message
from media_server.rtc.peer import Peer, PeerCallbacks
from media_server.settings import Limits
from tests.footprint import back_to, footprint
from tests.fuzz import cases, keep, often
from tests.hostile import (
    FATAL_ALERT,
    NULL_CIPHER_HELLO,
    AttackedPeer,
    attacked_peer,
    client_hello,
    dtls_record,
    stun_request,
)
from tests.talking_peer import loopback_candidates

pytestmark = [pytest.mark.fuzz, pytest.mark.slow]

CASES_PER_PEER = 100
CASE_CPU_S, CASE_S = 1.0, 30.0
"""One input may take no longer, of the processor and of time: on a busy machine a second passes without any fault."""

PATIENT = replace(
    Limits(),
    alive_s=3_600,
    broken_packets=10**9,
    ssrcs_seen=10**9,
    stun_per_s=10**9,
    stun_burst=10**9,
    media_packets_per_s=10**9,
    media_packets_burst=10**9,
    dtls_records_per_s=10**9,
    dtls_records_burst=10**9,
    flood_packets_per_s=10**9,
)
"""Only what keeps aiortc from harm is limited: a peer must not be cut off for being fuzzed."""

PLAIN = b"\x17plain"


@contextmanager
def judged(parser: str, case: bytes) -> Iterator[None]:
    """Keep the case when something escapes or takes too long."""
    began, began_cpu = time.monotonic(), time.process_time()
    try:
        yield
        assert time.process_time() - began_cpu < CASE_CPU_S
        assert time.monotonic() - began < CASE_S
    except BaseException:
        print(f"broke something: {keep(parser, case)}")  # noqa: T201
        raise


@pytest.fixture(autouse=True)
async def _nothing_left_over() -> AsyncIterator[None]:
    """No exception of a task that nobody asked for, and no task, thread or descriptor more than before."""
    strays: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: strays.append(context))
    before = footprint()
    yield
    await asyncio.sleep(0.01)
    after = await back_to(before)
    assert strays == []
    assert after == before


class PlainSrtp:
    """Decrypts nothing."""

    def unprotect(self, data: bytes) -> bytes:
        return data

    unprotect_rtcp = unprotect


class PlainDtls:
    """Hands out what came behind PLAIN as if it had been decrypted; the rest is OpenSSL's."""

    def __init__(self, ssl: Any) -> None:
        self._ssl = ssl
        self._plain: bytes | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ssl, name)

    def bio_write(self, data: bytes) -> None:
        if data.startswith(PLAIN):
            self._plain = data.removeprefix(PLAIN)
        else:
            self._ssl.bio_write(data)

    def recv(self, size: int) -> bytes:
        plain, self._plain = self._plain, None
        return self._ssl.recv(size) if plain is None else plain


@asynccontextmanager
async def deaf_peer() -> AsyncIterator[AttackedPeer]:
    """Connected, with a client that hears no more of it."""
    async with attacked_peer(PATIENT) as call:
        await call.answer()
        await call.connect()
        await call.opened()
        call.dtls._rx_srtp = PlainSrtp()
        call.dtls._ssl = PlainDtls(call.dtls._ssl)
        call.connection._protocols[0].transport.sendto = lambda data, addr: None
        yield call


async def handled(call: AttackedPeer) -> None:
    """Wait until the peer has taken everything that was injected."""
    while not call.connection._queue.empty():
        await asyncio.sleep(0)
    await asyncio.sleep(0)


def as_it_is(case: bytes, call: AttackedPeer) -> bytes:
    return case


async def fuzz_peer(
    parser: str, originals: list[bytes], datagram: Callable[[bytes, AttackedPeer], bytes] = as_it_is
) -> None:
    """Every case reaches a peer, and none ends its transport. A peer that is cut off is replaced, and so is one that
    has had enough of them: what it was told may keep the rest from its depths."""
    inputs = cases(parser, originals, often(500, 10_000))
    while (case := next(inputs, None)) is not None:
        async with deaf_peer() as call:
            for number in count(1):
                with judged(parser, case):
                    call.inject(datagram(case, call))
                    await handled(call)
                    assert call.is_leaving or call.dtls.state == "connected"
                if call.is_leaving or number == CASES_PER_PEER or (case := next(inputs, None)) is None:
                    break


async def test_rtp() -> None:
    plain = pack("!BBHLL", 0x80, 96, 7, 960, 5)
    extended = pack("!BBHLL", 0x90, 96, 8, 1_920, 5)
    await fuzz_peer(
        "rtp",
        [
            plain + bytes(40),
            plain,
            extended + pack("!HH", 0xBEDE, 2) + bytes([0x10, 0x7F, 0x32, 1, 2, 3, 0, 0]) + bytes(40),
            extended + pack("!HH", 0x1000, 1) + bytes([1, 2, 3, 4]) + bytes(40),
            pack("!BBHLLLL", 0x82, 96, 9, 2_880, 5, 6, 7) + bytes(40),
            pack("!BBHLL", 0xA0, 96, 10, 3_840, 5) + bytes(38) + b"\0\2",
        ],
    )


async def test_rtcp() -> None:
    report = RtcpReceiverInfo(ssrc=1, fraction_lost=0, packets_lost=1, highest_sequence=2, jitter=3, lsr=4, dlsr=5)
    sender = RtcpSenderInfo(ntp_timestamp=1, rtp_timestamp=2, packet_count=3, octet_count=4)
    await fuzz_peer(
        "rtcp",
        [
            bytes(RtcpRrPacket(ssrc=5, reports=[report, report])),
            bytes(RtcpSrPacket(ssrc=5, sender_info=sender, reports=[report])),
            bytes(RtcpSdesPacket(chunks=[RtcpSourceInfo(ssrc=5, items=[(1, b"name")])])),
            bytes(RtcpByePacket(sources=[5])),
            bytes(RtcpRtpfbPacket(fmt=1, ssrc=5, media_ssrc=6, lost=[1, 2, 40])),
            bytes(RtcpPsfbPacket(fmt=15, ssrc=5, media_ssrc=0, fci=pack_remb_fci(100_000, [6]))),
            bytes(RtcpRrPacket(ssrc=5)) + bytes(RtcpSdesPacket(chunks=[RtcpSourceInfo(ssrc=5, items=[(1, b"n")])])),
        ],
    )


async def test_dtls() -> None:
    await fuzz_peer(
        "dtls",
        [
            FATAL_ALERT,
            NULL_CIPHER_HELLO,
            client_hello(0xC02B),
            dtls_record(20, b"\x01"),
            dtls_record(23, bytes(60)),
            pack("!BHHHLH", 23, 0xFEFD, 1, 0, 9, 40) + bytes(40),
            pack("!BHHHLH", 21, 0xFEFD, 1, 0, 9, 26) + bytes(26),
            pack("!BHHHLH", 22, 0xFEFD, 1, 0, 9, 48) + bytes(48),
        ],
    )


async def test_stun() -> None:
    async with attacked_peer(PATIENT) as call:
        await call.answer()
        await call.connect()
        call.connection._protocols[0].transport.sendto = lambda data, addr: None
        response = pack("!HHI12s", 0x0101, 12, 0x2112A442, b"transaction!") + pack("!HHBBHL", 0x20, 8, 0, 1, 5, 6)
        originals = [call.ice_check(), stun_request(), response, stun_request(pack("!HH4s", 6, 4, b"a:bc"))]
        for case in cases("stun", originals, often(500, 10_000)):
            with judged("stun", case):
                call.inject(case)
                call.inject(case, ("127.0.0.1", 9))
                await handled(call)
                assert call.dtls.state == "connected"


async def test_sctp() -> None:
    async with deaf_peer() as call:
        assert call.peer._pc.sctp is not None
        originals = [serialize_packet(5000, 5000, 0, chunk)[12:] for chunk in _chunks(call.peer._pc.sctp)]
    await fuzz_peer("sctp", originals, sealed)


def sealed(chunks: bytes, call: AttackedPeer) -> bytes:
    """Only chunks are mutated: a wrong tag or checksum ends a case at once, and mostly so do a wrong length and TSN."""
    sctp = call.peer._pc.sctp
    assert sctp is not None
    if len(chunks) >= 8 and sum(chunks) % 4:
        chunks = chunks[:2] + min(len(chunks), 0xFFFF).to_bytes(2, "big") + chunks[4:]
        base = {0: sctp._last_received_tsn, 3: sctp._last_sacked_tsn, 192: sctp._last_received_tsn}.get(chunks[0])
        if base is not None:
            chunks = chunks[:4] + pack("!L", (base + sum(chunks) % 3) % 2**32) + chunks[8:]
    header = pack("!HHL", 5000, 5000, 0 if chunks[:1] == b"\x01" else sctp._local_verification_tag)
    return PLAIN + header + pack("<L", crc32c(header + bytes(4) + chunks)) + chunks


def _chunks(sctp: Any) -> list[Any]:
    data, opening, sack, heartbeat, init, forward = (
        DataChunk(flags=SCTP_DATA_FIRST_FRAG | SCTP_DATA_LAST_FRAG),
        DataChunk(flags=SCTP_DATA_FIRST_FRAG | SCTP_DATA_LAST_FRAG),
        SackChunk(),
        HeartbeatChunk(),
        InitChunk(),
        ForwardTsnChunk(),
    )
    data.tsn = opening.tsn = forward.cumulative_tsn = sctp._last_received_tsn + 1
    data.protocol, data.user_data = 51, b'{"type":"ping"}'
    opening.stream_id, opening.protocol = 4, WEBRTC_DCEP
    opening.user_data = pack("!BBHLHH", DATA_CHANNEL_OPEN, 0, 0, 0, 5, 0) + b"label"
    sack.cumulative_tsn, sack.advertised_rwnd = sctp._last_sacked_tsn, 100_000
    sack.gaps, sack.duplicates = [(2, 3), (5, 9)], [1]
    heartbeat.params = [(1, b"odd")]
    init.initiate_tag, init.outbound_streams, init.inbound_streams = 1, 9, 9
    init.params = [(0x8008, b"\xc0\x82"), (0xC000, b"")]
    init_ack = InitAckChunk()
    init_ack.params = [(7, bytes(24))]
    forward.streams = [(0, 1)]
    reset = ReconfigChunk()
    reset.params = [(13, pack("!LLLH", 1, 1, data.tsn, 0)), (16, pack("!LL", 1, 1)), (17, pack("!LHH", 1, 1, 0))]
    return [data, opening, sack, heartbeat, init, init_ack, forward, reset]


async def test_offers() -> None:
    client = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    client.addTransceiver("audio", direction="sendrecv")
    client.addTransceiver("video", direction="recvonly")
    client.createDataChannel("events", negotiated=True, id=0)
    with loopback_candidates():
        await client.setLocalDescription(await client.createOffer())
        offer = client.localDescription.sdp.encode()
        await client.close()
        callbacks = PeerCallbacks(on_audio=lambda block: None, on_message=lambda raw: None)
        for case in cases("offers", [offer], often(500, 10_000)):
            with judged("offers", case):
                peer = Peer(Limits(), callbacks)
                try:
                    await peer.answer(case.decode("utf-8", "replace"))
                except (BadOfferError, OfferTooLargeError):
                    pass
                finally:
                    await peer.close()


def test_client_messages() -> None:
    originals = [f'{{"type":"{name}","last_seq":7,"text":"ä","id":"x"}}'.encode() for name in CLIENT_MESSAGES]
    for case in cases("client_messages", originals, often(500, 10_000)):
        with judged("client_messages", case):
            for raw in (case, case.decode("utf-8", "replace"), case.decode("utf-8", "surrogateescape")):
                with suppress(BadMessageError):
                    decode_client_message(raw)
