"""Calls keep to the ports and addresses that their owner named."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from deploy.ports import free_ports
from media_server.errors import NoPortError
from media_server.rtc.addresses import offer_addresses
from media_server.rtc.peer import Peer, PeerCallbacks
from media_server.settings import Limits

CALLBACKS = PeerCallbacks(on_audio=lambda block: None, on_message=lambda raw: None)
CONNECT_S = 5
ROUTER = "198.51.100.7"
"""Nobody's (RFC 5737), and not an address of this machine."""


@pytest.fixture(autouse=True)
def loopback() -> Iterator[None]:
    yield
    offer_addresses(("127.0.0.1",))


@pytest.fixture
async def client() -> RTCPeerConnection:
    """Somebody who offers 127.0.0.1, on any port."""
    offer_addresses(("127.0.0.1",))
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    pc.addTransceiver("audio", direction="recvonly")
    await pc.setLocalDescription(await pc.createOffer())
    return pc


def candidates(sdp: str) -> set[tuple[str, int]]:
    return {(host, int(port)) for host, port in re.findall(r"a=candidate:\S+ \d \w+ \d+ (\S+) (\d+) typ host", sdp)}


async def connected(client: RTCPeerConnection, peer: Peer) -> str:
    """The answer that did it."""
    answer = await peer.answer(client.localDescription.sdp)
    # As a router would: whatever is sent to its address comes to this machine.
    await client.setRemoteDescription(RTCSessionDescription(answer.replace(ROUTER, "127.0.0.1"), "answer"))
    async with asyncio.timeout(CONNECT_S):
        assert await peer.connected()
    return answer


async def test_a_call_uses_the_ports_that_were_named(client: RTCPeerConnection) -> None:
    first = free_ports(4)
    offer_addresses(("127.0.0.1",), range(first, first + 4))
    peer = Peer(Limits(), CALLBACKS)
    offered = candidates(await connected(client, peer))
    assert offered
    assert {port for _, port in offered} <= set(range(first, first + 4))
    await asyncio.gather(peer.close(), client.close())


async def test_when_all_ports_are_taken_the_next_one_is_told(client: RTCPeerConnection) -> None:
    first = free_ports(1)
    offer_addresses(("127.0.0.1",), range(first, first + 1))
    peers = [Peer(Limits(), CALLBACKS), Peer(Limits(), CALLBACKS)]
    await peers[0].answer(client.localDescription.sdp)
    with pytest.raises(NoPortError):
        await peers[1].answer(client.localDescription.sdp)
    await asyncio.gather(*(peer.close() for peer in peers), client.close())


async def test_a_port_is_free_again_when_its_peer_is_gone(client: RTCPeerConnection) -> None:
    first = free_ports(1)
    offer_addresses(("127.0.0.1",), range(first, first + 1))
    for _ in range(2):
        peer = Peer(Limits(), CALLBACKS)
        await peer.answer(client.localDescription.sdp)
        await peer.close()
    await client.close()


async def test_the_address_of_a_router_that_hands_everything_on_is_offered(client: RTCPeerConnection) -> None:
    offer_addresses((ROUTER,))
    peer = Peer(Limits(), CALLBACKS)
    assert {host for host, _ in candidates(await connected(client, peer))} == {ROUTER}
    await asyncio.gather(peer.close(), client.close())
