"""Long work as rows: put in the queue by the transaction that causes it, run by a worker of its own.

The queue is pgqueuer's; its tables come with our migrations. A handler may run twice for one job (a worker died), so
it must be safe to run twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

import asyncpg
from pgqueuer.errors import FailingListenerError, RetryRequested
from pgqueuer.models import Job
from pgqueuer.qm import QueueManager
from pgqueuer.queries import Queries

from db.errors import DbError
from db.pool import CONNECT_TIMEOUT_S, Connection, connection_settings, translation

Handler = Callable[[bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Patient:
    """A handler for what may have to wait for somebody else's server."""

    handle: Handler
    delays_s: Sequence[float]
    """Before each further try."""
    give_up: Handler
    """After the last one."""


HEARTBEAT_TIMEOUT = timedelta(seconds=30)
"""A job whose worker was silent for this long is given to another worker."""
POLL_INTERVAL = timedelta(seconds=5)
MAX_CONCURRENT_JOBS = 2
_BATCH_SIZE = MAX_CONCURRENT_JOBS // 2  # pgqueuer allows no more
MAX_ATTEMPTS = 5
RECONNECT_DELAY_S = 1.0
_FIRST_RETRY_DELAY_S = 2.0

_DATABASE_AWAY = (DbError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError, FailingListenerError)

log = logging.getLogger(__name__)


async def enqueue(
    conn: Connection,
    entrypoint: str,
    payload: bytes,
    dedupe_key: str | None = None,
    after: timedelta | None = None,
) -> bool:
    """Put a job in the queue, in the caller's transaction; False if one with this key waits or runs already.

    `after`: not before so much time has passed.
    """
    # A pool's proxy has the methods of a connection.
    queries = Queries.from_asyncpg_connection(cast("asyncpg.Connection[asyncpg.Record]", conn))
    (job_id,) = await queries.enqueue(
        entrypoint, payload, execute_after=after, dedupe_key=dedupe_key, on_conflict="skip"
    )
    return job_id is not None


async def run_worker(url: str, handlers: Mapping[str, Handler | Patient], stop: asyncio.Event) -> None:
    """Run jobs until `stop` is set, on connections of its own; back again whenever Postgres is.

    A handler that raises is tried again, later each time, five times in all; a patient one as often as it says.
    """
    while not stop.is_set():
        try:
            await _run_until_disconnected(url, handlers, stop)
        except* _DATABASE_AWAY as failures:
            log.warning("job worker lost its database kind=%s", type(failures.exceptions[0]).__name__)
            await _wait(stop, RECONNECT_DELAY_S)


async def _run_until_disconnected(url: str, handlers: Mapping[str, Handler | Patient], stop: asyncio.Event) -> None:
    async with translation():
        conn = await asyncpg.connect(
            url, timeout=CONNECT_TIMEOUT_S, server_settings=connection_settings("liveconvo-jobs")
        )
    try:
        worker = QueueManager(Queries.from_asyncpg_connection(conn))
        conn.add_termination_listener(lambda _: worker.shutdown.set())
        for name, handler in handlers.items():
            worker.entrypoint(name, on_failure="hold")(_job_handler(name, handler))
        async with asyncio.TaskGroup() as group:
            stopping = group.create_task(_forward(stop, worker.shutdown))
            await worker.run(
                dequeue_timeout=POLL_INTERVAL,
                batch_size=_BATCH_SIZE,
                max_concurrent_tasks=MAX_CONCURRENT_JOBS,
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                shutdown_on_listener_failure=True,
            )
            stopping.cancel()
    finally:
        conn.terminate()


def _job_handler(name: str, handler: Handler | Patient) -> Callable[[Job], Awaitable[None]]:
    patient = handler if isinstance(handler, Patient) else Patient(handler, _retry_delays_s(), _let_go)

    async def run(job: Job) -> None:
        payload = job.payload or b""
        try:
            await patient.handle(payload)
        except Exception as error:
            log.exception("job failed entrypoint=%s job=%s attempt=%s", name, job.id, job.attempts)
            if job.attempts >= len(patient.delays_s):
                await patient.give_up(payload)
                raise
            delay = timedelta(seconds=patient.delays_s[job.attempts])
            raise RetryRequested(delay, reason=type(error).__name__) from error

    return run


def _retry_delays_s() -> list[float]:
    return [_FIRST_RETRY_DELAY_S * 2**attempt for attempt in range(MAX_ATTEMPTS - 1)]


async def _let_go(_payload: bytes) -> None:
    """The failed job stays in the queue's table, for people to see."""


async def _forward(stop: asyncio.Event, shutdown: asyncio.Event) -> None:
    await stop.wait()
    shutdown.set()


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
