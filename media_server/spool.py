"""The node's spool: an entry is durable here before anybody sees it.

One thread owns the file; the event loop only hands it work and is told when that is done, in the order in which it was
handed over. All work that waits while the disk is busy shares the next commit (group commit). Nothing waits for a
timer: an entry is durable after at most two commits.

Policies:
- At most `max_waiting` pieces of work wait for the disk; an entry beyond them is refused at once (SpoolFullError).
- The file takes at most `max_bytes`; beyond it, or on a full disk, an entry is refused (SpoolFullError). What was
  accepted is never dropped: entries leave by trim() alone.
- While entries are refused, or the disk does not answer, `trouble` says so. Whoever reads it tells people, and lets no
  new call come.
- Cancelling whoever waits for an append does not undo it: the entry will be in Postgres.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from db.records import LogEntry
from media_server import telemetry
from media_server.spool_errors import SpoolError, SpoolFullError, SpoolVersionError
from media_server.spool_file import Refusal, SpoolFile
from media_server.spool_health import HOLD_S, Health
from media_server.spool_opening import set_apart

MAX_BYTES = 1024**3
MAX_WAITING = 4096
JOBS_PER_COMMIT = 512
STALLED_S = 5.0
"""A disk that answered nothing for so long is in trouble."""
RECHECK_S = 0.5
"""How often a spool in trouble looks whether it is over."""
STALLED = "spool_stalled"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Job:
    """One piece of work for the thread, and who is told its result."""

    act: Callable[[SpoolFile], Any]
    done: asyncio.Future[Any]
    makes_room: bool = False


@dataclass(frozen=True, slots=True)
class _Outcome:
    job: _Job
    result: Any = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class _Figures:
    """The file, as it was after a commit."""

    size: int = 0
    used_bytes: int = 0
    trouble: str | None = None


class Spool:
    """The entries of this node that are not in Postgres yet, oldest first."""

    def __init__(self, folder: Path, *, max_bytes: int = MAX_BYTES, max_waiting: int = MAX_WAITING) -> None:
        """`folder` is this node's own: <data>/spool/<node>."""
        self.folder = folder
        self.was_damaged = False
        """The file was mended when it was opened; what could not be read of it waits for a person."""
        self._max_bytes = max_bytes
        self._max_waiting = max_waiting
        self._figures = _Figures()
        self._waiting = 0
        self._answered_at = 0.0
        self._crowded_until = 0.0
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed: asyncio.Future[None]

    async def open(self) -> None:
        """Lock and open the file, waiting some seconds for an owner that is just leaving.

        Raises:
            SpoolLockedError: another program owns it.
            SpoolError: it cannot be written.
        """
        self._loop = asyncio.get_running_loop()
        self._answered_at = self._crowded_until = self._loop.time()
        self._closed = self._loop.create_future()
        opened = self._loop.create_future()
        threading.Thread(target=self._serve, args=(self._loop, opened), name="spool", daemon=True).start()
        await opened

    async def aclose(self) -> None:
        """Finish what was handed over, then close the file."""
        if self._loop is None:
            return
        self._loop = None
        self._jobs.put(None)
        await asyncio.shield(self._closed)

    def append(self, entry: LogEntry) -> asyncio.Future[None]:
        """Await the result: the entry is durable then. Entries become durable in the order of these calls.

        Raises:
            SpoolFullError: there is no room for it, or too much waits for the disk.
            SpoolError: it could not be written.
        """
        if self._loop is not None and self._waiting >= self._max_waiting:
            self._crowded_until = self._loop.time() + HOLD_S
            raise SpoolFullError("Too many entries wait for the disk of this node.")
        return self._submit(lambda file: file.insert(entry))

    @property
    def size(self) -> int:
        """Durable entries that were not trimmed yet."""
        return self._figures.size

    @property
    def used_share(self) -> float:
        """How much of its largest size the spool takes: 0 … 1."""
        return self._figures.used_bytes / self._max_bytes

    @property
    def trouble(self) -> str | None:
        """Why entries are refused or held up right now: spool_full, spool_failed, spool_damaged or spool_stalled."""
        if self._loop is None or self._figures.trouble is not None:
            return self._figures.trouble
        now = self._loop.time()
        if now < self._crowded_until:
            return SpoolFullError.code
        return STALLED if self._waiting and now - self._answered_at > STALLED_S else None

    async def oldest(self, limit: int = 100) -> list[tuple[int, LogEntry]]:
        """The oldest entries with their positions."""
        entries: list[tuple[int, LogEntry]] = await self._submit(lambda file: file.oldest(limit))
        return entries

    async def trim(self, position: int, refusals: Sequence[Refusal] = ()) -> None:
        """Forget the entries up to this position, except that the refused ones are set aside."""
        await self._submit(lambda file: file.trim(position, refusals), makes_room=True)

    async def refused(self) -> list[tuple[LogEntry, str]]:
        """What Postgres would not take, with the reason's code."""
        entries: list[tuple[LogEntry, str]] = await self._submit(lambda file: file.refused())
        return entries

    async def wait_filled(self) -> None:
        await self._filled.wait()

    async def wait_emptied(self) -> None:
        await self._emptied.wait()

    def _submit(self, act: Callable[[SpoolFile], Any], *, makes_room: bool = False) -> asyncio.Future[Any]:
        if self._loop is None:
            raise SpoolError("The spool is closed.")
        done = self._loop.create_future()
        if not self._waiting:
            self._answered_at = self._loop.time()
        self._waiting += 1
        self._jobs.put(_Job(act, done, makes_room))
        return done

    def _settle(self, outcomes: list[_Outcome], figures: _Figures) -> None:
        """In the event loop: tell everybody, in order."""
        self._waiting -= len(outcomes)
        if self._loop is not None:
            self._answered_at = self._loop.time()
        self._note(figures)
        for outcome in outcomes:
            _resolve(outcome.job.done, outcome.result, outcome.error)

    def _note(self, figures: _Figures) -> None:
        if figures.trouble != self._figures.trouble:
            _log.error("the spool's trouble is now %s entries=%d", figures.trouble, figures.size)
        self._figures = figures
        telemetry.SPOOL_ENTRIES.set(figures.size)
        telemetry.SPOOL_BYTES.set(figures.used_bytes)
        _assign(self._filled, figures.size > 0)
        _assign(self._emptied, figures.size == 0)

    def _serve(self, loop: asyncio.AbstractEventLoop, opened: asyncio.Future[None]) -> None:
        """The thread."""
        tell = partial(_tell, loop)
        try:
            file = self._opened_file()
        except SpoolError as error:
            tell(_resolve, opened, None, error)
            tell(_resolve, self._closed, None, None)
            return
        health = Health()
        try:
            self.was_damaged = file.was_damaged
            tell(self._note, _figures(file, health))
            tell(_resolve, opened, None, None)
            for jobs in self._batches(health):
                outcomes = _perform(file, jobs)
                health.note((outcome.error for outcome in outcomes), file, time.monotonic())
                tell(self._settle, outcomes, _figures(file, health))
                file.regain_room()
        finally:
            file.close()
            tell(_resolve, self._closed, None, None)

    def _opened_file(self) -> SpoolFile:
        try:
            return SpoolFile(self.folder, max_bytes=self._max_bytes)
        except SpoolVersionError:
            set_apart(self.folder)
        return SpoolFile(self.folder, max_bytes=self._max_bytes)

    def _batches(self, health: Health) -> Iterator[list[_Job]]:
        """All that waits, again and again, until the spool is closed; nothing now and then while there is trouble."""
        is_closing = False
        while not is_closing:
            try:
                job = self._jobs.get(timeout=RECHECK_S if health.trouble is not None else None)
            except Empty:
                yield []
                continue
            jobs, is_closing = self._with_company(job)
            yield jobs

    def _with_company(self, job: _Job | None) -> tuple[list[_Job], bool]:
        """This job and what waits behind it; whether the spool is to be closed then."""
        jobs: list[_Job] = []
        while job is not None:
            jobs.append(job)
            if len(jobs) == JOBS_PER_COMMIT:
                return jobs, False
            try:
                job = self._jobs.get_nowait()
            except Empty:
                return jobs, False
        return jobs, True


def _figures(file: SpoolFile, health: Health) -> _Figures:
    return _Figures(file.size, file.used_bytes, health.trouble)


def _perform(file: SpoolFile, jobs: list[_Job]) -> list[_Outcome]:
    """Do all in one commit; when that fails, one by one, so that nothing stops the trim that empties a full spool."""
    if not jobs:
        return []
    try:
        with file.transaction():
            return [_Outcome(job, result=job.act(file)) for job in jobs]
    except Exception as error:  # noqa: BLE001 - it goes to whoever handed the job over
        if len(jobs) == 1 and not (jobs[0].makes_room and isinstance(error, SpoolFullError) and file.make_room()):
            return [_Outcome(jobs[0], error=error)]
    return [outcome for job in jobs for outcome in _perform(file, [job])]


def _tell(loop: asyncio.AbstractEventLoop, callback: Callable[..., None], *args: Any) -> None:
    try:
        loop.call_soon_threadsafe(callback, *args)
    except RuntimeError:
        _log.warning("the event loop of a spool ended before the spool")


def _resolve(future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


def _assign(event: asyncio.Event, is_set: bool) -> None:
    if is_set:
        event.set()
    else:
        event.clear()
