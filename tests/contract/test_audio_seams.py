"""What the receive path relies on inside aiortc is there in the pinned version, and does what it is taken for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtp import RtcpByePacket

from media_server.rtc import sender
from media_server.rtc.addresses import offer_addresses
from media_server.rtc.audio_input import AudioBlock
from media_server.rtc.mix_stream import MixStream
from media_server.rtc.peer import Peer, PeerCallbacks
from media_server.rtc.sender import AudioSender
from media_server.settings import Limits
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
    client, blocks = RTCPeerConnection(RTCConfiguration(iceServers=[])), asyncio.Queue[AudioBlock]()
    speaker = AudioSender(asyncio.get_running_loop())
    sender.take_over(client.addTransceiver("audio", direction="sendonly").sender, speaker)
    peer = Peer(Limits(), PeerCallbacks(on_audio=blocks.put_nowait, on_message=lambda raw: None))
    await client.setLocalDescription(await client.createOffer())
    answer = await peer.answer(client.localDescription.sdp)
    await client.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    async with asyncio.timeout(5):
        first = await _next(blocks, speaker)
        [receiver] = peer._pc.getReceivers()
        await receiver._handle_rtcp_packet(RtcpByePacket(sources=[speaker._ssrc]))
        again = await _next(blocks, speaker)
        await _until(speaker, lambda: speaker.stats.rtt_s is not None)
    assert again.pts != first.pts
    assert not any("decoder" in thread.name for thread in threading.enumerate())
    assert speaker._ssrc in receiver._RTCRtpReceiver__remote_streams
    assert speaker.stats.packets_lost == 0
    await asyncio.gather(client.close(), peer.close())


async def _next(blocks: asyncio.Queue[AudioBlock], speaker: AudioSender) -> AudioBlock:
    """The sender speaks until something came of it."""
    await _until(speaker, lambda: not blocks.empty())
    return blocks.get_nowait()


async def _until(speaker: AudioSender, is_done: Callable[[], bool]) -> None:
    stream, pts = MixStream(), 0
    while not is_done():
        packet = stream.encode(voice(1))
        assert packet is not None
        speaker.send(packet, pts)
        pts += FRAME
        await asyncio.sleep(0.02)
