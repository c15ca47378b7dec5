"""A peer's server as child processes on 127.0.0.1: begun, waited for, ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from deploy.bench.peers.peer import Peer, PeerError
from deploy.ports import free_ports

PYTHON = Path(__file__).parents[3] / ".peers" / "bin" / "python"
START_S = 180.0
STOP_S = 10.0
LOOK_S = 0.2
SETTINGS = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "2"}


@asynccontextmanager
async def serving(peer: Peer, model: Path, device: str, streams: int) -> AsyncIterator[tuple[list[int], list[int]]]:
    """A port for each stream, and the ids of the processes.

    Raises:
        PeerError: it does not start; the message ends with its last line.
    """
    count = streams if peer.has_process_per_stream else 1
    first = free_ports(count)
    ports = list(range(first, first + count))
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        log = Path(folder) / "log"
        commands = [peer.command(PYTHON, model, device, port) for port in ports]
        servers = [stack.enter_context(_process(command, log)) for command in commands]
        for server, port in zip(servers, ports, strict=True):
            await _until_it_listens(peer, server, port, log)
        yield ports if peer.has_process_per_stream else ports * streams, [server.pid for server in servers]


@contextmanager
def _process(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """In a group of its own, which ends with the block."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(log.parent)} | SETTINGS
    with log.open("ab") as out:
        server = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd=log.parent,
            env=environment,
            start_new_session=True,
        )
    try:
        yield server
    finally:
        _end(server, signal.SIGTERM)
        try:
            server.wait(STOP_S)
        except subprocess.TimeoutExpired:
            _end(server, signal.SIGKILL)
            server.wait()


def _end(server: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, number)


async def _until_it_listens(peer: Peer, server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    loop = asyncio.get_running_loop()
    until_s = loop.time() + START_S
    while server.poll() is None and loop.time() < until_s:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(LOOK_S)
    last = (log.read_text(errors="replace").splitlines() or ["it says nothing"])[-1]
    raise PeerError(f"{peer.package} does not start: {last}")
