"""Whether a pool has all its connections, and what Postgres says of them."""

from __future__ import annotations

import asyncio
from collections import Counter

import asyncpg

from db.pool import Pool, transaction
from tests.conftest import Database, PostgresServer

IN_TIME_S = 5.0


async def check_whole(pool: Pool, size: int) -> None:
    """Every place of the pool can be had, all at once."""
    everybody = asyncio.Barrier(size)

    async def take() -> None:
        async with transaction(pool) as conn:
            await conn.execute("SELECT 1")
            await everybody.wait()

    async with asyncio.timeout(IN_TIME_S), asyncio.TaskGroup() as tasks:
        for _ in range(size):
            tasks.create_task(take())


async def left_open(server: PostgresServer, database: Database) -> Counter[str]:
    """What the servers' connections do, once nobody is in the middle of anything; or at the latest in five seconds."""
    states: Counter[str] = Counter()
    conn = await asyncpg.connect(server.superuser_url)  # others do not see what our roles do
    try:
        for _ in range(250):
            rows = await conn.fetch(
                "SELECT state FROM pg_stat_activity WHERE datname = $1 AND usename LIKE 'liveconvo\\_%'", database.name
            )
            states = Counter(row["state"] or "starting" for row in rows)
            if set(states) <= {"idle"}:
                break
            await asyncio.sleep(0.02)
    finally:
        await conn.close()
    return states
