"""WhisperLive: its own server and protocol, one model for all connections, everything else as it comes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np

from deploy.bench.peers.peer import DRAIN_S, Chunks, OnText, Peer

EVERY_SEGMENT = 10_000
_SERVER = Path(__file__).with_name("whisper_live_server.py")


def _command(python: Path, model: Path, device: str, port: int) -> list[str]:
    return [str(python), "-I", str(_SERVER), str(model), str(port)]


async def _talk(session: aiohttp.ClientSession, port: int, chunks: Chunks, on_text: OnText) -> None:
    async with session.ws_connect(f"http://127.0.0.1:{port}/", max_msg_size=0) as socket:
        options = {
            "uid": "bench", "language": "en", "task": "transcribe", "model": "given", "use_vad": True,
            "send_last_n_segments": EVERY_SEGMENT,
        }  # fmt: skip
        await socket.send_json(options)
        is_ready = asyncio.Event()

        async def listen() -> None:
            async for message in socket:
                told = json.loads(message.data)
                if told.get("message") == "SERVER_READY":
                    is_ready.set()
                segments = told.get("segments", [])
                if segments:
                    on_text(_texts(segments, completed=True), " ".join(_texts(segments, completed=False)))

        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(listen())
            async with asyncio.timeout(DRAIN_S):
                await is_ready.wait()
            async for chunk in chunks:
                samples = np.frombuffer(chunk, np.int16).astype(np.float32) / 32_768
                await socket.send_bytes(samples.tobytes())
            listening.cancel()


def _texts(segments: list[dict[str, Any]], *, completed: bool) -> list[str]:
    return [segment["text"] for segment in segments if bool(segment.get("completed")) is completed]


PEER = Peer(
    package="whisper-live",
    setting="defaults, single_model",
    has_process_per_stream=False,
    command=_command,
    talk=_talk,
    tail_s=10.0,
)
