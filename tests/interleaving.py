"""Several connections that work at the same time, step by step: each step ends when it is done or waits for a lock."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg

from db.pool import translation
from tests.conftest import TEMPLATE, Database, PostgresServer

STEP_S = 20.0
"""No step takes so long; one that does fails."""

# Not what waits for somebody who is just at work: that one will be done in a moment, or wait itself. Only a superuser
# sees what other roles are doing.
_IS_WAITING = """
SELECT count(*) > 0 AND bool_and(state = 'idle in transaction' OR cardinality(pg_blocking_pids(pid)) > 0)
FROM unnest(pg_blocking_pids($1)) AS blocker (pid)
JOIN pg_stat_activity USING (pid)
"""


class Hand:
    """One connection, and what it is doing."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._conn: asyncpg.Connection[asyncpg.Record] | None = None
        self._task: asyncio.Task[Any] | None = None
        self.pid = 0

    async def connect(self) -> None:
        self._conn = await asyncpg.connect(self._url, server_settings={"timezone": "UTC"})
        self.pid = self._conn.get_server_pid()

    @property
    def conn(self) -> asyncpg.Connection[asyncpg.Record]:
        assert self._conn is not None
        return self._conn

    @property
    def is_waiting(self) -> bool:
        return self._task is not None

    async def do(self, work: Coroutine[Any, Any, object], watcher: Hand) -> bool:
        """Begin; False when it waits for somebody."""
        assert self._task is None
        self._task = asyncio.get_running_loop().create_task(_translated(work))
        return await self.settle(watcher)

    async def settle(self, watcher: Hand) -> bool:
        """True when what was begun is done.

        Raises: what the work raised.
        """
        task = self._task
        assert task is not None
        async with asyncio.timeout(STEP_S):
            while not task.done():
                if await watcher.conn.fetchval(_IS_WAITING, self.pid):
                    return False
        self._task = None
        await task
        return True

    async def crash(self, watcher: Hand) -> None:
        """The connection breaks off; Postgres has taken back what it had not committed."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        self.conn.terminate()
        await watcher.conn.execute("SELECT pg_terminate_backend($1)", self.pid)
        async with asyncio.timeout(STEP_S):
            while await watcher.conn.fetchval("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)", self.pid):
                pass
        await self.connect()

    async def let_go(self, watcher: Hand) -> None:
        """Whatever it was doing is taken back."""
        if self.is_waiting:
            await self.crash(watcher)
        elif self.conn.is_in_transaction():
            await self.conn.execute("ROLLBACK")

    async def close(self) -> None:
        if self._conn is not None:
            self._conn.terminate()


@contextmanager
def own_database(server: PostgresServer) -> Iterator[Database]:
    """One migrated database for a whole module, outside of any test's loop."""
    name = f"test_{secrets.token_hex(6)}"
    asyncio.run(_execute(server.owner_url, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}"))
    try:
        roles = ("liveconvo_api", "liveconvo_media", "liveconvo_jobs")
        yield Database(name, server.url(name), *(server.url(name, role) for role in roles))
    finally:
        asyncio.run(_execute(server.superuser_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


def watcher_url(server: PostgresServer, database: Database) -> str:
    return f"{server.superuser_url.rpartition('/')[0]}/{database.name}"


async def _translated(work: Coroutine[Any, Any, object]) -> object:
    async with translation():
        return await work


async def _execute(url: str, statement: str) -> None:
    conn = await asyncpg.connect(url)
    try:
        await conn.execute(statement)
    finally:
        await conn.close()
