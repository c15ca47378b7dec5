"""What the send path relies on inside aiortc is there in the pinned version, and does what it is taken for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from fractions import Fraction

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcdtlstransport import State
from pylibsrtp import Session

from media_server.rtc.addresses import offer_addresses
from media_server.rtc.closing import cut
from media_server.rtc.mix_stream import MixStream
from media_server.rtc.peer import Peer, PeerCallbacks
from media_server.settings import Limits
from tests.voice import FRAME, voice

WAIT_S = 8.0


@pytest.fixture(autouse=True)
def loopback() -> None:
    offer_addresses(("127.0.0.1",))


def peer_of_ours() -> Peer:
    return Peer(Limits(), PeerCallbacks(on_audio=lambda block: None, on_message=lambda raw: None))


async def connected(direction: str = "recvonly") -> tuple[RTCPeerConnection, Peer]:
    client, peer = RTCPeerConnection(RTCConfiguration(iceServers=[])), peer_of_ours()
    client.addTransceiver("audio", direction=direction)
    await client.setLocalDescription(await client.createOffer())
    answer = await peer.answer(client.localDescription.sdp)
    await client.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    async with asyncio.timeout(WAIT_S):
        assert await peer.connected()
    return client, peer


async def speak_until(peer: Peer, is_done: Callable[[], bool]) -> None:
    stream, pts = MixStream(), 0
    async with asyncio.timeout(WAIT_S):
        while not is_done():
            packet = stream.encode(voice(1))
            assert packet is not None
            peer.sender.send(packet, pts)
            pts += FRAME
            await asyncio.sleep(0.02)


async def test_every_private_name_is_there() -> None:
    client, peer = await connected()
    [transceiver] = peer._pc.getTransceivers()
    transport = transceiver.sender.transport
    assert transport._state is State.CONNECTED
    assert isinstance(transport._tx_srtp, Session)
    pair = transport.transport._connection._nominated[1]
    assert pair.remote_addr[0] == "127.0.0.1"
    assert callable(pair.protocol.transport.sendto)
    assert transport._rtp_router.senders[transceiver.sender._ssrc] is transceiver.sender
    await asyncio.gather(peer.close(), client.close())


async def test_the_answer_says_who_sends() -> None:
    client, peer = await connected("sendrecv")
    [transceiver] = peer._pc.getTransceivers()
    answer = peer._pc.localDescription.sdp
    ssrc, cname = transceiver.sender._ssrc, peer._pc._RTCPeerConnection__cname
    assert "\r\na=sendrecv\r\n" in answer
    assert f"\r\na=ssrc:{ssrc} cname:{cname}\r\n" in answer
    assert f"\r\na=msid:{transceiver.sender._stream_id} {transceiver.sender._track_id}\r\n" in answer
    await asyncio.gather(peer.close(), client.close())


async def test_what_is_sent_is_heard_and_reported_both_ways() -> None:
    client, peer = await connected()
    """A round trip is known once our report came there and its answer here."""
    [heard] = client.getReceivers()
    sender = peer.sender
    await speak_until(peer, lambda: sender.stats.rtt_s is not None)
    frame = await asyncio.wait_for(heard.track.recv(), WAIT_S)
    assert frame.time_base == Fraction(1, 48_000)
    assert (sender.stats.packets_lost, sender.stats.fraction_lost) == (0, 0.0)
    assert 0 <= (sender.stats.rtt_s or 0) < WAIT_S
    assert sender.stats.packets_sent > 0
    await asyncio.gather(peer.close(), client.close())


async def test_no_task_of_aiortcs_sender_is_started_and_closing_leaves_none() -> None:
    before = asyncio.all_tasks()
    client, peer = await connected()
    assert not [
        task for task in asyncio.all_tasks() - before if "RTCRtpSender" in repr(task) and "_run_rtp" in repr(task)
    ]
    await asyncio.gather(peer.close(), client.close())
    async with asyncio.timeout(WAIT_S):
        while asyncio.all_tasks() - before:
            await asyncio.sleep(0.01)
    assert peer.sender._timer is not None
    assert peer.sender._timer.cancelled()


@pytest.mark.parametrize("when", ["before the answer", "before the connection", "after closing"])
async def test_a_frame_that_cannot_leave_is_dropped_quietly(when: str) -> None:
    client, peer = RTCPeerConnection(RTCConfiguration(iceServers=[])), peer_of_ours()
    client.addTransceiver("audio", direction="recvonly")
    if when == "after closing":
        client, peer = await connected()
        await peer.close()
    elif when == "before the connection":
        await client.setLocalDescription(await client.createOffer())
        await peer.answer(client.localDescription.sdp)
    peer.sender.send(b"\x78" + bytes(40), 0)
    assert (peer.sender.stats.packets_sent, peer.sender.stats.packets_dropped) == (0, 1)
    await asyncio.gather(peer.close(), client.close())


async def test_a_socket_that_was_closed_by_force_costs_the_frame_and_no_more() -> None:
    client, peer = await connected()
    await speak_until(peer, lambda: peer.sender.stats.packets_sent > 0)
    cut(peer._pc)
    for number in range(20):
        peer.sender.send(b"\x78" + bytes(40), number)
        await asyncio.sleep(0)
    await asyncio.gather(peer.close(), client.close())


async def test_who_only_speaks_is_sent_nothing() -> None:
    client, peer = RTCPeerConnection(RTCConfiguration(iceServers=[])), peer_of_ours()
    client.addTransceiver("audio", direction="sendonly")
    await client.setLocalDescription(await client.createOffer())
    answer = await peer.answer(client.localDescription.sdp)
    assert "\r\na=recvonly\r\n" in answer
    await client.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    async with asyncio.timeout(WAIT_S):
        assert await peer.connected()
    peer.sender.send(b"\x78" + bytes(40), 0)
    assert peer.sender.stats.packets_sent == 0
    await asyncio.gather(peer.close(), client.close())
