"""Pipecat: its Whisper service behind its Silero voice activity, one process for each call, as its documentation
advises. No partials."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp

from deploy.bench.peers.peer import Chunks, OnText, Peer

LAST_WORDS_S = 8.0
_SERVER = Path(__file__).with_name("pipecat_server.py")


def _command(python: Path, model: Path, device: str, port: int) -> list[str]:
    return [str(python), "-I", str(_SERVER), str(model), device, str(port)]


async def _talk(session: aiohttp.ClientSession, port: int, chunks: Chunks, on_text: OnText) -> None:
    async with session.ws_connect(f"http://127.0.0.1:{port}/ws") as socket:

        async def listen() -> None:
            finals: list[str] = []
            async for message in socket:
                finals.append(message.data)
                on_text(finals, "")

        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(listen())
            async for chunk in chunks:
                await socket.send_bytes(chunk)
            await asyncio.sleep(LAST_WORDS_S)
            listening.cancel()


PEER = Peer(
    package="pipecat-ai",
    setting="WhisperSTTService int8, SileroVADAnalyzer, a process for each stream; shows no partials",
    has_process_per_stream=True,
    command=_command,
    talk=_talk,
    tail_s=2.0,
)
