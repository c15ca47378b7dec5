"""Connections: a pool for each server, transactions that say for whom they run, and a cancelled wait that harms nobody.

Rules:
- The servers' roles are neither superuser nor BYPASSRLS nor the tables' owner: row level security binds them.
- `app.user_id` is set inside a transaction only, so nothing of it is left on the connection afterwards.
- A connection whose query was cut off (cancelled, out of time) is closed, never handed to the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

import asyncpg

from db.errors import DbError, UnavailableError, translate

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
else:
    Pool = asyncpg.Pool
    Connection = asyncpg.Connection

CONNECT_TIMEOUT_S = 5.0
STATEMENT_TIMEOUT_MS = 10_000
LOCK_TIMEOUT_MS = 5_000
IDLE_IN_TRANSACTION_TIMEOUT_MS = 30_000

_ROLE_CHECK = """
SELECT rolsuper OR rolbypassrls OR EXISTS (
    SELECT FROM pg_class
    WHERE oid = to_regclass('public.sessions')
        AND pg_has_role(current_user, relowner, 'MEMBER')
)
FROM pg_roles
WHERE rolname = current_user
"""


class UnsafeRoleError(DbError):
    """Row level security does not bind this role; a server must not use it."""


def connection_settings(application_name: str) -> dict[str, str]:
    """What every connection of ours asks of Postgres."""
    return {
        "application_name": application_name,
        "statement_timeout": str(STATEMENT_TIMEOUT_MS),
        "lock_timeout": str(LOCK_TIMEOUT_MS),
        "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_TIMEOUT_MS),
        "timezone": "UTC",
        # The spool forgets what is committed: a commit that a crash of Postgres could take back would be a loss.
        "synchronous_commit": "on",
    }


async def create_pool(url: str, *, min_size: int = 0, max_size: int = 8, application_name: str) -> Pool:
    """Connect a server.

    `min_size` is 0 because asyncpg logs a traceback whenever it cannot keep a larger one, and Postgres may be away.

    Raises:
        UnsafeRoleError: the role of `url` would see every tenant.
        UnavailableError: Postgres is away.
    """
    async with translation():
        pool = await asyncpg.create_pool(
            url,
            min_size=min_size,
            max_size=max_size,
            timeout=CONNECT_TIMEOUT_S,
            server_settings=connection_settings(application_name),
        )
        if await pool.fetchval(_ROLE_CHECK):
            await pool.close()
            raise UnsafeRoleError("unsafe_role")
    return pool


@asynccontextmanager
async def transaction(pool: Pool, *, user_id: UUID | None = None, timeout_s: float = 5.0) -> AsyncIterator[Connection]:
    """One transaction for `user_id` (None: for nobody, or for a role that is bound to no tenant).

    The deadline covers waiting for a connection, the body and the commit.

    Raises:
        UnavailableError: Postgres is away, or the deadline passed.
    """
    async with translation(), asyncio.timeout(timeout_s):
        conn = await pool.acquire()
        is_whole = False
        try:
            block = conn.transaction()
            await block.start()
            if user_id is not None:
                await act_as(conn, user_id)
            try:
                yield conn
            except Exception:
                if not conn.is_closed():
                    await block.rollback()
                    is_whole = True
                raise
            await block.commit()
            is_whole = True
        finally:
            # No ROLLBACK after a cancellation: a server that hangs would not answer that either.
            if not is_whole:
                conn.terminate()
            await pool.release(conn)


async def act_as(conn: Connection, user_id: UUID) -> None:
    """From here to the end of the transaction, row level security sees this user."""
    await conn.execute("SELECT set_config('app.user_id', $1, true)", str(user_id))


@asynccontextmanager
async def owner_connection(owner_url: str, *, timeout_s: float = 30.0) -> AsyncIterator[Connection]:
    """One connection as the database's owner, for migrations and administration; never for a server."""
    async with translation():
        conn = await asyncpg.connect(
            owner_url, timeout=CONNECT_TIMEOUT_S, command_timeout=timeout_s, server_settings={"timezone": "UTC"}
        )
        try:
            yield conn
        finally:
            conn.terminate() if conn.is_in_transaction() else await conn.close(timeout=CONNECT_TIMEOUT_S)


@asynccontextmanager
async def translation() -> AsyncIterator[None]:
    """Everything the driver raises in here leaves as one of `db.errors`."""
    try:
        yield
    except (OSError, TimeoutError) as error:
        raise UnavailableError("database_unavailable") from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        translated = translate(error)
        if translated is None:
            raise
        raise translated from error
