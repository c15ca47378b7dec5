"""Runs the process that reads one file, and holds it to its time.

The child gets the open file, a place in memory for its answer, and nothing else: no environment, no other open file.
"""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, ConfigDict, ValidationError

import control_api
from control_api.documents.extraction.cage import CPU_S, OUTPUT_BYTES
from control_api.documents.extraction.reasons import REASONS

DEADLINE_S = 10.0
_ROOT = str(Path(control_api.__file__).parent.parent)
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f]")
"""What no text shows, PostgreSQL does not take (NUL), or pages are told apart by (form feed)."""
_PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from control_api.documents.extraction.child import main
main(sys.argv[2])
"""


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of it: pages, or why there are none."""

    pages: list[str] | None
    """One piece for what has no pages."""
    refused: str | None
    """A key of REASONS."""
    wall_s: float
    cpu_s: float
    peak_bytes: int


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    pages: list[str] | None = None
    refused: str | None = None


def read_pages(file: BinaryIO, kind: str, deadline_s: float = DEADLINE_S) -> Reading:
    """From the file's beginning. Blocks, for little more than `deadline_s` at most."""
    began_s = time.monotonic()
    file.seek(0)
    with open(os.memfd_create("answer"), "w+b") as answer:
        child = subprocess.Popen(
            [sys.executable, "-I", "-X", "utf8", "-c", _PROGRAM, _ROOT, kind],
            stdin=file,
            stdout=answer,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            start_new_session=True,
        )
        is_late = not _wait(child.pid, deadline_s)
        if is_late:
            child.kill()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        cpu_s = used.ru_utime + used.ru_stime
        is_late = is_late or cpu_s >= CPU_S - 0.5
        pages, refused = _outcome(child.returncode, is_late, answer)
    return Reading(pages, refused, time.monotonic() - began_s, cpu_s, used.ru_maxrss * 1024)


def _wait(pid: int, seconds: float) -> bool:
    """Whether it ended in time."""
    descriptor = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(seconds * 1000))
    finally:
        os.close(descriptor)


def _outcome(code: int, is_late: bool, answer: BinaryIO) -> tuple[list[str] | None, str | None]:
    if code == 0:
        return _read(answer)
    if is_late or code == -signal.SIGXCPU:
        return None, "too_slow"
    # What could not even say that memory ran out, or was ended by the kernel for it.
    return None, "too_much_memory" if code in {1, -signal.SIGKILL} else "damaged"


def _read(answer: BinaryIO) -> tuple[list[str] | None, str | None]:
    """What the child says is believed only in the form that was agreed upon."""
    answer.seek(0)
    try:
        said = _Answer.model_validate_json(answer.read(OUTPUT_BYTES + 1))
    except ValidationError:
        return None, "damaged"
    if said.pages is None:
        return None, said.refused if said.refused in REASONS else "damaged"
    return [_UNSEEN.sub("", page) for page in said.pages], None
