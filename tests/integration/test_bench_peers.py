"""A peer as a process of its own: played to on our clock, measured, and gone afterwards."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path

import aiohttp
import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from deploy.bench.asr_engine import Engines
from deploy.bench.asr_peers import beside
from deploy.bench.clips import Clip
from deploy.bench.peers import PEERS, PeerError
from deploy.bench.peers.peer import Chunks, OnText, Peer
from deploy.bench.peers.serving import serving

SERVER = Path(__file__).parents[1] / "scripted_peer.py"
SECOND = Clip("second", np.full(16_000, 0.1, np.float32), "one two three", 0.1, 0.9)


async def talk(session: aiohttp.ClientSession, port: int, chunks: Chunks, on_text: OnText) -> None:
    async with session.ws_connect(f"http://127.0.0.1:{port}/") as socket:

        async def listen() -> None:
            async for message in socket:
                on_text([message.data], "")

        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(listen())
            async for chunk in chunks:
                await socket.send_bytes(chunk)
            listening.cancel()


def serve(python: Path, model: Path, device: str, port: int) -> list[str]:
    return [sys.executable, str(SERVER), str(port)]


SCRIPTED = Peer("scripted", "", has_process_per_stream=True, command=serve, talk=talk, tail_s=0.0)


async def test_a_peer_is_played_to_and_measured() -> None:
    result = await beside(SCRIPTED, Engines(), [[SECOND], [SECOND]])
    assert len(result.finals) == 2
    assert all(0.09 < late_s < 5 for late_s in result.finals)
    assert all(score.errors.errors == 0 for score in result.scores)
    assert (result.spoken_s, result.cpu_s >= 0) == (2.0, True)


async def test_servers_are_gone_afterwards(tmp_path: Path) -> None:
    async with serving(SCRIPTED, tmp_path, "cpu", 2) as (ports, pids):
        assert len(set(ports)) == len(set(pids)) == 2
        assert all(Path(f"/proc/{pid}").exists() for pid in pids)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


async def test_a_peer_that_does_not_start_says_why(tmp_path: Path) -> None:
    def fail(python: Path, model: Path, device: str, port: int) -> list[str]:
        return [sys.executable, "-c", "raise SystemExit('no weights here')"]

    with pytest.raises(PeerError, match="scripted does not start: no weights here"):
        async with serving(replace(SCRIPTED, command=fail), tmp_path, "cpu", 1):
            pass


async def test_a_peer_that_breaks_off_is_no_result() -> None:
    def refuse(
        session: aiohttp.ClientSession, port: int, chunks: Chunks, on_text: OnText
    ) -> Coroutine[None, None, None]:
        async def connect() -> None:
            await session.ws_connect(f"http://127.0.0.1:{port}/nowhere")

        return connect()

    with pytest.raises(PeerError, match="scripted broke off"):
        await beside(replace(SCRIPTED, talk=refuse), Engines(), [[SECOND]])


async def test_segments_of_whisper_live_are_pieces_of_text() -> None:
    async def serve_one(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive_json()
        await socket.send_json({"uid": "bench", "message": "SERVER_READY"})
        await socket.receive_bytes()
        done = [{"text": text, "completed": True} for text in (" One two", " three.")]
        await socket.send_json({"uid": "bench", "segments": [*done, {"text": " Fo", "completed": False}]})
        await socket.receive()
        return socket

    told: list[tuple[list[str], str]] = []
    is_told = asyncio.Event()

    def on_text(committed: Sequence[str], provisional: str) -> None:
        told.append((list(committed), provisional))
        is_told.set()

    async def chunks() -> AsyncIterator[bytes]:
        yield bytes(1_280)
        await asyncio.wait_for(is_told.wait(), 10)

    app = web.Application()
    app.router.add_get("/", serve_one)
    async with TestServer(app, host="127.0.0.1") as server, aiohttp.ClientSession() as session:
        await PEERS["whisper-live"].talk(session, server.port or 0, chunks(), on_text)
    assert told == [([" One two", " three."], " Fo")]
