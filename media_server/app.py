"""One media node from start to stop: what runs in it, in which order it begins and ends."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from uuid import UUID

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from db import calls as db_calls
from db import session_log
from db.errors import DbError, UnavailableError
from db.live import Live, NodeLoad
from db.pool import Pool, create_pool, transaction
from db.session_log import LogEntry
from media_server import signaling, telemetry
from media_server.call import CallParts
from media_server.calls import Calls
from media_server.engines import catalog
from media_server.engines.rule_coach import RuleCoach
from media_server.lease import LeaseKeeper
from media_server.pipeline.advise import Advisor
from media_server.pipeline.listen import Listener
from media_server.pipeline.transcribe import Transcriber
from media_server.recorder import Recorder
from media_server.rtc.addresses import offer_addresses
from media_server.settings import Settings
from media_server.signaling import CALLS, SETTINGS
from media_server.spool import Spool

log = logging.getLogger(__name__)

POSTGRES_RETRY_S = 0.5
REGISTER_EVERY_S = 2.0
SETTLE_S = 3.0
"""After SIGTERM: what was said becomes final and reaches Postgres, as far as that takes no longer."""
HEADERS_S = 10

POOL = web.AppKey("pool", Pool)
SPOOL = web.AppKey("spool", Spool)


async def run_node(settings: Settings) -> None:
    """Serve calls until SIGTERM or SIGINT.

    Raises:
        WeightsError: a model's weights are missing or altered.
    """
    offer_addresses(settings.ice_addresses, settings.udp_ports)
    listener = Listener(catalog.voice_activity(settings))
    transcriber = Transcriber(catalog.recognizer(settings), settings.asr_workers)
    stop = _stop_signal()
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(_database(settings, stop))
        if pool is None:
            return
        spool = await stack.enter_async_context(_open_spool(settings))
        live = Live(settings.redis_url)
        stack.push_async_callback(live.aclose)
        # A connection of its own: a pool that everybody waits for would look like a Postgres that is away.
        lease_pool = await stack.enter_async_context(_lease_pool(settings))
        leases = LeaseKeeper(lease_pool, settings.node, settings.public_url, lease_s=settings.lease_s)
        recorder = Recorder(spool, pool, live)
        parts = CallParts(settings, listener, transcriber, partial(_history, pool), partial(Advisor, RuleCoach()))
        calls = Calls(parts, pool, spool, leases, live)
        async with asyncio.TaskGroup() as tasks:
            background = [
                tasks.create_task(part)
                for part in (
                    listener.run(),
                    transcriber.run(),
                    leases.run(),
                    recorder.run(),
                    _register(settings, pool, live, calls, transcriber, spool),
                )
            ]
            hosting = tasks.create_task(calls.run())
            async with _serving(settings, calls, pool, spool):
                log.info("media node serves node=%s port=%d", settings.node, settings.port)
                await stop.wait()
            await live.forget_node(settings.node)
            calls.stop()
            await asyncio.wait([hosting], timeout=SETTLE_S)
            hosting.cancel()
            await recorder.drain(1.0)
            for task in background:
                task.cancel()


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


@asynccontextmanager
async def _database(settings: Settings, stop: asyncio.Event) -> AsyncIterator[Pool | None]:
    """A pool, once Postgres is there; None when the node is told to stop before."""
    pool = None
    while pool is None and not stop.is_set():
        try:
            pool = await create_pool(settings.database_url, application_name=f"media {settings.node}")
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


async def _register(  # noqa: PLR0917
    settings: Settings, pool: Pool, live: Live, calls: Calls, transcriber: Transcriber, spool: Spool
) -> None:
    """Say that this node is there, and how busy it is, every two seconds; nothing while it could keep no new call."""
    while True:
        telemetry.CALLS.set(calls.live_calls)
        telemetry.PARTICIPANTS.set(calls.live_participants)
        telemetry.LAG_MS.set(transcriber.lag_ms)
        if spool.trouble is not None:
            await live.forget_node(settings.node)
            await asyncio.sleep(REGISTER_EVERY_S)
            continue
        try:
            async with transaction(pool) as conn:
                if not await db_calls.touch_node(conn, settings.node):
                    await db_calls.register_node(conn, settings.node, settings.public_url)
        except DbError as error:
            log.warning("node not registered kind=%s", type(error).__name__)
        load = calls.admission.load(calls.live_participants)
        await live.report_load(NodeLoad(settings.node, settings.public_url, load))
        await asyncio.sleep(REGISTER_EVERY_S)


@asynccontextmanager
async def _serving(settings: Settings, calls: Calls, pool: Pool, spool: Spool) -> AsyncIterator[None]:
    app = web.Application(middlewares=[signaling.problems], client_max_size=settings.limits.offer_bytes)
    app[CALLS], app[SETTINGS], app[POOL], app[SPOOL] = calls, settings, pool, spool
    signaling.add_routes(app)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=HEADERS_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port, reuse_address=True).start()
        yield
    finally:
        await runner.cleanup()


async def healthz(_: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """Why no call should come here; a spool that was mended is only worth a look at what was set aside."""
    reasons = [trouble] if (trouble := request.app[SPOOL].trouble) is not None else []
    try:
        async with transaction(request.app[POOL], timeout_s=1) as conn:
            await conn.fetchval("SELECT 1")
    except DbError:
        reasons.append("postgres")
    notes = ["spool_damaged"] if request.app[SPOOL].was_damaged else []
    status = "unavailable" if reasons else "ok"
    return web.json_response({"status": status, "reasons": reasons, "notes": notes}, status=503 if reasons else 200)


async def metrics(_: web.Request) -> web.Response:
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
