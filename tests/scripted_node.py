"""A media node as a program of its own, with scripted ears instead of models; and how a test runs some of them.

`python -m tests.scripted_node` is `python -m media_server` in all but its models, so that twenty calls cost what their
network costs.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp

from deploy.ports import free_port
from deploy.probe import http_status
from media_server.engines import catalog
from tests.recognizers import LoudnessVad, ScriptedRecognizer

READY_S = 90.0
END_S = 60.0


@dataclass(slots=True)
class NodeProcess:
    name: str
    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self, timeout_s: float = END_S) -> int:
        """The exit code."""
        async with asyncio.timeout(timeout_s):
            while (code := self.process.poll()) is None:
                await asyncio.sleep(0.01)
        return code

    async def ready(self) -> None:
        async with asyncio.timeout(READY_S):
            while await http_status(f"{self.url}/readyz") != HTTPStatus.OK:
                assert self.process.poll() is None, self.log.read_text()
                await asyncio.sleep(0.05)


async def health(node: NodeProcess) -> tuple[int, dict[str, Any]]:
    async with aiohttp.ClientSession() as http, http.get(f"{node.url}/readyz") as response:
        return response.status, await response.json()


def start(name: str, database_url: str, redis_url: str, folder: Path, settings: Mapping[str, str]) -> NodeProcess:
    """Its spool lies under `folder` and is found again by the next one of this name."""
    port = free_port()
    environ = {
        **os.environ,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "LIVECONVO_DATA_DIR": str(folder),
        "LIVECONVO_NODE": name,
        "LIVECONVO_MEDIA_PORT": str(port),
        "LIVECONVO_MEDIA_URL": f"http://127.0.0.1:{port}",
        "LIVECONVO_ICE_ADDRESSES": "127.0.0.1",
        **settings,
    }
    log = folder / f"{name}.{port}.log"
    with log.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-m", "tests.scripted_node"], env=environ, stdout=file, stderr=file)
    return NodeProcess(name, f"http://127.0.0.1:{port}", process, log)


@asynccontextmanager
async def running(nodes: list[NodeProcess]) -> AsyncIterator[None]:
    """Until the end of the block at the longest; the list may grow meanwhile."""
    try:
        await asyncio.gather(*(node.ready() for node in nodes))
        yield
    finally:
        for node in nodes:
            with node.process:
                node.process.kill()


def main() -> int:
    catalog.voice_activity = lambda settings: LoudnessVad()  # type: ignore[assignment]
    catalog.recognizers = lambda settings: [ScriptedRecognizer()]  # type: ignore[assignment]
    from media_server.__main__ import main as run

    return run()


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
