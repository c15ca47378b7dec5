"""Whoever sends something else than one Opus voice in real time: taken, ignored, limited or refused with a code."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from struct import pack
from typing import Any

import av
import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpCodecCapability
from aiortc.rtcrtpreceiver import RTCRtpReceiver
from aiortc.sdp import SessionDescription
from prometheus_client import REGISTRY

from media_server.errors import BadOfferError, MediaError, NoOpusError
from media_server.rtc.addresses import offer_addresses
from media_server.rtc.audio_input import AudioBlock
from media_server.rtc.peer import Peer, PeerCallbacks
from media_server.settings import Limits
from tests.conftest import Database
from tests.hostile import attacked_peer, dropped
from tests.light_people import tone_packets, until
from tests.people import make_people, make_session
from tests.small_node import small_node, tone
from tests.talking_peer import TalkingPeer

pytestmark = pytest.mark.slow

RATE_HZ = 48_000
FLAG_TONE_HZ = 440


@pytest.fixture(autouse=True)
def loopback() -> None:
    offer_addresses(("127.0.0.1",))


Prepare = Callable[[RTCPeerConnection], None]


async def offered(prepare: Prepare) -> tuple[RTCPeerConnection, str]:
    client = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    prepare(client)
    await client.setLocalDescription(await client.createOffer())
    return client, client.localDescription.sdp


async def answered(prepare: Prepare, change: Callable[[str], str] = str) -> SessionDescription:
    """
    Raises:
        MediaError
    """
    client, offer = await offered(prepare)
    peer = Peer(Limits(), PeerCallbacks(on_audio=lambda block: None, on_message=lambda raw: None))
    try:
        return SessionDescription.parse(await peer.answer(change(offer)))
    finally:
        await asyncio.gather(peer.close(), client.close())


def codecs(*mime_types: str) -> list[RTCRtpCodecCapability]:
    known = RTCRtpReceiver.getCapabilities("audio").codecs
    return [codec for mime_type in mime_types for codec in known if codec.mimeType == mime_type]


def audio(*mime_types: str) -> Prepare:
    def prepare(client: RTCPeerConnection) -> None:
        client.addTransceiver("audio").setCodecPreferences(codecs(*mime_types))

    return prepare


def sections(*kinds: str) -> Prepare:
    def prepare(client: RTCPeerConnection) -> None:
        for kind in kinds:
            client.addTransceiver(kind)

    return prepare


@pytest.mark.parametrize(
    ("prepare", "change", "error"),
    [
        (sections("video"), str, BadOfferError),
        (audio("audio/PCMU"), str, NoOpusError),
        (audio("audio/opus"), lambda offer: offer.replace("opus/48000/2", "invented/48000/2"), NoOpusError),
    ],
    ids=["video only", "PCMU only", "an invented codec"],
)
async def test_what_cannot_be_heard_is_refused_and_nothing_is_opened_for_it(
    prepare: Prepare, change: Callable[[str], str], error: type[MediaError], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    monkeypatch.setattr(RTCPeerConnection, "setRemoteDescription", opened.append)
    with pytest.raises(error) as refused:
        await answered(prepare, change)
    assert (type(refused.value), refused.value.status, opened) == (error, 400, [])


async def test_beside_audio_video_and_a_second_audio_are_answered_inactive() -> None:
    answer = await answered(sections("video", "audio", "audio", "video"))
    assert [(one.kind, one.direction) for one in answer.media] == [
        ("video", "inactive"),
        ("audio", "sendrecv"),
        ("audio", "inactive"),
        ("video", "inactive"),
    ]


async def test_of_several_codecs_opus_alone_is_answered() -> None:
    answer = await answered(audio("audio/PCMU", "audio/opus", "audio/PCMA"))
    assert [codec.mimeType for codec in answer.media[0].rtp.codecs] == ["audio/opus"]


@pytest.mark.parametrize(
    "fmtp", ["", "minptime=10;useinbandfec=1", "stereo=1;sprop-stereo=1", "maxplaybackrate=8000;usedtx=1;cbr=1;x=y"]
)
async def test_opus_is_taken_whatever_its_parameters(fmtp: str) -> None:
    def change(offer: str) -> str:
        kept = [line for line in offer.splitlines() if not line.startswith("a=fmtp:96 ")]
        at = next(number for number, line in enumerate(kept) if line.startswith("a=rtpmap:96 "))
        return "\r\n".join([*kept[: at + 1], *([f"a=fmtp:96 {fmtp}"] if fmtp else []), *kept[at + 1 :], ""])

    answer = await answered(audio("audio/opus"), change)
    assert answer.media[0].direction == "sendrecv"


def opus(frame_ms: int, layout: str, seconds: float = 1.2) -> list[bytes]:
    """A tone in packets of this length."""
    encoder: Any = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.format, encoder.layout = RATE_HZ, "s16", layout
    encoder.time_base = Fraction(1, RATE_HZ)
    encoder.options = {"frame_duration": str(frame_ms), "application": "voip"}
    samples = RATE_HZ * frame_ms // 1000
    at = np.arange(round(seconds * RATE_HZ) // samples * samples) / RATE_HZ
    pcm = (8_000 * np.sin(2 * np.pi * FLAG_TONE_HZ * at)).astype(np.int16)
    packets = []
    for number, mono in enumerate(pcm.reshape(-1, samples)):
        frame = av.AudioFrame.from_ndarray(
            np.repeat(mono, 2 if layout == "stereo" else 1).reshape(1, -1), format="s16", layout=layout
        )
        frame.sample_rate, frame.pts = RATE_HZ, number * samples
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return packets


def rtp(number: int, samples: int, payload: bytes, ssrc: int = 7) -> bytes:
    return pack("!BBHLL", 0x80, 96, number, number * samples, ssrc) + payload


@pytest.mark.parametrize(
    ("frame_ms", "layout"), [(10, "mono"), (60, "mono"), (120, "mono"), (20, "stereo"), (60, "stereo")]
)
async def test_opus_is_heard_in_frames_of_any_length_mono_or_stereo(frame_ms: int, layout: str) -> None:
    async with attacked_peer() as call:
        blocks: list[AudioBlock] = []
        call.peer.receiver._on_block = blocks.append
        call.client.getTransceivers()[0].direction = "sendrecv"
        await call.answer()
        await call.connect()
        packets, samples = opus(frame_ms, layout), RATE_HZ * frame_ms // 1000
        for number, payload in enumerate(packets):
            await call.client_dtls._send_rtp(rtp(number, samples, payload))
        await until(lambda: len(blocks) >= len(packets))
        heard = np.concatenate([block.samples for block in blocks])
        assert len(heard) == len(packets) * samples // 3
        turn = np.exp(-2j * np.pi * FLAG_TONE_HZ * np.arange(len(heard)) / 16_000)
        assert 2 * abs((heard * turn).mean()) == pytest.approx(8_000 / 32_768, rel=0.2)
        assert all(len(block.heard) == 3 * len(block.samples) for block in blocks)


async def test_who_sends_ten_times_real_time_is_limited_told_and_cut_off_and_the_others_are_not(
    database: Database, tmp_path: Path
) -> None:
    def cut_off() -> float:
        return REGISTRY.get_sample_value("liveconvo_media_peers_cut_off_total", {"reason": "pace"}) or 0.0

    alice = (await make_people(database.owner_url)).alice
    async with small_node(database, tmp_path) as node:
        session = await make_session(node.api, alice)
        tickets = [await node.ticket(alice, session, await node.speaker(alice, session)) for _ in range(2)]
        url = node.media_url(session)
        async with TalkingPeer(url, tickets[0], tone(30)) as calm, TalkingPeer(url, tickets[1], tone(0.1)) as hasty:
            before, dropped_before = cut_off(), dropped("pace")
            sending = asyncio.create_task(send_at_ten_times_the_pace(hasty))
            told = await hasty.wait_for("error", 30)
            assert told["code"] == "audio_too_fast"
            await until(lambda: cut_off() == before + 1)
            await until(lambda: hasty.is_closed)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            (call,) = node.calls._calls.values()
            (heard,) = call.participants.values()
            assert dropped("pace") > dropped_before
            assert not calm.is_closed
            assert not calm.of_type("error")
            assert heard.stream is not None
            assert heard.stream.end_sample <= call._clock.now_samples() + 16_000


async def send_at_ten_times_the_pace(peer: TalkingPeer) -> None:
    assert peer._pc is not None
    transport = peer._pc.getTransceivers()[0].receiver.transport
    packets = tone_packets(FLAG_TONE_HZ)
    for number in range(10_000):
        await transport._send_rtp(rtp(number, 960, packets[number % len(packets)]))
        if number % 10 == 0:
            await asyncio.sleep(0.02)
