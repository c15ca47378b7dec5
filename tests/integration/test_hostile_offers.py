"""Offers that are made to cost: refused at once, and none makes the server send where no caller can be."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from aiortc import RTCCertificate, RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from media_server.errors import BadOfferError, OfferTooLargeError
from media_server.rtc.addresses import offer_addresses
from media_server.rtc.heartbeat import transports
from media_server.rtc.peer import Peer, PeerCallbacks
from media_server.settings import Limits
from tests.chaos import IS_CHAOS, figures, often
from tests.loop_stall import watched_loop

pytestmark = pytest.mark.slow

LONGEST_S = 0.05
CERTIFICATE_S = 1.0
"""In `make chaos`, where a test has the machine to itself."""


@pytest.fixture(autouse=True)
def loopback() -> None:
    offer_addresses(("127.0.0.1",))


def new_peer(limits: Limits | None = None, heard: list[object] | None = None) -> Peer:
    take = (lambda block: None) if heard is None else heard.append
    return Peer(limits or Limits(), PeerCallbacks(on_audio=take, on_message=lambda raw: None))


async def new_offer() -> tuple[RTCPeerConnection, str]:
    client = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    client.addTransceiver("audio")
    client.createDataChannel("events", negotiated=True, id=0)
    await client.setLocalDescription(await client.createOffer())
    return client, client.localDescription.sdp


def candidate(number: int, host: str) -> str:
    return f"a=candidate:{number} 1 udp 2130706431 {host} {5_000 + number} typ host\r\n"


GIANTS: dict[str, Callable[[str], str]] = {
    "20 000 sources": lambda sdp: sdp + "".join(f"a=ssrc:{n} cname:x\r\n" for n in range(20_000)),
    "64 kB of sources": lambda sdp: sdp + "".join(f"a=ssrc:{n} c:x\r\n" for n in range(3_500)),
    "500 candidates": lambda sdp: sdp + "".join(candidate(n, f"127.0.{n // 250}.{n % 250}") for n in range(500)),
    "900 sections": lambda sdp: sdp + "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" * 900,
    "900 groups": lambda sdp: sdp.replace("s=-\r\n", "s=-\r\n" + "a=group:BUNDLE 0 1\r\n" * 900),
    "a line of 60 kB": lambda sdp: sdp + "a=fmtp:96 " + "x=1;" * 15_000 + "\r\n",
    "a million lines": lambda sdp: sdp + "\n" * 1_000_000,
    "half a megabyte of nothing": lambda sdp: sdp + "a=x\r\n" * 100_000,
    "900 formats": lambda sdp: sdp.replace("SAVPF 96", "SAVPF " + " ".join("96" for _ in range(900))),
    "a line of digits": lambda sdp: sdp.replace("m=audio 9", "m=audio " + "9" * 2_000),
    "900 extensions": lambda sdp: sdp + "".join(f"a=extmap:{n} urn:x:{n}\r\n" for n in range(900)),
    "900 fingerprints": lambda sdp: sdp + f"a=fingerprint:sha-256 {':'.join(['AB'] * 32)}\r\n" * 900,
    "64 sources, each said to be in a group": lambda sdp: (
        sdp + "".join(f"a=ssrc-group:FID {n} {n + 1}\r\n" for n in range(64))
    ),
}


@pytest.mark.chaos
async def test_giant_offers_are_answered_or_refused_at_once() -> None:
    client, sdp = await new_offer()
    refused, longest_s, stalls_s = 0, 0.0, []
    for make in GIANTS.values():
        offer, peer = make(sdp), new_peer()
        async with watched_loop() as stall:
            began_s = time.monotonic()
            try:
                await peer.answer(offer)
            except (BadOfferError, OfferTooLargeError):
                refused += 1
                longest_s = max(longest_s, time.monotonic() - began_s)
            await asyncio.sleep(0.01)
        stalls_s.append(stall.longest_s)
        await peer.close()
    await client.close()
    assert refused >= 9
    figures("R31 giant offers", offers=len(GIANTS), refused=refused, refused_ms=round(1000 * longest_s, 1),
            longest_stall_ms=round(1000 * max(stalls_s), 1))  # fmt: skip
    if IS_CHAOS:
        assert max(longest_s, *stalls_s) < LONGEST_S


PRIVATE = [
    "127.0.0.1",
    "10.0.0.7",
    "192.168.1.7",
    "172.16.0.7",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104
    "224.0.0.1",
]


async def test_of_many_candidates_a_public_node_checks_twenty_and_none_that_is_private() -> None:
    """What would be sent is counted, and stays here."""
    offer_addresses(("8.8.8.8",))
    client, sdp = await new_offer()
    begin, *sections = sdp.split("m=")
    bare = "m=".join([begin, *("\r\n".join(line for line in section.splitlines() if "candidate" not in line) + "\r\n"
                               for section in sections)])  # fmt: skip
    public = [f"1.1.1.{n}" for n in range(Limits().offer_candidates - len(PRIVATE))]
    candidates = "".join(candidate(n, host) for n, host in enumerate(PRIVATE + public))
    offer = bare.replace("m=application", f"{candidates}m=application")
    with pytest.raises(BadOfferError, match="candidates"):
        await new_peer().answer(offer + candidate(99, "1.1.1.99"))
    peer = new_peer(replace(Limits(), connect_s=often(1, 5)))
    await peer.answer(offer)
    asked: list[str] = []
    for transport in transports(peer._pc):
        for protocol in transport.transport._connection._protocols:
            protocol.transport = _Recording(protocol.transport, asked)
        pairs = len(transport.transport._connection._check_list)
        assert pairs <= Limits().offer_candidates
    await peer.run()
    await asyncio.gather(peer.close(), client.close())
    assert set(asked) <= set(public)
    assert asked


class _Recording:
    """A datagram transport that sends nothing."""

    def __init__(self, transport: asyncio.DatagramTransport, asked: list[str]) -> None:
        self._transport = transport
        self._asked = asked

    def sendto(self, data: bytes, addr: tuple[str, int]) -> None:
        self._asked.append(addr[0])

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)


@pytest.mark.chaos
async def test_another_certificate_than_the_offer_names_is_not_let_in() -> None:
    heard: list[object] = []
    client, sdp = await new_offer()
    others = {one.algorithm: one.value for one in RTCCertificate.generateCertificate().getFingerprints()}
    offer = "\r\n".join(
        f"a=fingerprint:sha-256 {others['sha-256']}" if line.startswith("a=fingerprint:sha-256") else line
        for line in sdp.splitlines()
    )
    peer = new_peer(heard=heard)
    answer = await peer.answer(offer + "\r\n")
    began_s = time.monotonic()
    await client.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    async with asyncio.timeout(Limits().connect_s / 2):
        await peer.run()
    refused_s = time.monotonic() - began_s
    figures("T27 another certificate", refused_s=round(refused_s, 2))
    assert not IS_CHAOS or refused_s <= CERTIFICATE_S
    assert not await peer.connected()
    (transport,) = transports(peer._pc)
    assert transport.state == "failed"
    assert heard == []
    await asyncio.gather(peer.close(), client.close())
