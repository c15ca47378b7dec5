"""Worker threads that recognize, with a deadline for each utterance.

A recognizer may hang or raise; neither may stop the event loop or the other worker. A thread cannot be killed, so one
that missed its deadline is left behind, and another takes its place. Threads are daemons: a hung one does not hold up
the exit of the node.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import Callable
from typing import Any

from media_server.engines.protocols import Recognition, Recognizer, Samples

MAX_WORKERS = 2
"""By default: two threads of one core each beat one of two, and the node has other work."""


class RecognitionError(Exception):
    """The recognizer failed on this audio."""

    code = "recognizer_failed"


class RecognitionTimeoutError(RecognitionError):
    """The recognizer did not answer in time."""

    code = "recognizer_timeout"


def worker_count(asked: int) -> int:
    """How many recognitions run at a time: `asked`, or by cores when that is 0."""
    return asked or min(MAX_WORKERS, os.cpu_count() or 1)


class Worker:
    """One thread that recognizes one stretch of audio at a time."""

    def __init__(self, recognizer: Recognizer) -> None:
        self._recognizer = recognizer
        self._calls: queue.SimpleQueue[Callable[[], None] | None] | None = None

    async def recognize(self, audio: Samples, *, is_final: bool, deadline_s: float) -> Recognition:
        """What the recognizer says.

        Raises:
            RecognitionError: it raised, or was not done after `deadline_s`.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Recognition] = loop.create_future()
        call = _Call(self._recognizer, audio, is_final, loop, answer)
        if self._calls is None:
            self._calls = _start_thread()
        self._calls.put(call)
        try:
            async with asyncio.timeout(deadline_s):
                return await answer
        except TimeoutError as error:
            self.close()
            raise RecognitionTimeoutError(f"no answer in {deadline_s:.1f} s") from error

    def close(self) -> None:
        """End the thread when it is done with what it does."""
        if self._calls is not None:
            self._calls.put(None)
            self._calls = None


class _Call:
    """One recognition on its way to a thread and back."""

    def __init__(
        self,
        recognizer: Recognizer,
        audio: Samples,
        is_final: bool,
        loop: asyncio.AbstractEventLoop,
        answer: asyncio.Future[Recognition],
    ) -> None:
        self._recognizer = recognizer
        self._audio = audio
        self._is_final = is_final
        self._loop = loop
        self._answer = answer

    def __call__(self) -> None:
        try:
            recognition = self._recognizer.recognize(self._audio, is_final=self._is_final)
        except Exception as error:  # noqa: BLE001 - the thread's edge: whatever a model raises fails this call only
            failure = RecognitionError(f"{type(error).__name__} from the recognizer")
            failure.__cause__ = error
            self._tell(self._answer.set_exception, failure)
        else:
            self._tell(self._answer.set_result, recognition)

    def _tell(self, settle: Callable[[Any], None], value: object) -> None:
        def settle_if_awaited() -> None:
            if not self._answer.done():
                settle(value)

        try:
            self._loop.call_soon_threadsafe(settle_if_awaited)
        except RuntimeError:
            return  # the loop closed while a hung recognizer was left behind


def _start_thread() -> queue.SimpleQueue[Callable[[], None] | None]:
    calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
    threading.Thread(target=_serve, args=(calls,), name="recognizer", daemon=True).start()
    return calls


def _serve(calls: queue.SimpleQueue[Callable[[], None] | None]) -> None:
    while (call := calls.get()) is not None:
        call()
