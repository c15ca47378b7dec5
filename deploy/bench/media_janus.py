"""Janus' AudioBridge as a contestant, where Debian's package is installed: one room, participants over plain RTP.

It is spared ICE, DTLS and SRTP, which ours has, and makes no 16 kHz samples. Only that plugin and a Unix socket to ask
it are loaded, so that it opens no port but those of its participants, on the loopback.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.bench.media_rtp import PAYLOAD_TYPE

JANUS = Path("/usr/bin/janus")
NAME = "Janus AudioBridge, plain RTP"
_FOLDERS = Path("/usr/lib")
_ROOM = 1
_READY_S = 10.0
_STOP_S = 5.0
_ATTEMPTS = 5
_ANSWER_BYTES = 65_536
_CONFIGS = {
    "janus.jcfg": """
general: {{ plugins_folder = "{folder}/plugins", transports_folder = "{folder}/transports",
    events_folder = "{folder}/none", loggers_folder = "{folder}/none", session_timeout = 0, debug_level = 2 }}
""",
    "janus.transport.pfunix.jcfg": """
general: {{ enabled = true, json = "plain", path = "{folder}/ask", type = "SOCK_SEQPACKET" }}
admin: {{ admin_enabled = false }}
""",
    "janus.plugin.audiobridge.jcfg": """
general: {{ local_ip = "127.0.0.1", rtp_port_range = "33000-40000" }}
room-1: {{ description = "bench", sampling_rate = 48000, allow_rtp_participants = true, record = false }}
""",
}


class JanusError(Exception):
    """Janus does not do what is asked; the message is its answer."""


class Janus:
    """A running one."""

    def __init__(self, pid: int, asking: socket.socket) -> None:
        self._pid = pid
        self._asking = asking
        self._session = int(self._ask({"janus": "create"})["data"]["id"])

    def join(self, port: int) -> str:
        """Whoever listens on `port` takes part; the port to send to."""
        handle = self._ask({"janus": "attach", "plugin": "janus.plugin.audiobridge", "session_id": self._session})
        rtp = {"ip": "127.0.0.1", "port": port, "payload_type": PAYLOAD_TYPE}
        joining = {"janus": "message", "session_id": self._session, "handle_id": handle["data"]["id"],
                   "body": {"request": "join", "room": _ROOM, "rtp": rtp}}  # fmt: skip
        return str(self._ask(joining)["plugindata"]["data"]["rtp"]["port"])

    def cpu_s(self) -> float:
        """User and system, all threads."""
        # The name in brackets may hold blanks; the 14th and 15th field count from before it.
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer that is no mere acknowledgement, nor somebody else's event."""
        self._asking.send(json.dumps(request | {"transaction": "bench"}).encode())
        while True:
            answer: dict[str, Any] = json.loads(self._asking.recv(_ANSWER_BYTES))
            if answer["janus"] == "error" or "error" in answer.get("plugindata", {}).get("data", {}):
                raise JanusError(json.dumps(answer))
            if answer["janus"] != "ack" and answer.get("transaction") == "bench":
                return answer


def is_installed() -> bool:
    return JANUS.is_file()


@contextmanager
def janus(core: int) -> Iterator[Janus]:
    """A Janus of its own with an empty room."""
    with tempfile.TemporaryDirectory(prefix="liveconvo-janus-") as name:
        folder = Path(name)
        _write_configs(folder)
        process, asking = _start(folder)
        try:
            with asking:
                for thread in Path(f"/proc/{process.pid}/task").iterdir():
                    os.sched_setaffinity(int(thread.name), {core})
                yield Janus(process.pid, asking)
        finally:
            _stop(process)


def _write_configs(folder: Path) -> None:
    for file, text in _CONFIGS.items():
        (folder / file).write_text(text.format(folder=folder))
    (folder / "none").mkdir()
    for kind, library in (("plugins", "libjanus_audiobridge.so"), ("transports", "libjanus_pfunix.so")):
        (folder / kind).mkdir()
        found = next(_FOLDERS.glob(f"*/janus/{kind}/{library}"), None)
        if found is None:
            raise JanusError(f"{library} is not installed")
        (folder / kind / library).symlink_to(found)


def _start(folder: Path) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Its socket's thread may look whether it is wanted before that is noted, and end: then Janus ends too."""
    for _ in range(_ATTEMPTS):
        with (folder / "log").open("wb") as log:
            command = [str(JANUS), "-F", str(folder), "-C", str(folder / "janus.jcfg"), "-i", "127.0.0.1"]
            process = subprocess.Popen(command, stdout=log, stderr=log)
        asking = _connected(process, folder / "ask")
        if asking is not None:
            return process, asking
        _stop(process)
    raise JanusError(f"it did not start in {_ATTEMPTS} attempts")


def _connected(process: subprocess.Popen[bytes], path: Path) -> socket.socket | None:
    deadline_s = time.monotonic() + _READY_S
    while process.poll() is None and time.monotonic() < deadline_s:
        asking = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        asking.settimeout(_READY_S)
        try:
            asking.connect(str(path))
        except OSError:
            asking.close()
            time.sleep(0.05)
        else:
            return asking
    return None


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
