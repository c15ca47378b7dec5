"""What we rely on inside aiortc and aioice is there in the pinned versions."""

import asyncio
from collections.abc import Callable, Coroutine
from importlib.metadata import version
from typing import Any

import aioice
import aiortc.rtcicetransport
import pytest
import uvloop
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from media_server.rtc.addresses import offer_addresses
from media_server.rtc.heartbeat import Heartbeat, transports
from media_server.rtc.peer import Peer, PeerCallbacks
from media_server.settings import Limits


@pytest.fixture(autouse=True)
def loopback() -> None:
    offer_addresses(("127.0.0.1",))


async def connected_pair() -> tuple[RTCPeerConnection, RTCPeerConnection, Heartbeat]:
    client, server = (RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2))
    client.addTransceiver("audio")
    client.createDataChannel("events", negotiated=True, id=0)
    await client.setLocalDescription(await client.createOffer())
    heartbeat = Heartbeat()
    await server.setRemoteDescription(RTCSessionDescription(client.localDescription.sdp, "offer"))
    server.createDataChannel("events", negotiated=True, id=0)
    heartbeat.listen_to(server)
    heartbeat.last_heard = 0.0
    await server.setLocalDescription(await server.createAnswer())
    await client.setRemoteDescription(RTCSessionDescription(server.localDescription.sdp, "answer"))
    return client, server, heartbeat


def test_the_versions_are_the_ones_these_seams_were_tested_with() -> None:
    assert (version("aiortc"), version("aioice")) == ("1.16.0", "0.13.0")


async def test_loopback_is_offered_when_it_is_named() -> None:
    client, server, _ = await connected_pair()
    assert "127.0.0.1" in client.localDescription.sdp
    assert client.localDescription.sdp.count("a=candidate:") == 2  # one a section
    await asyncio.gather(client.close(), server.close())


async def test_every_connection_is_made_of_the_class_that_is_replaced() -> None:
    client, server, _ = await connected_pair()
    (transport,) = transports(server)
    assert type(transport.transport._connection) is aiortc.rtcicetransport.Connection
    assert type(transport.transport._connection) is not aioice.Connection
    await asyncio.gather(client.close(), server.close())


async def test_an_authenticated_packet_is_a_heartbeat() -> None:
    client, server, heartbeat = await connected_pair()
    async with asyncio.timeout(5):
        while not heartbeat.last_heard:
            await asyncio.sleep(0.01)
    await asyncio.gather(client.close(), server.close())


async def test_every_wrapped_place_exists() -> None:
    client, server, _ = await connected_pair()
    (transport,) = transports(server)
    assert server._RTCPeerConnection__closeTask is None  # type: ignore[attr-defined]
    assert callable(transport._handle_rtp_data)
    assert callable(transport._handle_rtcp_data)
    assert callable(transport.transport._connection.check_incoming)
    assert callable(transport._recv_next)
    assert callable(transport._rtp_router.route_rtcp)
    assert transport._role == "client"
    connection = transport.transport._connection
    for name in ("gather_candidates", "check_state", "respond_error", "data_received"):
        assert callable(getattr(connection, name))
    assert isinstance(connection._protocols, list)
    assert isinstance(connection._queue, asyncio.Queue)
    assert callable(connection._protocols[0].datagram_received)
    assert server.sctp is not None
    assert callable(server.sctp._handle_data)
    assert callable(server.sctp._data_channel_receive)
    assert server.sctp._advertised_rwnd == 1024 * 1024
    assert server.sctp._rto == 3.0
    assert isinstance(server.sctp._inbound_streams, dict)
    assert isinstance(server.sctp._sack_misordered, set)
    assert isinstance(server.sctp._data_channels, dict)
    assert client.sctp is not None
    assert client.sctp._remote_max_message_size == 65_536
    await asyncio.gather(client.close(), server.close())


async def test_no_socket_is_open_before_the_local_description() -> None:
    client, server = (RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2))
    client.addTransceiver("audio")
    await client.setLocalDescription(await client.createOffer())
    await server.setRemoteDescription(RTCSessionDescription(client.localDescription.sdp, "offer"))
    (transport,) = transports(server)
    assert transport.transport._connection._protocols == []
    await asyncio.gather(client.close(), server.close())


class Protocol(asyncio.DatagramProtocol):
    """Like aioice's, with a dictionary."""


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_loop_calls_the_method_that_replaced_a_protocols_own(
    run: Callable[[Coroutine[Any, Any, bytes]], bytes],
) -> None:
    async def receive() -> bytes:
        loop = asyncio.get_running_loop()
        received = loop.create_future()
        transport, protocol = await loop.create_datagram_endpoint(Protocol, local_addr=("127.0.0.1", 0))
        protocol.datagram_received = lambda data, addr: received.set_result(data)  # type: ignore[method-assign]
        transport.sendto(b"hello", transport.get_extra_info("sockname"))
        try:
            async with asyncio.timeout(2):
                return await received
        finally:
            transport.close()

    assert run(receive()) == b"hello"


async def test_an_answer_asks_for_error_correction() -> None:
    client = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    client.addTransceiver("audio")
    await client.setLocalDescription(await client.createOffer())
    peer = Peer(Limits(), PeerCallbacks(lambda block: None, lambda message: None))
    answer = await peer.answer(client.localDescription.sdp)
    assert "useinbandfec=1" in answer
    await client.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    await asyncio.gather(client.close(), peer.close())
