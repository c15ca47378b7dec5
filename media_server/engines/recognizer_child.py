"""`python -m media_server.engines.recognizer_child FD PARENT`: a recognizer in a process of its own.

It reads from the socket FD what to build, and then batches of excerpts, and answers each. What it may die of, is its
own: memory, a codec, a model. Its imports are those of the model it builds and no more.

Messages, pickled: to the child first `(build, arguments)`, then lists of `Excerpt`; from the child first
`("ready", None)` or `("unusable", message)`, then for each batch `("answers", [Recognition, …])` or `("failed", name)`,
the name of an exception, whose text may hold what was said. Both ends are ours, and on one machine.

Rules:
- The child ends when its parent is gone, even by kill -9, whatever it does: the kernel sees to it. It ends when the
  socket does, and not by the signals of a terminal or of a stopping node, whose last words it still recognizes.
- When memory is short, the kernel takes the child before anything else of ours.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import os
import signal
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from media_server.engines.errors import RecognizerUnusableError
from media_server.engines.protocols import Recognizer

_PR_SET_PDEATHSIG = 1
_OOM_SCORE = 500
"""From -1000 (never) to 1000 (first)."""
ORPHANED = 4


def main(fd: int, parent: int) -> None:
    _end_with(parent)
    connection: Connection[Any, Any] = Connection(fd)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        build, arguments = connection.recv()
        try:
            recognizer: Recognizer = build(*arguments)
        except RecognizerUnusableError as error:
            connection.send(("unusable", str(error)))
            return
        connection.send(("ready", None))
        _serve(recognizer, connection)


def _serve(recognizer: Recognizer, connection: Connection[Any, Any]) -> None:
    while True:
        excerpts = connection.recv()
        try:
            message: tuple[str, object] = ("answers", recognizer.recognize(excerpts))
        except Exception as error:  # noqa: BLE001 - the edge of the process: it fails this batch only
            message = ("failed", type(error).__name__)
        connection.send(message)


def _end_with(parent: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(ORPHANED)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(_OOM_SCORE), encoding="ascii")
    faulthandler.enable()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
