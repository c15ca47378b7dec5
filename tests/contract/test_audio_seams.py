"""What the receive path relies on inside aiortc is there in the pinned version, and does what it is taken for."""

from __future__ import annotations

import asyncio
import threading

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcrtpreceiver import RTCRtpReceiver
from aiortc.rtp import RtcpByePacket, RtpPacket

from media_server.rtc.addresses import offer_addresses
from media_server.rtc.mix_stream import MixStream
from media_server.rtc.mix_track import MixTrack
from media_server.rtc.receiver import take_over
from tests.voice import FRAME, voice

PRIVATE = ("codecs", "remote_streams", "started", "rtcp_task", "rtcp_started", "rtcp_exited", "decoder_thread")


@pytest.fixture(autouse=True)
def loopback() -> None:
    offer_addresses(("127.0.0.1",))


async def test_every_private_name_is_there() -> None:
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    receiver = pc.addTransceiver("audio").receiver
    assert [name for name in PRIVATE if not hasattr(receiver, f"_RTCRtpReceiver__{name}")] == []
    assert callable(receiver._run_rtcp)
    await pc.close()


async def test_packets_come_without_a_thread_also_after_a_goodbye_and_are_reported() -> None:
    client, server = (RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2))
    track = MixTrack()
    client.addTrack(track)
    await client.setLocalDescription(await client.createOffer())
    await server.setRemoteDescription(RTCSessionDescription(client.localDescription.sdp, "offer"))
    packets: asyncio.Queue[RtpPacket] = asyncio.Queue()
    [receiver] = server.getReceivers()
    take_over(receiver, packets.put_nowait)
    await server.setLocalDescription(await server.createAnswer())
    await client.setRemoteDescription(RTCSessionDescription(server.localDescription.sdp, "answer"))
    async with asyncio.timeout(5):
        first = await _next(packets, track)
        await receiver._handle_rtcp_packet(RtcpByePacket(sources=[first.ssrc]))
        again = await _next(packets, track)
    assert again.ssrc == first.ssrc
    assert not any("decoder" in thread.name for thread in threading.enumerate())
    assert first.ssrc in receiver._RTCRtpReceiver__remote_streams
    await asyncio.gather(client.close(), server.close())


async def test_a_receiver_that_drops_all_keeps_nothing() -> None:
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    receiver: RTCRtpReceiver = pc.addTransceiver("audio").receiver
    take_over(receiver, None)
    await receiver._handle_rtp_packet(RtpPacket(111, 0, 1, 1, 1, b"\x00" * 20), arrival_time_ms=0)
    assert receiver._RTCRtpReceiver__remote_streams == {}
    await pc.close()


async def _next(packets: asyncio.Queue[RtpPacket], track: MixTrack) -> RtpPacket:
    """The sender speaks until something came of it."""
    stream, pts = MixStream(), 0
    while packets.empty():
        track.send(stream.encode(voice(1), pts))
        pts += FRAME
        await asyncio.sleep(0.02)
    return packets.get_nowait()
