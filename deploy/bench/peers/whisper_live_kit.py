"""WhisperLiveKit: its own server with LocalAgreement on faster-whisper (its other policy needs a second form of the
weights), everything else as it comes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp

from deploy.bench.peers.peer import DRAIN_S, Chunks, OnText, Peer


def _command(python: Path, model: Path, device: str, port: int) -> list[str]:
    return [
        str(python), "-I", "-m", "whisperlivekit.basic_server", "--host", "127.0.0.1", "--port", str(port),
        "--backend", "faster-whisper", "--backend-policy", "localagreement", "--model_dir", str(model),
        "--language", "en", "--pcm-input",
    ]  # fmt: skip


async def _talk(session: aiohttp.ClientSession, port: int, chunks: Chunks, on_text: OnText) -> None:
    async with session.ws_connect(f"http://127.0.0.1:{port}/asr", max_msg_size=0) as socket:

        async def listen() -> None:
            async for message in socket:
                told = json.loads(message.data)
                if told.get("type") == "ready_to_stop":
                    return
                lines = [line.get("text") or "" for line in told.get("lines", [])]
                if "lines" in told:
                    on_text(lines, told.get("buffer_transcription") or "")

        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(listen())
            async for chunk in chunks:
                await socket.send_bytes(chunk)
            await socket.send_bytes(b"")  # the end, to it
            await asyncio.wait([listening], timeout=DRAIN_S)
            listening.cancel()


PEER = Peer(
    package="whisperlivekit",
    setting="LocalAgreement on faster-whisper, defaults",
    has_process_per_stream=False,
    command=_command,
    talk=_talk,
    tail_s=2.0,
)
