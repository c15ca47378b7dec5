"""A node with its real recognizers in processes: how it begins and ends, and that nothing of it is left."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import pytest

from deploy.ports import free_port
from deploy.probe import http_status
from tests.conftest import Database
from tests.integration.test_recognizer_process import WAIT_S, is_gone

CANNOT_RUN = 3


def children(pid: int) -> list[int]:
    return [int(child) for file in Path(f"/proc/{pid}/task").glob("*/children") for child in file.read_text().split()]


class RunningNode:
    def __init__(self, database: Database, folder: Path, **settings: str) -> None:
        self.port = free_port()
        self.log = folder / "node.log"
        environ = os.environ | {
            "DATABASE_URL": database.media_url,
            "REDIS_URL": "redis://127.0.0.1:1/0",
            "LIVECONVO_DATA_DIR": str(folder),
            "LIVECONVO_MEDIA_PORT": str(self.port),
            "LIVECONVO_ASR_PROCESSES": "1",
            "LIVECONVO_ASR_WORKERS": "2",
            **settings,
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "media_server"], env=environ, stdout=log, stderr=log)

    async def ready(self) -> None:
        async with asyncio.timeout(WAIT_S):
            while await http_status(f"http://127.0.0.1:{self.port}/readyz") != HTTPStatus.OK:
                assert self.process.poll() is None, self.log.read_text()
                await asyncio.sleep(0.05)

    async def ended(self) -> int:
        async with asyncio.timeout(WAIT_S):
            while (code := self.process.poll()) is None:
                await asyncio.sleep(0.01)
        return code


@asynccontextmanager
async def node(database: Database, folder: Path, **settings: str) -> AsyncIterator[RunningNode]:
    running = RunningNode(database, folder, **settings)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()


@pytest.mark.parametrize(("is_killed", "code"), [(False, 0), (True, -9)])
async def test_no_process_of_it_is_left(database: Database, tmp_path: Path, is_killed: bool, code: int) -> None:
    async with node(database, tmp_path) as running:
        await running.ready()
        recognizers = children(running.process.pid)
        assert len(recognizers) == 2
        assert not any(is_gone(pid) for pid in recognizers)
        if is_killed:
            running.process.kill()
        else:
            running.process.terminate()
        assert await running.ended() == code
        async with asyncio.timeout(WAIT_S):
            while not all(is_gone(pid) for pid in recognizers):
                await asyncio.sleep(0.01)


async def test_weights_that_only_their_process_finds_unusable_end_it_with_the_reason(
    database: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.bin").write_bytes(b"something else")
    async with node(database, tmp_path, LIVECONVO_WHISPER_MODEL=str(folder)) as running:
        assert await running.ended() == CANNOT_RUN
        assert running.log.read_text().splitlines()[-1].startswith(f"{folder} cannot be loaded as a Whisper model")
        assert "Traceback" not in running.log.read_text()
