"""One child kept running: started, its lines passed on, started again with a growing pause when it ends.

States: waiting → running → (ended by itself) → pausing → running …; `stop` leads out of each of them, and so does exit
code 3, by which a program says that another start would end the same way.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from deploy.program import Program

CANNOT_RUN = 3
FIRST_PAUSE_S, LONGEST_PAUSE_S, HEALTHY_AFTER_S = 0.2, 3.0, 30.0
_LONGEST_LINE_BYTES = 64 * 1024
_LAST_WORDS_TIMEOUT_S = 1.0

Announce = Callable[[str, str], None]
"""Takes the name of a program and one line of its output."""


def next_pause_s(last_pause_s: float, lived_s: float) -> float:
    """How long to wait before the next start of a child that lived so long."""
    if last_pause_s == 0 or lived_s >= HEALTHY_AFTER_S:
        return FIRST_PAUSE_S
    return min(2 * last_pause_s, LONGEST_PAUSE_S)


class Keeper:
    """Keeps `program` running until stopped."""

    def __init__(self, program: Program, announce: Announce, pid_file: Path) -> None:
        self.name = program.name
        self.drain_s = program.drain_s
        self.failure: str | None = None
        """Why the program can never run; None as long as it can."""
        self.last_line = ""
        """The last that it said."""
        self.endings = 0
        """How often it ended without being asked."""
        self._program = program
        self._announce = announce
        self._pid_file = pid_file
        self._child: asyncio.SubprocessTransport | None = None
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Returns when the program was stopped or cannot run."""
        pause_s = 0.0
        try:
            while not self._stopping.is_set():
                started = time.monotonic()
                code = await self._run_once()
                if self._stopping.is_set() or self.failure is not None:
                    return
                self.endings += 1
                pause_s = next_pause_s(pause_s, time.monotonic() - started)
                self._announce(self.name, f"{_ending(code)}; starting again in {pause_s:.1f} s")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), pause_s)
        finally:
            self.kill()
            self._pid_file.unlink(missing_ok=True)
            self._ended.set()

    async def stop(self, timeout_s: float) -> None:
        """Ask the program to end; kill it when it has not after `timeout_s`."""
        self._stopping.set()
        self._send(self._program.stop_signal)
        try:
            await asyncio.wait_for(self._ended.wait(), timeout_s)
        except TimeoutError:
            self._announce(self.name, f"did not stop within {timeout_s:.0f} s and is killed")
            self.kill()
            await asyncio.wait_for(self._ended.wait(), 2)

    def kill(self) -> None:
        """End the program and all that it started, at once."""
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.get_pid(), signal.SIGKILL)

    def _send(self, order: signal.Signals) -> None:
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                self._child.send_signal(order)

    async def _run_once(self) -> int:
        output = _Output(self._pass_on)
        try:
            self._child, _ = await asyncio.get_running_loop().subprocess_exec(
                lambda: output,
                *self._program.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.STDOUT,
                **self._program.spawn_options(),
            )
        except OSError as error:
            self.failure = f"{self.name} cannot be started: {error}"
            return CANNOT_RUN
        self._pid_file.write_text(f"{self._child.get_pid()}\n")
        child = self._child
        try:
            if self._stopping.is_set():
                self._send(self._program.stop_signal)
            await output.exited.wait()
            # Workers of a killed server would keep its ports, files and output.
            self.kill()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(output.closed.wait(), _LAST_WORDS_TIMEOUT_S)
        finally:
            self.kill()
            child.close()
            self._child = None
        code = child.get_returncode() or 0
        if code == CANNOT_RUN:
            self.failure = self.last_line or f"{self.name} cannot run and does not say why"
        return code

    def _pass_on(self, text: str) -> None:
        self.last_line = text or self.last_line
        self._announce(self.name, text)


class _Output(asyncio.SubprocessProtocol):
    """A child's output in lines; one without an end is cut at 64 kB."""

    def __init__(self, pass_on: Callable[[str], None]) -> None:
        self.exited = asyncio.Event()
        self.closed = asyncio.Event()
        self._pass_on = pass_on
        self._rest = b""

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LONGEST_LINE_BYTES:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            self._pass_on(line.decode(errors="replace").rstrip())

    def process_exited(self) -> None:
        self.exited.set()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._rest:
            self._pass_on(self._rest.decode(errors="replace").rstrip())
        self.closed.set()


def _ending(code: int) -> str:
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"ended with code {code}"
