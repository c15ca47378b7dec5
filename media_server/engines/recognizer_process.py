"""A recognizer in a child process: whatever it dies of costs one batch a second try, and the node nothing.

It is a `RestartableRecognizer`, as a remote pool or a hosted recognizer would be: ready after `start`, gone after
`kill`, and `recognize` fails with a code when it ends meanwhile.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from media_server.engines.errors import RecognitionError, RecognizerEndedError, RecognizerUnusableError
from media_server.engines.protocols import Excerpt, Recognition, Recognizer

START_S = 60.0
"""Loading a large model from a slow disk takes long; after that it is begun again."""
REAP_S = 5.0
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""Two recognizers of one thread are faster than one of two, and idle threads of two libraries spin."""

SAFE_PATH = ("-P",) if sys.flags.safe_path else ()
"""What we were started with: no modules from the working folder."""
OURS = ("DATABASE_URL", "REDIS_URL", "LIVECONVO_")
"""What settings of ours begin with; the child is told what it needs."""


@dataclass(frozen=True, slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    connection: Connection[Any, Any]

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None


class RecognizerProcess:
    """One child at a time. `kill` and `is_alive` may be used from any thread, the rest from one that stays."""

    def __init__(
        self,
        build: Callable[..., Recognizer],
        *arguments: object,
        start_s: float = START_S,
    ) -> None:
        """Args: build, what the child makes its recognizer with; it is imported there by its name."""
        self._plan = (build, arguments)
        self._start_s = start_s
        self._lock = threading.Lock()
        self._child: _Child | None = None
        self._is_ready = False

    @property
    def is_alive(self) -> bool:
        child = self._child
        return self._is_ready and child is not None and child.is_alive

    @property
    def pid(self) -> int | None:
        """Of the child; None: there is none."""
        child = self._child
        return child.process.pid if child is not None and child.is_alive else None

    def start(self) -> None:
        if self.is_alive:
            return
        self._end()
        child = self._spawn()
        late = threading.Timer(self._start_s, child.process.kill)
        late.daemon = True
        late.start()
        try:
            child.connection.send(self._plan)
            state, message = child.connection.recv()
        except (EOFError, OSError) as error:
            raise RecognizerEndedError(f"ended while it began, {self._end()}") from error
        finally:
            late.cancel()
        if state == "unusable":
            self._end()
            raise RecognizerUnusableError(message)
        self._is_ready = True

    def recognize(self, excerpts: Sequence[Excerpt]) -> list[Recognition]:
        child = self._child
        if child is None:
            raise RecognizerEndedError("not begun")
        try:
            child.connection.send(list(excerpts))
            state, message = child.connection.recv()
        except (EOFError, OSError) as error:
            raise RecognizerEndedError(f"ended before it answered, {self._end()}") from error
        if state == "failed":
            raise RecognitionError(f"{message} from the recognizer")
        answers: list[Recognition] = message
        return answers

    def kill(self) -> None:
        self._is_ready = False
        with self._lock:
            if self._child is not None and self._child.is_alive:
                self._child.process.kill()  # a stopped one too; whoever reads from it gets the end of its socket

    def close(self) -> None:
        self._end()

    def _spawn(self) -> _Child:
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(
                [
                    sys.executable,
                    *SAFE_PATH,
                    "-m",
                    "media_server.engines.recognizer_child",
                    str(theirs.fileno()),
                    str(os.getpid()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=_without_secrets() | ONE_THREAD,
            )
        child = _Child(process, Connection(ours.detach()))
        with self._lock:
            self._child = child
        return child

    def _end(self) -> str:
        """End the child and forget it; says how it ended."""
        self.kill()
        with self._lock:
            child, self._child = self._child, None
        if child is None:
            return ""
        child.connection.close()
        try:
            code = child.process.wait(REAP_S)
        except subprocess.TimeoutExpired:
            return "and does not die"
        return f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"


def _without_secrets() -> dict[str, str]:
    """Our environment without what leads to other people's data: a model's process has no use for it."""
    return {name: value for name, value in os.environ.items() if not name.startswith(OURS)}  # noqa: TID251 - handed on, not read
