"""What the control API does when nobody asks: summaries, sessions that were left behind, and what must be erased."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from uuid import UUID

from control_api.erasing import Eraser
from control_api.llm import LanguageModel
from control_api.metrics import Metrics
from control_api.settings import Settings
from control_api.summaries.finalize import Finalizer
from db import jobs, sessions
from db.abandoned import list_abandoned, list_unwritten
from db.errors import DbError
from db.live import Live
from db.pool import Pool, create_pool, transaction

log = logging.getLogger(__name__)
SWEEP_BATCH = 100
ERASING_TIMEOUT_S = 30.0
"""Longer than a request's: a session's whole content goes at once."""


async def run(settings: Settings, metrics: Metrics, stop: asyncio.Event) -> None:
    """Until `stop`: jobs as they come, and a sweep now and then."""
    async with _finalizer(settings) as finalizer, _eraser(settings, finalizer.pool, metrics) as eraser:

        async def finalize(payload: bytes) -> None:
            outcome = await finalizer.finalize(UUID(payload.decode()))
            metrics.summaries.labels(outcome).inc()
            log.info("summary written outcome=%s", outcome)

        async with asyncio.TaskGroup() as tasks:
            handlers = {sessions.FINALIZE_SESSION: finalize, **eraser.handlers()}
            tasks.create_task(jobs.run_worker(settings.jobs_database_url, handlers, stop))
            tasks.create_task(_sweep(settings, finalizer.pool, metrics, stop))
            tasks.create_task(_retain(settings, eraser, metrics, stop))


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


async def _retain(settings: Settings, eraser: Eraser, metrics: Metrics, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            swept = await eraser.sweep()
            for what, count in swept.rows.items():
                metrics.spent.labels(what).inc(count)
        except DbError as error:
            log.warning("retention sweep failed code=%s", error.code)
        await _wait(stop, settings.retention_sweep_s)


@asynccontextmanager
async def _eraser(settings: Settings, pool: Pool, metrics: Metrics) -> AsyncIterator[Eraser]:
    live = Live(settings.redis_url)
    try:
        yield Eraser(
            partial(transaction, pool, timeout_s=ERASING_TIMEOUT_S),
            live,
            settings.files_folder,
            lambda what: metrics.erased.labels(what).inc(),
        )
    finally:
        await live.aclose()


@asynccontextmanager
async def _finalizer(settings: Settings) -> AsyncIterator[Finalizer]:
    pool = await create_pool(settings.jobs_database_url, max_size=4, application_name="liveconvo-worker")
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
