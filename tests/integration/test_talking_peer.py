"""The tests' own participant, against the media node's real end of a connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aioice.ice
import numpy as np
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from media_server.rtc.audio_input import AudioBlock
from media_server.rtc.mixer import Mixer
from media_server.rtc.peer import Peer, PeerCallbacks
from media_server.settings import Limits
from tests.peer_audio import RATE_HZ, Samples
from tests.talking_peer import RefusedError, TalkingPeer, loopback_candidates

TICKET = "a-ticket"
DEMO = Path(__file__).parents[2] / "deploy" / "demo"


@dataclass
class Node:
    """The least of a media node that one peer can talk to: what it sends comes back as audio."""

    blocks: list[AudioBlock] = field(default_factory=list)
    messages: list[str | bytes] = field(default_factory=list)
    deleted: asyncio.Event = field(default_factory=asyncio.Event)
    peer: Peer | None = None
    url: str = ""

    async def run(self, app: web.Application) -> AsyncIterator[None]:
        self._mixer = Mixer()
        self._talker = self._mixer.add_talker("the peer")
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            mixing = tasks.create_task(self._mixer.run())
            yield
            mixing.cancel()
            if self.peer is not None:
                self.peer.leave()
                await self.peer.close()

    async def post(self, request: web.Request) -> web.Response:
        if request.headers["Authorization"] != f"Bearer {TICKET}":
            return web.json_response({"code": "ticket"}, status=401)
        self.peer = Peer(Limits(), PeerCallbacks(self._on_audio, self.messages.append))
        self._mixer.add_listener("everybody", self.peer.sender.send)
        with loopback_candidates():
            answer = await self.peer.answer(await request.text())
        self._tasks.create_task(self.peer.run())
        return web.Response(status=201, text=answer, headers={"Location": "/whip/1/resource"})

    async def delete(self, request: web.Request) -> web.Response:
        self.deleted.set()
        return web.Response()

    def _on_audio(self, block: AudioBlock) -> None:
        self.blocks.append(block)
        self._talker.write(block.pts, block.heard, asyncio.get_running_loop().time())


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    node = Node()
    app = web.Application()
    app.cleanup_ctx.append(node.run)
    app.router.add_post("/whip/1", node.post)
    app.router.add_delete("/whip/1/resource", node.delete)
    async with TestServer(app) as server:
        node.url = str(server.make_url("/whip/1"))
        yield node


def tone(seconds: float, hz: float = 440.0) -> Samples:
    t = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return (0.3 * np.sin(2 * np.pi * hz * t)).astype(np.float32)


def loudest_hz(samples: Samples) -> float:
    spectrum = np.abs(np.fft.rfft(samples))
    return float(np.fft.rfftfreq(len(samples), 1 / RATE_HZ)[spectrum.argmax()])


@pytest.mark.slow
async def test_what_it_plays_is_heard_by_the_node_and_comes_back(node: Node) -> None:
    async with TalkingPeer(node.url, TICKET, tone(1.0)) as peer:
        await peer.played(timeout_s=5)
        async with asyncio.timeout(5):
            while len(peer.heard()) < RATE_HZ:
                await asyncio.sleep(0.05)
        heard = peer.heard()
    received = np.concatenate([block.samples for block in node.blocks])
    assert loudest_hz(received[RATE_HZ // 4 : RATE_HZ * 3 // 4]) == pytest.approx(440, abs=3)
    assert loudest_hz(heard) == pytest.approx(440, abs=3)


@pytest.mark.slow
async def test_a_recording_is_played_from_its_file(node: Node) -> None:
    async with TalkingPeer(node.url, TICKET, DEMO / "host.opus"), asyncio.timeout(5):
        while not any(np.abs(block.samples).max(initial=0) > 0.1 for block in node.blocks):
            await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_it_says_hello_and_collects_both_channels(node: Node) -> None:
    async with TalkingPeer(node.url, TICKET, None, last_seq=7) as peer:
        peer.send({"type": "ping"})
        assert node.peer is not None
        async with asyncio.timeout(5):
            while len(node.messages) < 2:
                await asyncio.sleep(0.01)
        node.peer.outbox.send_event(b'{"type":"session.state","seq":8,"at_ms":0}')
        node.peer.outbox.send_live(b'{"type":"pong","at_ms":0}', "pong")
        assert (await peer.wait_for("session.state"))["channel"] == "events"
        assert (await peer.wait_for("pong"))["channel"] == "live"
    assert [orjson.loads(m) for m in node.messages] == [{"type": "hello", "last_seq": 7}, {"type": "ping"}]


@pytest.mark.slow
async def test_closing_says_goodbye(node: Node) -> None:
    async with TalkingPeer(node.url, TICKET, tone(0.2)):
        pass
    assert node.deleted.is_set()


@pytest.mark.slow
async def test_waiting_in_vain_names_what_came(node: Node) -> None:
    async with TalkingPeer(node.url, TICKET, None) as peer:
        with pytest.raises(TimeoutError, match=r"no transcript\.final among"):
            await peer.wait_for("transcript.final", timeout_s=0.05)


async def test_a_refusal_carries_status_and_code(node: Node) -> None:
    peer = TalkingPeer(node.url, "another ticket", None)
    with pytest.raises(RefusedError) as refused:
        await peer.start()
    assert (refused.value.status, refused.value.code) == (401, "ticket")


def test_the_host_addresses_are_put_back_when_the_last_peer_has_gathered() -> None:
    before = aioice.ice.get_host_addresses
    first, second = loopback_candidates(), loopback_candidates()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert aioice.ice.get_host_addresses(use_ipv4=True, use_ipv6=True) == ["127.0.0.1"]
    second.__exit__(None, None, None)
    assert aioice.ice.get_host_addresses is before
