"""`liveconvo up` as a program of its own, as somebody types it."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp

from deploy.ports import free_ports
from deploy.probe import http_status

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class RunningUp:
    """A stack that somebody started in a terminal."""

    terminal: subprocess.Popen[bytes]
    output_file: Path
    data_dir: Path
    port: int

    @property
    def output(self) -> str:
        return self.output_file.read_text()

    @property
    def sign_in_token(self) -> str:
        return re.findall(r"/#/link/(\S+)", self.output)[-1]

    def pid(self, name: str) -> int:
        return int((self.data_dir / "run" / f"{name}.pid").read_text())

    async def is_serving(self) -> bool:
        """Both servers say that they are ready."""
        ports = (self.port, self.port + 1)
        return all([await http_status(f"http://127.0.0.1:{port}/readyz") == HTTPStatus.OK for port in ports])

    async def request(self, method: str, path: str, body: object = None, token: str = "") -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = f"http://127.0.0.1:{self.port}{path}"
        async with aiohttp.ClientSession() as http, http.request(method, url, json=body, headers=headers) as response:
            response.raise_for_status()
            return await response.json()

    async def sign_in(self) -> str:
        """A token for the API, in exchange for the link of the terminal."""
        answer = await self.request("POST", "/v1/auth/links/redeem", {"token": self.sign_in_token})
        return str(answer["token"])

    async def ended(self) -> int:
        """The exit code."""
        await until(lambda: self.terminal.poll() is not None, READY_TIMEOUT_S)
        return int(self.terminal.returncode)


async def until(holds: Callable[[], bool], timeout_s: float = 20) -> None:
    """Files and process ids tell nobody when they change, so look often."""
    async with asyncio.timeout(timeout_s):
        while not holds():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def up(
    data_dir: Path, *options: str, port: int = 0, before: tuple[str, ...] = (), **settings: str
) -> AsyncIterator[RunningUp]:
    """Starts it, and makes sure that it is gone afterwards; `before` are words before the command itself."""
    port = port or free_ports(2)
    output_file = data_dir.parent / f"{data_dir.name}.{port}.out"
    liveconvo = Path(sys.executable).with_name("liveconvo")
    command = [*before, str(liveconvo), "up", "--port", str(port), "--data-dir", str(data_dir), *options]
    environment = {**os.environ, "LIVECONVO_LOG_LEVEL": "WARNING", **settings}
    terminal = _start(command, environment, output_file)
    running = RunningUp(terminal, output_file, data_dir, port)
    try:
        yield running
    finally:
        if terminal.poll() is None:
            terminal.terminate()
            try:
                terminal.wait(STOP_TIMEOUT_S)
            finally:
                terminal.kill()


def _start(command: list[str], environment: dict[str, str], output_file: Path) -> subprocess.Popen[bytes]:
    with output_file.open("wb") as out:
        return subprocess.Popen(command, stdout=out, stderr=out, env=environment, start_new_session=True)


async def ready(running: RunningUp) -> RunningUp:
    """Wait for the line that says where to go."""
    await until(lambda: "ready: open" in running.output or running.terminal.poll() is not None, READY_TIMEOUT_S)
    assert running.terminal.poll() is None, running.output
    return running
