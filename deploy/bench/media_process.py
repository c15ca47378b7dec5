"""A process on one core with one object in it, whose coroutines its parent calls one at a time.

What is measured and what makes the load never share an event loop, nor a core where there are two.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

import uvloop

ANSWER_S = 240.0
_CLOSE_S = 15.0

Factory = Callable[[], AbstractAsyncContextManager[Any]]
"""Must be picklable: a class, or a partial of one."""


class ChildFailedError(Exception):
    """The other process raised; the message is its traceback."""


class Child:
    """Use it inside `with`; `core` counts among those that this process may use."""

    def __init__(self, factory: Factory, core: int) -> None:
        cores = sorted(os.sched_getaffinity(0))
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(factory, theirs, cores[core % len(cores)]), daemon=True)
        self._theirs = theirs

    def __enter__(self) -> Self:
        self._process.start()
        self._theirs.close()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pipe.close()
        self._process.join(_CLOSE_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()

    def call(self, name: str, *args: object) -> Any:
        """What the coroutine returns.

        Raises:
            ChildFailedError: it raised, or the process went away.
        """
        self.ask(name, *args)
        return self.answer()

    def ask(self, name: str, *args: object) -> None:
        """Start the coroutine; `answer` must follow."""
        self._pipe.send((name, args))

    def answer(self) -> Any:
        """Of what was asked."""
        if not self._pipe.poll(ANSWER_S):
            raise ChildFailedError(f"no answer within {ANSWER_S:.0f} s")
        try:
            is_fine, result = self._pipe.recv()
        except EOFError:
            raise ChildFailedError("the process went away") from None
        if not is_fine:
            raise ChildFailedError(result)
        return result


def _serve(factory: Factory, pipe: Connection, core: int) -> None:
    os.sched_setaffinity(0, {core})
    try:
        uvloop.run(_answer_calls(factory, pipe))
    except Exception:  # noqa: BLE001 - the edge of the process
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        # A decoder thread of aiortc whose peer was cut off would keep the process for ever.
        os._exit(0)


async def _answer_calls(factory: Factory, pipe: Connection) -> None:
    async with factory() as served:
        while True:
            await _readable(pipe)
            try:
                name, args = pipe.recv()
            except EOFError:
                return
            try:
                answer = (True, await getattr(served, name)(*args))
            except Exception:  # noqa: BLE001 - the edge of the process: the parent raises it
                answer = (False, traceback.format_exc())
            pipe.send(answer)


async def _readable(pipe: Connection) -> None:
    loop = asyncio.get_running_loop()
    is_readable = asyncio.Event()
    loop.add_reader(pipe.fileno(), is_readable.set)
    try:
        await is_readable.wait()
    finally:
        loop.remove_reader(pipe.fileno())
        os.set_blocking(pipe.fileno(), True)  # uvloop made it otherwise
