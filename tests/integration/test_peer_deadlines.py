"""A peer never outlives its deadlines: not connected, silent, or hanging while it closes."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from media_server.errors import BadOfferError
from media_server.rtc.addresses import offer_addresses
from media_server.rtc.mix_track import MixTrack
from media_server.rtc.peer import Peer, PeerCallbacks
from media_server.settings import Limits

LIMITS = replace(Limits(), connect_s=0.5, alive_s=1.0, close_s=0.5)
CALLBACKS = PeerCallbacks(on_audio=lambda block: None, on_message=lambda raw: None)


@pytest.fixture(autouse=True)
def loopback() -> None:
    offer_addresses(("127.0.0.1",))


async def new_client() -> RTCPeerConnection:
    client = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    client.addTransceiver("audio", direction="recvonly")
    client.createDataChannel("events", negotiated=True, id=0)
    await client.setLocalDescription(await client.createOffer())
    return client


async def test_a_peer_that_never_connects_is_gone_in_time() -> None:
    client, peer = await new_client(), Peer(LIMITS, CALLBACKS)
    await peer.answer(client.localDescription.sdp, MixTrack())
    async with asyncio.timeout(3):
        await peer.run()
    assert not await peer.connected()
    await asyncio.gather(peer.close(), client.close())


async def test_a_peer_that_falls_silent_is_gone_in_time() -> None:
    client, peer = await new_client(), Peer(LIMITS, CALLBACKS)
    answer = await peer.answer(client.localDescription.sdp, MixTrack())
    await client.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    assert client.sctp is not None
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(peer.run())
        assert await peer.connected()
        for protocol in client.sctp.transport.transport._connection._protocols:
            protocol.transport.abort()
        async with asyncio.timeout(4):
            await running
    await asyncio.gather(peer.close(), client.close())


async def test_a_close_that_hangs_loses_its_sockets() -> None:
    client, peer = await new_client(), Peer(LIMITS, CALLBACKS)
    await peer.answer(client.localDescription.sdp, MixTrack())
    pc = peer._pc
    really_close = pc.close
    pc.close = asyncio.Event().wait  # type: ignore[method-assign,assignment]  # a task that died is waited for for ever
    assert pc.sctp is not None
    protocols = pc.sctp.transport.transport._connection._protocols
    async with asyncio.timeout(2):
        await peer.close()
    assert protocols
    assert all(protocol.transport.is_closing() for protocol in protocols)
    await asyncio.gather(really_close(), client.close())


@pytest.mark.parametrize("line", ["a=fingerprint:sha-256 nonsense", "a=rtpmap:x", "a=ice-ufrag:", "c=IN"])
async def test_whatever_the_parser_raises_is_a_bad_offer(line: str) -> None:
    client, peer = await new_client(), Peer(LIMITS, CALLBACKS)
    offer = client.localDescription.sdp.replace("a=setup:actpass", line, 1).replace(
        "a=group:BUNDLE 0 1", "a=group:BUNDLE 7"
    )
    with pytest.raises(BadOfferError):
        await peer.answer(offer, MixTrack())
    await asyncio.gather(peer.close(), client.close())
