"""What the supervisor promises about its children, with small real programs."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.errors import DeployError
from deploy.program import Program
from deploy.service_user import ServiceUser
from deploy.supervisor import SERVERS, STORAGE, Supervisor


class Terminal:
    """Collects what the children say and lets a test wait for it."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self._changed = asyncio.Event()

    def announce(self, name: str, line: str) -> None:
        self.lines.append((name, line))
        self._changed.set()

    def said(self, text: str) -> int:
        return sum(text in line for _, line in self.lines)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds():
                self._changed.clear()
                await self._changed.wait()


def script(source: str, name: str = "child", user: ServiceUser | None = None) -> Program:
    """A program of a few lines of Python."""
    argv = [sys.executable, "-u", "-c", textwrap.dedent(source)]
    return Program(name, argv, dict(os.environ), user)


FOREVER = "import time; print('up', flush=True); time.sleep(60)"


async def test_lines_carry_the_name_of_their_program(tmp_path: Path) -> None:
    terminal = Terminal()
    async with Supervisor(terminal.announce, tmp_path) as supervisor:
        supervisor.add(SERVERS, script(FOREVER, "media-0"))
        await terminal.until(lambda: ("media-0", "up") in terminal.lines)


async def test_killed_child_comes_back(tmp_path: Path) -> None:
    terminal = Terminal()
    async with Supervisor(terminal.announce, tmp_path) as supervisor:
        supervisor.add(SERVERS, script(FOREVER))
        await terminal.until(lambda: terminal.said("up") == 1)
        os.kill(int((tmp_path / "child.pid").read_text()), signal.SIGKILL)
        await terminal.until(lambda: terminal.said("up") == 2)
    assert terminal.said("killed by SIGKILL") == 1


async def test_child_that_lost_its_workers_comes_back_at_once(tmp_path: Path) -> None:
    """A worker that outlives its server holds the output open; that must not delay the restart."""
    terminal = Terminal()
    with_worker = "import subprocess; subprocess.Popen(['sleep', '60']); " + FOREVER
    async with Supervisor(terminal.announce, tmp_path) as supervisor:
        supervisor.add(SERVERS, script(with_worker))
        await terminal.until(lambda: terminal.said("up") == 1)
        killed = time.monotonic()
        os.kill(int((tmp_path / "child.pid").read_text()), signal.SIGKILL)
        await terminal.until(lambda: terminal.said("up") == 2)
    assert time.monotonic() - killed < 20


async def test_servers_stop_before_storage(tmp_path: Path) -> None:
    terminal = Terminal()
    source = """
        import signal, sys, time
        def end(*_):
            time.sleep(0.2)
            print("down", flush=True)
            sys.exit()
        signal.signal(signal.SIGTERM, end)
        print("up", flush=True)
        time.sleep(60)
    """
    async with Supervisor(terminal.announce, tmp_path) as supervisor:
        supervisor.add(STORAGE, script(source, "postgres"))
        supervisor.add(SERVERS, script(source, "media-0"))
        await terminal.until(lambda: terminal.said("up") == 2)
    assert [line for line in terminal.lines if line[1] == "down"] == [("media-0", "down"), ("postgres", "down")]


async def test_child_that_cannot_run_ends_the_stack_with_its_own_message(tmp_path: Path) -> None:
    terminal = Terminal()
    source = "import sys; print('weights missing: model.bin', file=sys.stderr); sys.exit(3)"
    async with Supervisor(terminal.announce, tmp_path) as supervisor:
        supervisor.add(SERVERS, script(source))
        with pytest.raises(DeployError, match=r"^weights missing: model\.bin$"):
            await supervisor.until_failure()


async def test_child_that_never_gets_ready_and_keeps_ending_is_given_up(tmp_path: Path) -> None:
    terminal = Terminal()

    async def never() -> bool:
        return False

    async with Supervisor(terminal.announce, tmp_path) as supervisor:
        supervisor.add(SERVERS, script("raise SystemExit('no such setting')"))
        with pytest.raises(DeployError, match="ended 5 times; it says: no such setting"):
            await supervisor.until_ready("child", never, timeout_s=20)


async def test_child_that_ignores_the_stop_signal_is_killed(tmp_path: Path) -> None:
    terminal = Terminal()
    stubborn = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); " + FOREVER
    program = script(stubborn)
    stubborn_program = Program(program.name, program.argv, program.environment, None, signal.SIGINT)
    async with Supervisor(terminal.announce, tmp_path) as supervisor:
        supervisor.add(STORAGE, stubborn_program)
        await terminal.until(lambda: terminal.said("up") == 1)
        pid = int((tmp_path / "child.pid").read_text())
    assert not Path(f"/proc/{pid}").exists()


async def test_child_that_drains_is_given_its_time(tmp_path: Path) -> None:
    terminal = Terminal()
    source = """
        import signal, sys, time
        def end(*_):
            time.sleep(3.5)
            print("down", flush=True)
            sys.exit()
        signal.signal(signal.SIGTERM, end)
        print("up", flush=True)
        time.sleep(60)
    """
    async with Supervisor(terminal.announce, tmp_path) as supervisor:
        supervisor.add(STORAGE, replace(script(source), drain_s=5.0))
        await terminal.until(lambda: terminal.said("up") == 1)
    assert terminal.said("down") == 1


async def test_very_long_line_is_cut_not_collected(tmp_path: Path) -> None:
    terminal = Terminal()
    async with Supervisor(terminal.announce, tmp_path) as supervisor:
        supervisor.add(SERVERS, script("print('x' * 1_000_000, flush=True); " + FOREVER))
        await terminal.until(lambda: terminal.said("up") == 1)
    assert max(len(line) for _, line in terminal.lines) < 300_000


def test_children_die_with_a_killed_parent(tmp_path: Path) -> None:
    source = f"""
        import asyncio, os, pathlib, sys
        from deploy.program import Program
        from deploy.supervisor import SERVERS, Supervisor
        async def main():
            run_folder = pathlib.Path({str(tmp_path)!r})
            async with Supervisor(lambda name, line: print(line, flush=True), run_folder) as supervisor:
                child = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
                supervisor.add(SERVERS, Program("child", child, dict(os.environ)))
                await supervisor.until_failure()
        asyncio.run(main())
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(source)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "up\n"
    child = int((tmp_path / "child.pid").read_text())
    parent.kill()
    parent.communicate(timeout=5)
    deadline = time.monotonic() + 5
    while _runs(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    """False for a zombie too: nobody may be left to collect it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
