"""Notes of WARNING and above on their way to `system_logs`, beside the lines on stderr.

Rules:
- Whoever logs never waits: a record is made a row at once and put in a bounded queue. What finds it full is dropped and
  counted, and stands on stderr alone; how many were is noted once there is room.
- Rows go in batches. While Postgres is away the first batch is tried again, later each time, and the queue holds what
  comes meanwhile.
- Nothing that writing itself causes is written: it would cause the next one.
"""

from __future__ import annotations

import asyncio
import logging
import queue
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import replace

from db import logs
from db.errors import DbError, UnavailableError
from db.log_records import entry_of
from db.logs import NewLog
from db.pool import Connection

CAPACITY = 1000
BATCH = 100
POLL_S = 0.5
RETRY_S = (1.0, 2.0, 5.0, 10.0)
"""After each failure; the last for good."""
LAST_WORDS_S = 1.0
"""For what waits when the server stops."""
_is_writing: ContextVar[bool] = ContextVar("is_writing", default=False)


class LogWriter(logging.Handler):
    """A handler for the root logger, and the task that empties it."""

    def __init__(
        self,
        open_transaction: Callable[[], AbstractAsyncContextManager[Connection]],
        count_dropped: Callable[[int], None] = lambda count: None,
        capacity: int = CAPACITY,
    ) -> None:
        super().__init__(logging.WARNING)
        self._open_transaction = open_transaction
        self._count_dropped = count_dropped
        self._waiting: queue.Queue[NewLog] = queue.Queue(capacity)
        self._dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        """From any thread."""
        if _is_writing.get():
            return
        try:
            self._waiting.put_nowait(entry_of(record))
        except queue.Full:
            self._dropped += 1
            self._count_dropped(1)
        except Exception:  # noqa: BLE001  a note that cannot be made is no reason for anything to fail
            self.handleError(record)

    @contextmanager
    def attached(self) -> Iterator[None]:
        """While records come here."""
        root = logging.getLogger()
        root.addHandler(self)
        try:
            yield
        finally:
            root.removeHandler(self)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`, and then once more what waits."""
        _is_writing.set(True)
        failures = 0
        batch: list[NewLog] = []
        while not stop.is_set():
            batch = batch or self._take()
            try:
                if batch:
                    await self._write(batch)
                    batch, failures = [], 0
            except DbError:
                await _wait(stop, RETRY_S[min(failures, len(RETRY_S) - 1)])
                failures += 1
            else:
                if self._waiting.empty():
                    await _wait(stop, POLL_S)
        try:
            async with asyncio.timeout(LAST_WORDS_S):
                while batch := batch or self._take():
                    await self._write(batch)
                    batch = []
        except (DbError, TimeoutError):
            return  # they stand on stderr

    def _take(self) -> list[NewLog]:
        taken: list[NewLog] = []
        while len(taken) < BATCH:
            try:
                taken.append(self._waiting.get_nowait())
            except queue.Empty:
                break
        if taken and self._dropped:
            dropped, self._dropped = self._dropped, 0
            taken.append(NewLog("WARNING", f"notes were dropped count={dropped}", __name__))
        return taken

    async def _write(self, batch: list[NewLog]) -> None:
        try:
            async with self._open_transaction() as conn:
                await logs.write_logs(conn, batch)
        except UnavailableError:
            raise
        except DbError:
            # A session that is not there any more, most likely: its id stands in the message as well.
            await self._write_without_sessions(batch)

    async def _write_without_sessions(self, batch: list[NewLog]) -> None:
        try:
            async with self._open_transaction() as conn:
                await logs.write_logs(conn, [replace(entry, session_id=None) for entry in batch])
        except UnavailableError:
            raise
        except DbError:
            self._count_dropped(len(batch))  # never tried again: it would be in the way of all others


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
