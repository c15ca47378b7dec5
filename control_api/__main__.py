"""`python -m control_api`: the HTTP server and the job worker, until SIGTERM or Ctrl-C.

Exit code 3: another start would end the same way: a setting, or the database's role, is unsafe; the message says why.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import signal
import sys
from contextlib import AsyncExitStack
from functools import partial

import uvloop
from aiohttp import web

from control_api import logs, safety, worker
from control_api.app import SERVER_OPTIONS, build_app, open_state
from control_api.errors import SettingsError
from control_api.metrics import Metrics
from control_api.settings import Settings, read_settings
from control_api.state import State
from db.errors import DbError, UnsafeRoleError
from db.log_writer import LogWriter
from db.pool import transaction

log = logging.getLogger("control_api")
CANNOT_RUN = 3
WORKER_GRACE_S = 1.5
"""A job that is not done by then is run again by the next worker."""


def main() -> int:
    try:
        settings = read_settings()
        if unsafe := safety.faults(settings, optimize=sys.flags.optimize):
            for fault in unsafe:
                sys.stderr.write(f"control_api: refuses to start code={fault.code}: {fault.what_to_do}\n")
            return CANNOT_RUN
        logs.set_up(settings.log_level)
        open_many_files()
        uvloop.run(serve(settings))
    except SettingsError as error:
        sys.stderr.write(f"control_api: {error}\n")
        return 2
    except UnsafeRoleError as error:
        sys.stderr.write(f"control_api: refuses to start code={error.code}: {error}\n")
        return CANNOT_RUN
    except DbError as error:
        log.error("cannot start code=%s: %s", error.code, error)
        return 1
    except ExceptionGroup as group:
        log.error("stopped by faults kinds=%s", ",".join(type(error).__name__ for error in group.exceptions))
        return 1
    except OSError as error:
        log.error("cannot listen errno=%s", error.errno)
        return 1
    return 0


def open_many_files() -> None:
    """As many as the system allows: whoever only knocks takes one, and must not take the last."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def serve(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    metrics = Metrics()
    async with open_state(settings, metrics) as state, asyncio.TaskGroup() as tasks, AsyncExitStack() as stack:
        notes = LogWriter(partial(transaction, state.pool), metrics.notes_dropped.inc)
        stack.enter_context(notes.attached())
        tasks.create_task(notes.run(stop))
        runner = await _listen(state)
        working = tasks.create_task(worker.run(settings, metrics, stop))
        try:
            # What stays is out of the collector's sight: models and routes are looked through in vain, every time.
            gc.collect()
            gc.freeze()
            log.info("serving port=%s", settings.port)
            if settings.is_https and not settings.trusted_proxies:
                log.warning("LIVECONVO_TRUSTED_PROXIES is not set: everybody behind the proxy shares one address")
            await stop.wait()
        finally:
            await runner.cleanup()
        await asyncio.wait([working], timeout=WORKER_GRACE_S)
        working.cancel()


async def _listen(state: State) -> web.AppRunner:
    settings = state.settings
    runner = web.AppRunner(build_app(state), shutdown_timeout=settings.shutdown_timeout_s, **SERVER_OPTIONS)
    await runner.setup()
    await web.TCPSite(runner, settings.host, settings.port).start()
    return runner


if __name__ == "__main__":
    sys.exit(main())
