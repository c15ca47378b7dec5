"""One media node from start to stop: what runs in it, in which order it begins and ends."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from db import calls as db_calls
from db import session_log
from db.errors import DbError, UnavailableError
from db.live import Live, NodeLoad
from db.log_writer import LogWriter
from db.pool import Pool, create_pool, transaction
from db.session_log import LogEntry
from media_server import signaling, telemetry
from media_server.call import CallParts
from media_server.calls import Calls
from media_server.engines import catalog
from media_server.engines.protocols import VoiceActivity
from media_server.engines.rule_coach import RuleCoach
from media_server.lease import LeaseKeeper
from media_server.pipeline.advise import Advisor
from media_server.pipeline.listen import Listener
from media_server.pipeline.transcribe import Transcriber
from media_server.process import leave_out_of_collections, open_many_files
from media_server.recorder import Recorder
from media_server.rtc.addresses import offer_addresses
from media_server.settings import Settings
from media_server.signaling import CALLS, SETTINGS
from media_server.spool import Spool

log = logging.getLogger(__name__)

POSTGRES_RETRY_S = 0.5
REGISTER_EVERY_S = 2.0
SETTLE_S, RECORD_S = 5.5, 1.0
"""Calls that are moved, and what still has to reach Postgres, take no longer."""
RETIRE_S = 2.0
AT_ONCE_S = 0.8
"""After a second signal; then the process ends as if it was killed, which loses nothing."""
HTTP_CLOSE_S = 0.5
HEADERS_S = 10
"""A connection that brings no whole headers by then is closed, and so is one that does nothing for so long."""
LINGER_S = 1.0
"""What still comes of a body that was answered already is read for so long."""

POOL = web.AppKey("pool", Pool)
SPOOL = web.AppKey("spool", Spool)
LIVE = web.AppKey("live", Live)


async def run_node(settings: Settings) -> None:
    """Serve calls until SIGTERM or SIGINT, then drain; a second signal ends it at once.

    Draining: nobody new comes, and nobody is sent here. Calls go on for `drain_s` at most, then they are moved.

    Raises:
        RecognizerUnusableError: a model's weights are missing or altered.
    """
    offer_addresses(settings.ice_addresses, settings.udp_ports)
    transcriber = Transcriber(catalog.recognizers(settings), catalog.batch_size(settings), settings.language)
    _, voice_activity = await asyncio.gather(transcriber.start(), _voice_activity(settings))
    listener = Listener(voice_activity)
    orders = _orders()
    open_many_files()
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(_database(settings, orders.drain))
        if pool is None:
            return
        spool = await stack.enter_async_context(_open_spool(settings))
        live = Live(settings.redis_url)
        stack.push_async_callback(live.aclose)
        # A connection of its own: a pool that everybody waits for would look like a Postgres that is away.
        lease_pool = await stack.enter_async_context(_lease_pool(settings))
        leases = LeaseKeeper(lease_pool, settings.node, settings.public_url, lease_s=settings.lease_s)
        recorder = Recorder(spool, pool, live)
        parts = CallParts(
            settings,
            listener,
            transcriber,
            partial(_history, pool),
            partial(Advisor, RuleCoach()),
            partial(_hand_over, recorder, leases, settings.limits.hand_over_s),
        )
        calls = Calls(parts, pool, spool, leases, live)
        notes = LogWriter(partial(transaction, pool), telemetry.NOTES_DROPPED.inc)
        stack.enter_context(notes.attached())
        async with asyncio.TaskGroup() as tasks:
            background = [
                tasks.create_task(part)
                for part in (listener.run(), transcriber.run(), leases.run(), recorder.run(), notes.run(orders.stop))
            ]
            registering = tasks.create_task(_register(settings, pool, live, calls, spool))
            hosting = tasks.create_task(calls.run())
            leave_out_of_collections()
            async with _serving(settings, calls, pool, spool, live):
                log.info("media node serves node=%s port=%d", settings.node, settings.port)
                await orders.drain.wait()
                log.info("media node drains calls=%d participants=%d", calls.live_calls, calls.live_participants)
                calls.drain()
                registering.cancel()
                await orders.unless_stopped(_retire(registering, settings.node, pool, live), RETIRE_S)
                await orders.unless_stopped(calls.drained(), settings.drain_s)
                calls.stop()
                await orders.unless_stopped(_end_of(hosting), SETTLE_S)
            hosting.cancel()
            await orders.unless_stopped(recorder.drain(RECORD_S), RECORD_S + 1)
            for task in background:
                task.cancel()


async def _voice_activity(settings: Settings) -> VoiceActivity:
    """It keeps the loop for seconds; recognizers in processes load meanwhile."""
    return catalog.voice_activity(settings)


@dataclass(frozen=True, slots=True)
class _Orders:
    """What signals ask for: the first one to drain, the second one to stop at once."""

    drain: asyncio.Event = field(default_factory=asyncio.Event)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def give(self) -> None:
        if self.drain.is_set() and not self.stop.is_set():
            asyncio.get_running_loop().call_later(AT_ONCE_S, os._exit, 1)
            self.stop.set()
        self.drain.set()

    async def unless_stopped(self, step: Coroutine[Any, Any, object], timeout_s: float) -> None:
        """Do a step of the way out for so long; not at all, or no more, once it is to end at once."""
        async with asyncio.TaskGroup() as tasks:
            doing, stopped = tasks.create_task(step), tasks.create_task(self.stop.wait())
            await asyncio.wait((doing, stopped), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            doing.cancel()
            stopped.cancel()


def _orders() -> _Orders:
    orders, loop = _Orders(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, orders.give)
    return orders


async def _end_of(task: asyncio.Task[None]) -> None:
    await asyncio.wait([task])


async def _retire(registering: asyncio.Task[None], node: str, pool: Pool, live: Live) -> None:
    """Tell whoever places calls that this node takes no more, once nothing says the contrary any longer."""
    await _end_of(registering)
    await live.forget_node(node)
    try:
        async with transaction(pool) as conn:
            await db_calls.retire_node(conn, node)
    except DbError as error:
        log.warning("node not retired kind=%s", type(error).__name__)


async def _hand_over(recorder: Recorder, leases: LeaseKeeper, timeout_s: float, session_id: UUID) -> None:
    """The next node reads from Postgres what this one wrote, so that has to be there first."""
    await recorder.drain(timeout_s)
    await leases.release(session_id)


@asynccontextmanager
async def _database(settings: Settings, stop: asyncio.Event) -> AsyncIterator[Pool | None]:
    """A pool, once Postgres is there; None when the node is told to stop before."""
    pool = None
    while pool is None and not stop.is_set():
        try:
            pool = await create_pool(
                settings.database_url, application_name=f"media {settings.node}", only="liveconvo_media"
            )
        except UnavailableError as error:
            log.warning("waiting for Postgres code=%s", error.code)
            await asyncio.sleep(POSTGRES_RETRY_S)
    try:
        yield pool
    finally:
        if pool is not None:
            pool.terminate()


@asynccontextmanager
async def _lease_pool(settings: Settings) -> AsyncIterator[Pool]:
    pool = await create_pool(settings.database_url, max_size=1, application_name=f"leases {settings.node}")
    try:
        yield pool
    finally:
        pool.terminate()


@asynccontextmanager
async def _open_spool(settings: Settings) -> AsyncIterator[Spool]:
    spool = Spool(settings.data_dir / "spool" / settings.node, max_bytes=settings.spool_bytes)
    await spool.open()
    try:
        yield spool
    finally:
        await spool.aclose()


async def _history(pool: Pool, session_id: UUID, after_seq: int, audiences: Sequence[str]) -> list[LogEntry]:
    """What Postgres has of a session after a seq; nothing while it is away."""
    entries: list[LogEntry] = []
    try:
        async with transaction(pool) as conn:
            while page := await session_log.read(conn, session_id, after_seq=after_seq, audiences=audiences):
                entries += page
                after_seq = page[-1].seq
    except DbError as error:
        log.warning("history not read kind=%s", type(error).__name__)
    return entries


async def _register(settings: Settings, pool: Pool, live: Live, calls: Calls, spool: Spool) -> None:
    """Say that this node is there, and how busy it is, every two seconds; nothing while it could keep no new call."""
    is_registered = False
    while True:
        telemetry.CALLS.set(calls.live_calls)
        telemetry.PARTICIPANTS.set(calls.live_participants)
        if spool.trouble is not None:
            await live.forget_node(settings.node)
            await asyncio.sleep(REGISTER_EVERY_S)
            continue
        try:
            async with transaction(pool) as conn:
                if not is_registered or not await db_calls.touch_node(conn, settings.node):
                    await db_calls.register_node(conn, settings.node, settings.public_url)
            is_registered = True
        except DbError as error:
            log.warning("node not registered kind=%s", type(error).__name__)
        load = calls.admission.load(calls.live_participants)
        await live.report_load(NodeLoad(settings.node, settings.public_url, load))
        await asyncio.sleep(REGISTER_EVERY_S)


@asynccontextmanager
async def _serving(settings: Settings, calls: Calls, pool: Pool, spool: Spool, live: Live) -> AsyncIterator[None]:
    app = web.Application(middlewares=[signaling.problems], client_max_size=settings.limits.offer_bytes)
    app[CALLS], app[SETTINGS], app[POOL], app[SPOOL], app[LIVE] = calls, settings, pool, spool, live
    signaling.add_routes(app)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(
        app, access_log=None, keepalive_timeout=HEADERS_S, lingering_time=LINGER_S, shutdown_timeout=HTTP_CLOSE_S
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port, reuse_address=True).start()
        yield
    finally:
        await runner.cleanup()


async def healthz(_: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """Why no call should come here; what is only worth a look: a mended spool, and a Redis that does not answer."""
    reasons = [trouble] if (trouble := request.app[SPOOL].trouble) is not None else []
    if request.app[CALLS].is_draining:
        reasons.append("draining")
    try:
        async with transaction(request.app[POOL], timeout_s=1) as conn:
            await conn.fetchval("SELECT 1")
    except DbError:
        reasons.append("postgres")
    notes = ["spool_damaged"] if request.app[SPOOL].was_damaged else []
    if request.app[LIVE].is_away:
        notes.append("redis_away")
    status = "unavailable" if reasons else "ok"
    return web.json_response({"status": status, "reasons": reasons, "notes": notes}, status=503 if reasons else 200)


async def metrics(_: web.Request) -> web.Response:
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
