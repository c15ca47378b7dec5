"""A peer never outlives its deadlines: not connected, silent, or hanging while it closes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from media_server.errors import BadOfferError
from media_server.rtc.addresses import offer_addresses
from media_server.rtc.heartbeat import transports
from media_server.rtc.peer import Peer, PeerCallbacks
from media_server.settings import Limits

LIMITS = replace(Limits(), connect_s=0.5, alive_s=1.0, close_s=0.5)
SILENT = replace(LIMITS, connect_s=15.0)
"""For who connects; a busy machine takes its time."""
CALLBACKS = PeerCallbacks(on_audio=lambda block: None, on_message=lambda raw: None)


@pytest.fixture(autouse=True)
def loopback() -> None:
    offer_addresses(("127.0.0.1",))


async def new_client(direction: str = "recvonly") -> RTCPeerConnection:
    client = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    client.addTransceiver("audio", direction=direction)
    client.createDataChannel("events", negotiated=True, id=0)
    await client.setLocalDescription(await client.createOffer())
    return client


async def test_a_peer_that_never_connects_is_gone_in_time() -> None:
    client, peer = await new_client(), Peer(LIMITS, CALLBACKS)
    await peer.answer(client.localDescription.sdp)
    async with asyncio.timeout(3):
        await peer.run()
    assert not await peer.connected()
    await asyncio.gather(peer.close(), client.close())


async def test_a_peer_that_falls_silent_is_gone_in_time() -> None:
    client, peer = await new_client(), Peer(SILENT, CALLBACKS)
    answer = await peer.answer(client.localDescription.sdp)
    await client.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    assert client.sctp is not None
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(peer.run())
        assert await peer.connected()
        for protocol in client.sctp.transport.transport._connection._protocols:
            protocol.transport.abort()
        async with asyncio.timeout(10):
            await running
    await asyncio.gather(peer.close(), client.close())


async def test_who_sends_nothing_but_checks_of_consent_stays() -> None:
    """A client that answers our checks and sends its own as seldom as may be."""
    client, peer = await new_client(), Peer(replace(SILENT, alive_s=3.0), CALLBACKS)
    answer = await peer.answer(client.localDescription.sdp)
    await client.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(peer.run())
        assert await peer.connected()
        transport = client.getTransceivers()[0].receiver.transport
        transport.transport._connection._query_consent_task.cancel()

        async def send_nothing(data: bytes) -> None:
            """Neither reports nor heartbeats of SCTP."""

        transport._send_rtp = transport._send_data = send_nothing
        done, _ = await asyncio.wait([running], timeout=4.5)
        assert not done
        peer.leave()
    await asyncio.gather(peer.close(), client.close())


async def test_a_close_that_hangs_loses_its_sockets_and_its_tasks() -> None:
    before = asyncio.all_tasks()
    client, peer = await new_client("sendrecv"), Peer(LIMITS, CALLBACKS)
    answer = await peer.answer(client.localDescription.sdp)
    await client.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    assert await peer.connected()
    pc = peer._pc
    hanging = asyncio.Event()
    pc.close = hanging.wait  # type: ignore[method-assign,assignment]  # a task that died is waited for for ever
    assert pc.sctp is not None
    protocols = pc.sctp.transport.transport._connection._protocols
    async with asyncio.timeout(2):
        await peer.close()
    assert protocols
    assert all(protocol.transport.is_closing() for protocol in protocols)
    await client.close()
    hanging.set()
    async with asyncio.timeout(3):
        while asyncio.all_tasks() - before:
            await asyncio.sleep(0.05)


async def test_a_closing_that_aiortc_began_and_that_hangs_is_ended_as_well() -> None:
    """The other side has closed, so aiortc closes too; what it waits for never comes."""
    before, strays = asyncio.all_tasks(), list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: strays.append(context))
    client, peer = await new_client("sendrecv"), Peer(LIMITS, CALLBACKS)
    answer = await peer.answer(client.localDescription.sdp)
    await client.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    assert await peer.connected()
    pc: Any = peer._pc
    pc.sctp.stop = asyncio.Event().wait
    async with asyncio.timeout(5):
        await client.close()
        while pc._RTCPeerConnection__closeTask is None:
            await asyncio.sleep(0.02)
        await peer.close()
        while asyncio.all_tasks() - before:
            await asyncio.sleep(0.05)
    assert strays == []


async def test_whoever_gives_up_waiting_does_not_break_off_what_aiortc_began() -> None:
    strays = list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: strays.append(context))
    client, peer = await new_client("sendrecv"), Peer(LIMITS, CALLBACKS)
    answer = await peer.answer(client.localDescription.sdp)
    await client.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    assert await peer.connected()
    pc: Any = peer._pc
    go_on = asyncio.Event()
    stop = pc.sctp.stop

    async def stop_slowly() -> None:
        await go_on.wait()
        await stop()

    pc.sctp.stop = stop_slowly
    async with asyncio.timeout(5):
        await client.close()
        while pc._RTCPeerConnection__closeTask is None:
            await asyncio.sleep(0.02)
        closing = asyncio.create_task(peer.close())
        await asyncio.sleep(0.05)
        closing.cancel()
        await asyncio.wait([closing])
        go_on.set()
        await asyncio.wait([pc._RTCPeerConnection__closeTask])
        await peer.close()
    assert strays == []


async def test_nothing_begins_on_a_connection_that_is_closed() -> None:
    """The handshake is over just when we close: what follows it would go on for ever, and keep all of the peer."""
    client, peer = await new_client("sendrecv"), Peer(LIMITS, CALLBACKS)
    answer = await peer.answer(client.localDescription.sdp)
    [transport] = transports(peer._pc)
    shake_hands, is_over, go_on = transport._do_handshake, asyncio.Event(), asyncio.Event()

    async def shake_hands_slowly() -> None:
        await shake_hands()
        is_over.set()
        await go_on.wait()

    transport._do_handshake = shake_hands_slowly  # type: ignore[method-assign]
    await client.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    async with asyncio.timeout(5):
        await is_over.wait()
        closing = asyncio.create_task(peer.close())
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.gather(closing, client.close())
        while len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0.05)


async def test_no_check_of_consent_begins_on_a_connection_that_is_closed() -> None:
    client, peer = await new_client(), Peer(LIMITS, CALLBACKS)
    await peer.answer(client.localDescription.sdp)
    [transport] = transports(peer._pc)
    connection = transport.transport._connection
    await asyncio.gather(peer.close(), client.close())
    connection.remote_password = "known"
    async with asyncio.timeout(3):
        await connection.query_consent()


async def test_closing_does_not_wait_for_reports_that_ended(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        @property
        def fraction_lost(self) -> int:
            raise ArithmeticError

    client, peer = await new_client("sendrecv"), Peer(replace(LIMITS, alive_s=6.0), CALLBACKS)
    answer = await peer.answer(client.localDescription.sdp)
    await client.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    async with asyncio.timeout(8):
        assert await peer.connected()
        receiver: Any = peer._pc.getReceivers()[0]
        while (reporting := receiver._RTCRtpReceiver__rtcp_task) is None:
            await asyncio.sleep(0.02)
        receiver._RTCRtpReceiver__remote_streams[1] = Broken()
        assert isinstance((await asyncio.gather(reporting, return_exceptions=True))[0], ArithmeticError)
        await asyncio.gather(peer.close(), client.close())
    assert "close forced" not in caplog.text


@pytest.mark.parametrize("line", ["a=fingerprint:sha-256 nonsense", "a=rtpmap:x", "a=ice-ufrag:", "c=IN"])
async def test_whatever_the_parser_raises_is_a_bad_offer(line: str) -> None:
    client, peer = await new_client(), Peer(LIMITS, CALLBACKS)
    offer = client.localDescription.sdp.replace("a=setup:actpass", line, 1).replace(
        "a=group:BUNDLE 0 1", "a=group:BUNDLE 7"
    )
    with pytest.raises(BadOfferError):
        await peer.answer(offer)
    await asyncio.gather(peer.close(), client.close())
