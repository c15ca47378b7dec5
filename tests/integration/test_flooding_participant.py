"""A participant that floods is closed within two seconds, and other calls of the node go on."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from functools import partial
from struct import pack

import pytest

from deploy.bench.media_audio import speech
from deploy.bench.media_callers import Sending, callers
from deploy.bench.media_node import our_node
from tests.chaos import IS_CHAOS, figures, often
from tests.hostile import AttackedPeer, attacked_peer, dropped
from tests.light_people import tone_packets

pytestmark = [pytest.mark.slow, pytest.mark.chaos]

CALLS = often(4, 20)
PACKETS = often(75, 250)
PER_S = 20_000
GENUINE = 2_000
"""Packets that the flood begins with; then it begins again."""
CLOSED_S = 2.0 if IS_CHAOS else 10.0
LOST = 0.005 if IS_CHAOS else 0.2
"""Of the others' packets; a busy machine loses by itself."""

FLOOD = """
import socket, sys, time
number, host, port, per_s, size = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
flooding = socket.socket(fileno=int(number))
raw = sys.stdin.buffer.read()
packets = [raw[at : at + size] for at in range(0, len(raw), size)]
sent, began_s = 0, time.monotonic()
while True:
    while sent < (time.monotonic() - began_s) * per_s:
        try:
            flooding.sendto(packets[sent % len(packets)], (host, port))
        except OSError:
            pass
        sent += 1
    time.sleep(0.0005)
"""


def genuine(call: AttackedPeer) -> list[bytes]:
    """What this client may send, encrypted."""
    [payload, *_] = tone_packets(440)
    protect = call.client_dtls._tx_srtp.protect
    return [protect(pack("!BBHLL", 0x80, 96, n, n * 960, 7) + payload) for n in range(GENUINE)]


async def flooding(call: AttackedPeer) -> asyncio.subprocess.Process:
    """Another process, that has the client's own socket: 20 000 packets a second until it is killed."""
    packets = genuine(call)
    [protocol] = call.client_dtls.transport._connection._protocols
    socket = protocol.transport.get_extra_info("socket")
    host, port = call.address
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", FLOOD, str(socket.fileno()), host, str(port), str(PER_S), str(len(packets[0])),
        pass_fds=[socket.fileno()], stdin=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(b"".join(packets))
    process.stdin.close()
    return process


async def test_who_floods_is_closed_and_other_calls_lose_nothing() -> None:
    packets, heard = speech(), Counter[int]()
    loop = asyncio.get_running_loop()

    def hear(number: int, *_: object) -> None:
        heard[number] += 1

    async with our_node(False) as node, callers() as calling, attacked_peer() as call:
        offers = await calling.offers(CALLS, "sendonly")
        await calling.connect([await node.answer(offer, partial(hear, n)) for n, offer in enumerate(offers)])
        await call.answer()
        await call.connect()
        limited = dropped("media_rate") + dropped("cut_off")
        playing = asyncio.create_task(
            calling.play({n: Sending(packets, PACKETS, phase=n / CALLS) for n in range(CALLS)})
        )
        process = await flooding(call)
        try:
            while dropped("media_rate") + dropped("cut_off") == limited and not call.is_leaving:
                await asyncio.sleep(0.005)
            began_at = loop.time()
            async with asyncio.timeout(CLOSED_S):
                await asyncio.wait([call.running])
                await call.peer.close()
            closed_s = loop.time() - began_at
            assert call.peer.cut_off_code == "too_much_traffic"
            await playing
        finally:
            process.kill()
            await process.wait()
        await asyncio.sleep(0.3)
        assert node.people == CALLS
        lost = 1 - sum(heard.values()) / (CALLS * PACKETS)
        figures("T29 a participant floods", calls=CALLS, per_s=PER_S, closed_s=round(closed_s, 2),
                lost_of_others_percent=round(100 * lost, 2))  # fmt: skip
        assert lost <= LOST
