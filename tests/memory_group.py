"""A control group with a limit of memory, of either version, for a process of a test. Needs root."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

_V1, _V2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class MemoryGroup:
    folder: Path

    def add(self, pid: int) -> None:
        """What it had before counts elsewhere; what it takes from now on, counts here."""
        (self.folder / "cgroup.procs").write_text(str(pid))

    @property
    def kills(self) -> int:
        """How often the kernel ended somebody here because memory was short."""
        file = self.folder / ("memory.oom_control" if self._is_v1 else "memory.events")
        return next(int(line.split()[1]) for line in file.read_text().splitlines() if line.startswith("oom_kill "))

    @property
    def used_bytes(self) -> int:
        return int((self.folder / ("memory.usage_in_bytes" if self._is_v1 else "memory.current")).read_text())

    @property
    def _is_v1(self) -> bool:
        return self.folder.is_relative_to(_V1)


def can_limit() -> bool:
    return os.geteuid() == 0 and _top() is not None


@contextmanager
def memory_group(limit_bytes: int) -> Iterator[MemoryGroup]:
    top = _top()
    assert top is not None
    group = MemoryGroup(top / f"liveconvo-test-{uuid4().hex[:8]}")
    group.folder.mkdir()
    try:
        name = "memory.limit_in_bytes" if top == _V1 else "memory.max"
        (group.folder / name).write_text(str(limit_bytes))
        yield group
    finally:
        deadline_s = time.monotonic() + 5
        while time.monotonic() < deadline_s:  # until what was in it is gone
            with contextlib.suppress(OSError):
                group.folder.rmdir()
                break
            time.sleep(0.05)


def _top() -> Path | None:
    if (_V1 / "memory.limit_in_bytes").exists():
        return _V1 if os.access(_V1, os.W_OK) else None
    control = _V2 / "cgroup.subtree_control"
    is_there = control.exists() and "memory" in control.read_text().split()
    return _V2 if is_there and os.access(_V2, os.W_OK) else None
