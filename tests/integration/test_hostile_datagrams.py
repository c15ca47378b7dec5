"""Whatever a stranger sends to a peer's port, its call connects and lives; each limit is met from both sides."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from struct import pack

import pytest

from media_server.rtc.datagrams import is_forgeable
from media_server.settings import Limits
from tests.chaos import figures, often
from tests.hostile import (
    CUT_OFF_S,
    FATAL_ALERT,
    NULL_CIPHER_HELLO,
    Stranger,
    attacked_peer,
    client_hello,
    dropped,
    dtls_record,
    spray,
    stranger,
    stun_request,
)

RANDOM = random.Random(25)
RTP = pack("!BBHLL", 0x80, 96, 1, 2, 3)
RTCP = pack("!BBHL", 0x80, 200, 1, 3)

CLASSES = {
    "empty": [b""],
    "one byte": [bytes([n]) for n in (0, 22, 128, 255)],
    "too long": [bytes([n]) * size for n in (128, 144, 191) for size in (1_501, 4_000)],
    "a hello without a cipher": [NULL_CIPHER_HELLO],
    "a hello with a cipher": [client_hello(0xC02B)],
    "a fatal alert": [FATAL_ALERT],
    "other records": [dtls_record(kind, b"\x01") for kind in (20, 22, 23, 63)],
    "random bytes": [RANDOM.randbytes(RANDOM.randrange(1, 1_400)) for _ in range(50)],
    "RTP and RTCP": [RTP, RTP + bytes(160), pack("!BBHL", 0x80, 203, 1, 3)],
    "STUN of nobody": [stun_request(), stun_request(method=0x0003), stun_request(method=0x0111)],
    "STUN that breaks a parser": [stun_request(pack("!HHI", kind, 1, 0)) for kind in (1, 6, 8, 0x20, 0x24, 0x802A)],
    "STUN that is cut off": [stun_request(bytes(40))[:length] for length in (4, 19, 21, 59)],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CLASSES)
async def test_a_call_connects_and_lives_while_a_stranger_sends(name: str) -> None:
    async with attacked_peer(talks=True) as call:
        await call.answer()
        async with spray(CLASSES[name], call.address):
            await call.connect()
            await call.hears(10)
        assert not call.running.done()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a hello without a cipher", "a fatal alert", "empty"])
async def test_it_connects_as_the_server_of_the_handshake_too(name: str) -> None:
    async with attacked_peer() as call:
        await call.answer(setup="active")
        assert call.dtls._role == "server"
        async with spray(CLASSES[name], call.address):
            await call.connect()


RACES = ["empty", "too long", "a hello without a cipher", "a hello with a cipher", "a fatal alert", "random bytes"]


@pytest.mark.slow
@pytest.mark.chaos
async def test_every_handshake_under_spray_connects() -> None:
    tries = often(1, 50)
    longest_s = 0.0
    for name in RACES:
        for number in range(tries):
            async with attacked_peer() as call:
                await call.answer(setup="active" if number % 2 else "actpass")
                began = asyncio.get_running_loop().time()
                async with spray(CLASSES[name], call.address):
                    await call.connect()
                longest_s = max(longest_s, asyncio.get_running_loop().time() - began)
    figures("T26", connected=tries * len(RACES), longest_s=round(longest_s, 3))


@pytest.mark.slow
async def test_a_forged_source_ends_neither_handshake_nor_call() -> None:
    forged = [b"", bytes([128]) * 1_501, FATAL_ALERT, NULL_CIPHER_HELLO]
    async with attacked_peer(talks=True) as call:
        await call.answer()
        meeting = asyncio.create_task(call.connect())
        while not meeting.done():
            for data in forged:
                call.inject(data)
            await asyncio.sleep(0.002)
        await meeting
        for data in forged * 50:
            call.inject(data)
        await call.hears(10)


@pytest.mark.slow
async def test_no_socket_is_without_its_guard_once_the_answer_is_out() -> None:
    async with attacked_peer() as call:
        await call.answer()
        before = dropped("source")
        call.inject(NULL_CIPHER_HELLO, ("127.0.0.1", 9))
        assert dropped("source") == before + 1
        assert call.connection._queue.empty()


@pytest.mark.slow
async def test_each_limit_of_datagrams_is_met_from_both_sides() -> None:
    async with attacked_peer() as call:
        await call.answer()
        await call.connect()
        for data, reason in (
            (bytes([128]) * 1_500, "length"),
            (RTP, "source"),
            (RTP, "kind"),
            (dtls_record(23, b"x"), "dtls_forgeable"),
        ):
            before = dropped(reason)
            call.inject(data)
            assert dropped(reason) == before
        for data, source, reason in (
            (bytes([128]) * 1_501, call.client_address, "length"),
            (RTP, ("127.0.0.1", 9), "source"),
            (b"\x40" + RTP, call.client_address, "kind"),
            (FATAL_ALERT, call.client_address, "dtls_forgeable"),
        ):
            before = dropped(reason)
            call.inject(data, source)
            assert dropped(reason) == before + 1


@pytest.mark.slow
async def test_the_queue_has_a_bound_and_drops_the_newest() -> None:
    async with attacked_peer(replace(Limits(), receive_queue=30)) as call:
        await call.answer()
        await call.connect()
        waiting = call.connection._queue.qsize()
        before = dropped("queue")
        for _ in range(30 - waiting):
            call.inject(RTCP)
        assert dropped("queue") == before
        call.inject(RTCP)
        assert dropped("queue") == before + 1
        assert call.connection._queue.qsize() == 30


@pytest.mark.slow
async def test_forged_rtp_is_dropped_on_the_spot_and_waits_in_no_queue() -> None:
    async with attacked_peer() as call:
        await call.answer()
        await call.connect()
        waiting, before = call.connection._queue.qsize(), dropped("srtp")
        for _ in range(20):
            call.inject(RTP + bytes(100))
        assert dropped("srtp") == before + 20
        assert call.connection._queue.qsize() == waiting
        assert not call.running.done()


@pytest.mark.slow
async def test_a_burst_of_media_passes_and_what_is_above_the_rate_does_not() -> None:
    async with attacked_peer(replace(Limits(), media_packets_burst=40, media_packets_per_s=1)) as call:
        await call.answer()
        await call.connect()
        before = dropped("media_rate")
        for _ in range(39):
            call.inject(RTP)
        assert dropped("media_rate") == before
        for _ in range(5):
            call.inject(RTP)
        assert dropped("media_rate") >= before + 3


@pytest.mark.slow
async def test_data_channels_have_a_rate_of_their_own() -> None:
    async with attacked_peer(replace(Limits(), dtls_records_burst=100, dtls_records_per_s=1)) as call:
        await call.answer()
        await call.connect()
        await call.opened()
        before = dropped("dtls_rate")
        for _ in range(50):
            call.inject(dtls_record(23, b"x"))
        assert dropped("dtls_rate") == before
        for _ in range(60):
            call.inject(dtls_record(23, b"x"))
        assert dropped("dtls_rate") > before


@pytest.mark.slow
async def test_the_rates_of_some_sources_are_remembered() -> None:
    async with attacked_peer(replace(Limits(), stun_burst=1, stun_per_s=0, stun_sources=8)) as call:
        await call.answer()
        before = dropped("stun_rate")
        for port in [*range(1, 9), *range(1, 9)]:
            call.inject(stun_request(), ("127.0.0.1", port))
        assert dropped("stun_rate") == before + 8
        call.inject(stun_request(), ("127.0.0.1", 9))  # the first is forgotten for it
        call.inject(stun_request(), ("127.0.0.1", 1))
        assert dropped("stun_rate") == before + 8


@pytest.mark.slow
async def test_stun_is_limited_for_each_source_alone() -> None:
    async with attacked_peer() as call:
        await call.answer()
        before = dropped("stun_rate")
        for _ in range(100):
            call.inject(stun_request(), ("127.0.0.1", 9))
        assert dropped("stun_rate") == before
        for _ in range(100):
            call.inject(stun_request(), ("127.0.0.1", 9))
        assert dropped("stun_rate") >= before + 50
        await call.connect()


@pytest.mark.slow
async def test_a_stranger_gets_few_errors_for_much_stun() -> None:
    async with attacked_peer() as call, stranger() as victim:
        await call.answer()
        for _ in range(10):
            call.inject(stun_request(), victim.transport.get_extra_info("sockname"))
        await _has_answers(victim, 10)
        for _ in range(80):
            call.inject(stun_request(), victim.transport.get_extra_info("sockname"))
        await asyncio.sleep(0.05)
        assert victim.answers <= 20


async def _has_answers(one: Stranger, count: int) -> None:
    async with asyncio.timeout(10):
        while one.answers < count:
            await asyncio.sleep(0.005)


@pytest.mark.slow
async def test_a_client_proves_some_addresses_and_not_any_number() -> None:
    async with attacked_peer() as call:
        await call.answer()
        await call.connect()
        before = dropped("addresses")
        for port in range(20_000, 20_031):
            call.inject(call.ice_check(), ("127.0.0.1", port))
        assert dropped("addresses") == before
        call.inject(call.ice_check(), ("127.0.0.1", 20_031))
        assert dropped("addresses") == before + 1
        assert len(call.connection._remote_candidates) == 32


@pytest.mark.slow
async def test_an_authenticated_check_that_breaks_aioice_is_dropped() -> None:
    async with attacked_peer() as call:
        await call.answer()
        await call.connect()
        before = dropped("stun_unreadable")
        call.inject(call.ice_check(priority=False), ("127.0.0.1", 20_000))
        assert dropped("stun_unreadable") == before + 1


@pytest.mark.slow
async def test_who_sends_ten_times_too_much_for_long_is_cut_off() -> None:
    async with attacked_peer() as call:
        await call.answer()
        await call.connect()
        for _ in range(3_900):
            call.inject(RTP)
        assert not await call.is_cut_off(within_s=0.05)
        for _ in range(4_100):
            call.inject(RTP)
        assert await call.is_cut_off(within_s=CUT_OFF_S)


@pytest.mark.parametrize(
    ("record", "role", "ends_a_handshake"),
    [
        (FATAL_ALERT, "client", True),
        (FATAL_ALERT, "server", True),
        (FATAL_ALERT[:3] + b"\0\1" + FATAL_ALERT[5:], "client", False),
        (NULL_CIPHER_HELLO, "client", True),
        (NULL_CIPHER_HELLO, "server", False),
        (dtls_record(22, b"\x02"), "client", False),
        (dtls_record(22, b""), "client", False),
    ],
)
def test_what_needs_no_key_and_ends_a_handshake_is_known(record: bytes, role: str, ends_a_handshake: bool) -> None:
    assert is_forgeable(record, role) is ends_a_handshake
