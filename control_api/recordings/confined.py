"""`python confined.py PARENT MEMORY_BYTES OUTPUT_BYTES COMMAND…`: becomes that command, within limits.

Rules:
- It ends when PARENT does, even by kill -9; so do its children, which are told its number in the same way.
- Memory for data and what is written are limited by the kernel; when memory is short, the kernel takes it first.
- It computes when nothing else wants to: calls come first.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_NICENESS = 19
_OOM_SCORE = 900
"""From -1000 (never) to 1000 (first)."""
ORPHANED = 4


def main(parent: int, memory_bytes: int, output_bytes: int, command: list[str]) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(ORPHANED)
    if memory_bytes:
        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (output_bytes, output_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(_NICENESS)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(_OOM_SCORE))
    os.execvp(command[0], command)  # noqa: S606 -- a command of ours, without a shell


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
