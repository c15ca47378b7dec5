"""CPU time of a process and all that it began, from /proc (proc(5)): user and system, with children that ended."""

from __future__ import annotations

import contextlib
import os
from collections import defaultdict
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")
_PARENT, _TIMES = 1, slice(11, 15)
"""Of the fields after the program's name: ppid; utime, stime, cutime, cstime."""


def tree_cpu_s(*roots: int) -> float:
    """Seconds; a process that is gone counts where its parent waited for it."""
    fields, children = _processes()
    counted: set[int] = set()
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        if pid in fields and pid not in counted:
            counted.add(pid)
            waiting += children[pid]
    return sum(int(ticks) for pid in counted for ticks in fields[pid][_TIMES]) / TICKS_PER_S


def _processes() -> tuple[dict[int, list[str]], dict[int, list[int]]]:
    fields: dict[int, list[str]] = {}
    children: dict[int, list[int]] = defaultdict(list)
    for folder in PROC.iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError):
                pid, stat = int(folder.name), (folder / "stat").read_text()
                fields[pid] = stat.rpartition(")")[2].split()
                children[int(fields[pid][_PARENT])].append(pid)
    return fields, children
