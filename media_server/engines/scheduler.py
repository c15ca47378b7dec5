"""Worker threads that recognize, with a deadline for each batch.

A recognizer may hang, raise or end; neither may stop the event loop or the other workers.

Rules:
- A recognizer that can be restarted is ended when it misses a deadline. `start` makes it ready again; who calls it
  between two batches keeps it warm.
- A plain one lives in our process, where a thread cannot be ended: one that missed its deadline is left behind, and
  another takes its place. Threads are daemons, so a hung one does not hold up the exit of the node.
- A restartable recognizer is begun, used and ended by one thread, its worker's: the kernel ends a child when the thread
  that began it is gone.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from media_server.engines.errors import RecognitionError, RecognitionTimeoutError, RecognizerUnusableError
from media_server.engines.protocols import Excerpt, Recognition, Recognizer, RestartableRecognizer

__all__ = ["RecognitionError", "RecognitionTimeoutError", "Worker"]

Answer = TypeVar("Answer")
_Calls = queue.SimpleQueue[Callable[[], None] | None]


class Worker:
    """One recognizer and the thread that uses it, a batch at a time."""

    def __init__(self, recognizer: Recognizer) -> None:
        self._recognizer = recognizer
        self._restartable = recognizer if isinstance(recognizer, RestartableRecognizer) else None
        self._calls: _Calls | None = None
        self._busy_s = 0.0
        self._busy_since_s: float | None = None

    @property
    def is_ready(self) -> bool:
        """False: it must be started before it can recognize."""
        return self._restartable is None or self._restartable.is_alive

    @property
    def busy_s(self) -> float:
        """How long it worked since it was made."""
        return self._busy_s + (0.0 if self._busy_since_s is None else time.monotonic() - self._busy_since_s)

    async def start(self) -> None:
        """Make its recognizer ready, if it is not.

        Raises:
            RecognizerUnusableError: it never will be.
            RecognizerEndedError: not this time.
        """
        if self._restartable is not None and not self._restartable.is_alive:
            await self._in_thread(self._restartable.start)

    async def recognize(self, excerpts: Sequence[Excerpt], *, deadline_s: float) -> list[Recognition]:
        """What the recognizer says to each.

        Raises:
            RecognitionError: it raised, ended, or was not done after `deadline_s`.
        """
        self._busy_since_s = time.monotonic()
        try:
            async with asyncio.timeout(deadline_s):
                answers = await self._in_thread(lambda: self._recognizer.recognize(excerpts))
        except TimeoutError as error:
            self._give_up()
            raise RecognitionTimeoutError(f"no answer in {deadline_s:.1f} s") from error
        finally:
            self._busy_s, self._busy_since_s = self.busy_s, None
        if len(answers) != len(excerpts):
            raise RecognitionError(f"{len(answers)} answers to {len(excerpts)} excerpts")
        return answers

    def close(self) -> None:
        """End the recognizer, if that can be done, and the thread when it is done with what it does."""
        if self._restartable is not None and self._calls is not None:
            self._restartable.kill()
            self._calls.put(self._restartable.close)
        self._leave_thread()

    def _give_up(self) -> None:
        if self._restartable is not None:
            self._restartable.kill()  # so its thread goes on
        else:
            self._leave_thread()

    def _leave_thread(self) -> None:
        if self._calls is not None:
            self._calls.put(None)
            self._calls = None

    async def _in_thread(self, work: Callable[[], Answer]) -> Answer:
        call = _Call(work, asyncio.get_running_loop())
        if self._calls is None:
            self._calls = _start_thread()
        self._calls.put(call)
        return await call.answer


class _Call(Generic[Answer]):
    """One piece of work on its way to a thread and back."""

    def __init__(self, work: Callable[[], Answer], loop: asyncio.AbstractEventLoop) -> None:
        self._work = work
        self._loop = loop
        self.answer: asyncio.Future[Answer] = loop.create_future()

    def __call__(self) -> None:
        try:
            answer = self._work()
        except (RecognitionError, RecognizerUnusableError) as error:
            self._tell(self.answer.set_exception, error)
        except Exception as error:  # noqa: BLE001 - the thread's edge: whatever a model raises fails this call only
            failure = RecognitionError(f"{type(error).__name__} from the recognizer")
            failure.__cause__ = error
            self._tell(self.answer.set_exception, failure)
        else:
            self._tell(self.answer.set_result, answer)

    def _tell(self, settle: Callable[[Any], None], value: object) -> None:
        def settle_if_awaited() -> None:
            if not self.answer.done():
                settle(value)

        try:
            self._loop.call_soon_threadsafe(settle_if_awaited)
        except RuntimeError:
            return  # the loop closed while a hung recognizer was left behind


def _start_thread() -> _Calls:
    calls: _Calls = queue.SimpleQueue()
    threading.Thread(target=_serve, args=(calls,), name="recognizer", daemon=True).start()
    return calls


def _serve(calls: _Calls) -> None:
    while (call := calls.get()) is not None:
        call()
