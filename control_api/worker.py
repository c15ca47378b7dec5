"""What the control API does when nobody asks: summaries, sessions that were left behind, and what must be erased."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from uuid import UUID

from control_api.accounts.requests import ACCOUNT_REQUEST, Requests
from control_api.documents.reading import Reader
from control_api.documents.scanning import scanner_of
from control_api.erasing import Eraser
from control_api.llm import LanguageModel
from control_api.mail.queue import RETRY_DELAYS_S, SEND_MAIL, Mail, Mailer
from control_api.mail.senders import sender_of
from control_api.metrics import Metrics
from control_api.recordings.engine import Engine
from control_api.recordings.transcribing import Transcriber
from control_api.sealing import Sealer
from control_api.settings import Settings
from control_api.storage import open_storage
from control_api.summaries.finalize import Finalizer
from control_api.summaries.telling import SummaryMail
from control_api.usage_warnings import warn_of_usage
from control_api.webhooks.dispatching import MAX_IN_FLIGHT, Dispatcher
from control_api.webhooks.sending import Sender
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
    async with (
        _finalizer(settings) as finalizer,
        _eraser(settings, finalizer.pool, metrics) as eraser,
        _dispatcher(settings, finalizer.pool, metrics) as dispatcher,
    ):

        async def finalize(payload: bytes) -> None:
            outcome = await finalizer.finalize(UUID(payload.decode()))
            metrics.summaries.labels(outcome).inc()
            log.info("summary written outcome=%s", outcome)

        mailer = make_mailer(settings, finalizer.pool, metrics)
        async with asyncio.TaskGroup() as tasks:
            transcriber = make_transcriber(settings, finalizer.pool, metrics, eraser.live)
            handlers = {sessions.FINALIZE_SESSION: finalize, **eraser.handlers(), **transcriber.chores()}
            tasks.create_task(jobs.run_worker(settings.jobs_database_url, handlers, stop))
            # Apart from the others: a mail server that hangs keeps no summary waiting, nor a summary a sign-up.
            tasks.create_task(jobs.run_worker(settings.jobs_database_url, mail_handlers(mailer), stop))
            asked = {ACCOUNT_REQUEST: account_requests(settings, finalizer.pool).handle}
            tasks.create_task(jobs.run_worker(settings.jobs_database_url, asked, stop))
            tasks.create_task(dispatcher.run(stop))
            # Apart as well: reading takes seconds of somebody else's making.
            reader = make_reader(settings, finalizer.pool, metrics)
            tasks.create_task(jobs.run_worker(settings.jobs_database_url, reader.handlers(), stop))
            # Apart from everything: it takes minutes.
            tasks.create_task(jobs.run_worker(settings.jobs_database_url, transcriber.handlers(), stop))
            tasks.create_task(_sweep(settings, finalizer.pool, metrics, stop))
            tasks.create_task(_retain(settings, eraser, metrics, stop))


def make_mailer(settings: Settings, pool: Pool, metrics: Metrics) -> Mailer:
    return Mailer(
        partial(transaction, pool),
        Sealer(settings.sealing_secret),
        sender_of(settings.mail.smtp_url, settings.mail.outbox_folder),
        settings.mail_address,
        settings.public_origin,
        lambda outcome: metrics.mails.labels(outcome).inc(),
    )


def make_reader(settings: Settings, pool: Pool, metrics: Metrics) -> Reader:
    return Reader(
        partial(transaction, pool, timeout_s=ERASING_TIMEOUT_S),
        open_storage(settings),
        scanner_of(settings.scanner),
        lambda outcome: metrics.documents.labels(outcome).inc(),
    )


def make_transcriber(settings: Settings, pool: Pool, metrics: Metrics, live: Live | None = None) -> Transcriber:
    return Transcriber(
        partial(transaction, pool, timeout_s=ERASING_TIMEOUT_S),
        open_storage(settings),
        Engine(settings.transcribe),
        scanner_of(settings.scanner),
        live,
        lambda outcome: metrics.recordings.labels(outcome).inc(),
    )


def account_requests(settings: Settings, pool: Pool) -> Requests:
    sealer = Sealer(settings.sealing_secret)
    return Requests(partial(transaction, pool), sealer, Mail(sealer), settings)


def mail_handlers(mailer: Mailer) -> dict[str, jobs.Handler | jobs.Patient]:
    return {SEND_MAIL: jobs.Patient(mailer.deliver, RETRY_DELAYS_S, mailer.give_up)}


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
    mail = Mail(Sealer(settings.sealing_secret))
    while not stop.is_set():
        try:
            metrics.abandoned.inc(await complete_abandoned(pool, settings.abandoned_after_s))
            async with transaction(pool) as conn:
                metrics.usage_warnings.inc(await warn_of_usage(conn, mail, settings.public_origin))
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
async def _dispatcher(settings: Settings, pool: Pool, metrics: Metrics) -> AsyncIterator[Dispatcher]:
    name_servers = ThreadPoolExecutor(MAX_IN_FLIGHT, thread_name_prefix="webhook-names")
    sealer = Sealer(settings.sealing_secret)
    try:
        yield Dispatcher(
            partial(transaction, pool),
            Sender(sealer, name_servers, settings.webhook_networks),
            Mail(sealer),
            settings.public_origin,
            lambda outcome: metrics.webhooks.labels(outcome).inc(),
        )
    finally:
        name_servers.shutdown(wait=False, cancel_futures=True)


@asynccontextmanager
async def _eraser(settings: Settings, pool: Pool, metrics: Metrics) -> AsyncIterator[Eraser]:
    live = Live(settings.redis_url)
    try:
        yield Eraser(
            partial(transaction, pool, timeout_s=ERASING_TIMEOUT_S),
            live,
            open_storage(settings),
            lambda what: metrics.erased.labels(what).inc(),
        )
    finally:
        await live.aclose()


@asynccontextmanager
async def _finalizer(settings: Settings) -> AsyncIterator[Finalizer]:
    pool = await create_pool(settings.jobs_database_url, max_size=4, application_name="liveconvo-worker")
    model = LanguageModel(settings.language_model) if settings.language_model.is_set else None
    try:
        letters = SummaryMail(Mail(Sealer(settings.sealing_secret)), settings.public_origin)
        yield Finalizer(pool, model, letters.tell)
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
