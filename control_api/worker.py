"""What the control API does when nobody asks: summaries from the job queue, and sessions that were left behind."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from control_api.llm import LanguageModel
from control_api.metrics import Metrics
from control_api.settings import Settings
from control_api.summaries.finalize import Finalizer
from db import jobs, sessions
from db.abandoned import list_abandoned, list_unwritten
from db.errors import DbError
from db.pool import Pool, create_pool, transaction

log = logging.getLogger(__name__)
SWEEP_BATCH = 100


async def run(settings: Settings, metrics: Metrics, stop: asyncio.Event) -> None:
    """Until `stop`: jobs as they come, and a sweep now and then."""
    async with _finalizer(settings) as finalizer:

        async def finalize(payload: bytes) -> None:
            outcome = await finalizer.finalize(UUID(payload.decode()))
            metrics.summaries.labels(outcome).inc()
            log.info("summary written outcome=%s", outcome)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(jobs.run_worker(settings.jobs_database_url, {sessions.FINALIZE_SESSION: finalize}, stop))
            tasks.create_task(_sweep(settings, finalizer.pool, metrics, stop))


async def complete_abandoned(pool: Pool, after_s: float) -> int:
    """Complete active sessions whose call nobody holds any more; how many.

    They end when their lease did. A node that dies takes its session up again within seconds; one that does not come
    back would leave the session active, and without a summary, for ever.
    """
    async with transaction(pool) as conn:
        left = await list_abandoned(conn, after_s, SWEEP_BATCH)
    completed = 0
    for session_id, lease_until in left:
        async with transaction(pool) as conn:
            completed += await sessions.complete_session(conn, session_id, lease_until)
    return completed


async def resume_summaries(pool: Pool, after_s: float) -> int:
    """Put summaries that nobody finished back in the queue; how many.

    A database that was away for longer than the queue tries again would leave them unwritten for ever. One whose job
    waits or runs is left alone.
    """
    async with transaction(pool) as conn:
        left = await list_unwritten(conn, after_s, SWEEP_BATCH)
        queued = [
            await jobs.enqueue(conn, sessions.FINALIZE_SESSION, str(session_id).encode(), dedupe_key=str(session_id))
            for session_id in left
        ]
    return sum(queued)


async def _sweep(settings: Settings, pool: Pool, metrics: Metrics, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            metrics.abandoned.inc(await complete_abandoned(pool, settings.abandoned_after_s))
            metrics.resumed.inc(await resume_summaries(pool, settings.abandoned_after_s))
        except DbError as error:
            log.warning("sweep failed code=%s", error.code)
        await _wait(stop, settings.abandoned_sweep_s)


@asynccontextmanager
async def _finalizer(settings: Settings) -> AsyncIterator[Finalizer]:
    pool = await create_pool(settings.jobs_database_url, max_size=2, application_name="liveconvo-worker")
    model = LanguageModel(settings.language_model) if settings.language_model.is_set else None
    try:
        yield Finalizer(pool, model)
    finally:
        if model is not None:
            await model.close()
        pool.terminate()


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
