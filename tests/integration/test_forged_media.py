"""Forged and repeated media costs a call no packet, and a decoder that breaks costs some packets and no call."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from struct import pack
from typing import Any

import pytest

from media_server.rtc.opus import Decoder
from media_server.settings import Limits
from tests.chaos import figures, often
from tests.hostile import attacked_peer, dropped, stranger

pytestmark = pytest.mark.slow


@pytest.mark.chaos
async def test_forged_and_repeated_media_costs_no_packet() -> None:
    """From a stranger's address, and in the client's own name as often as its rate allows."""
    forged, repeated = often(2_000, 100_000), often(200, 10_000)
    async with (
        attacked_peer(replace(Limits(), media_packets_burst=forged + repeated), talks=True) as call,
        stranger() as one,
    ):
        await call.answer()
        await call.connect()
        protocol = call.connection._protocols[0]
        take, genuine = protocol.datagram_received, list[bytes]()

        def keep(data: bytes, addr: Any) -> None:
            if data[0] >= 128 and len(genuine) < 20:
                genuine.append(data)
            take(data, addr)

        protocol.datagram_received = keep
        await call.hears(25)
        counts = call.peer.receiver.counts
        before = replace(counts)
        refused = dropped("srtp") + dropped("source")
        blocks = call.blocks
        for number in range(forged):
            fake = pack("!BBHLL", 0x80, 96, number & 0xFFFF, 960 * number, 5) + bytes(60)
            one.transport.sendto(fake, call.address)
            if number % 10 == 0:
                call.inject(fake)
                await asyncio.sleep(0.002)
        for number in range(repeated):
            one.transport.sendto(genuine[number % len(genuine)], call.address)
            if number % 10 == 0:
                call.inject(genuine[number % len(genuine)])
                await asyncio.sleep(0.002)
        await call.hears(5)
        assert dropped("srtp") + dropped("source") >= refused + forged // 2
        assert counts.lost == before.lost
        assert counts.restarts == before.restarts
        assert not call.running.done()
        figures("T28 forged and repeated media", forged=forged, repeated=repeated, heard=call.blocks - blocks, lost=0)


@pytest.mark.parametrize("error", [ValueError, RuntimeError, MemoryError])
async def test_whatever_a_decoder_raises_the_track_goes_on(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with attacked_peer(talks=True) as call:
        await call.answer()
        await call.connect()
        decode, broken = Decoder._decode_pcm, list[bytes]()

        def break_some(decoder: Decoder, payload: bytes, *args: Any, **more: Any) -> Any:
            if len(broken) < 10:
                broken.append(payload)
                raise error
            return decode(decoder, payload, *args, **more)

        monkeypatch.setattr(Decoder, "_decode_pcm", break_some)
        before = dropped("broken")
        await call.hears(10)
        assert len(broken) == 10
        assert dropped("broken") >= before + 10
        assert not call.running.done()
