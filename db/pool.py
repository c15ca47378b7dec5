"""Connections: a pool for each server, transactions that say for whom they run, and a cancelled wait that harms nobody.

Rules:
- The servers' roles are neither superuser nor BYPASSRLS nor the tables' owner: row level security binds them.
- `app.user_id` is set inside a transaction only, so nothing of it is left on the connection afterwards; and every
  transaction begins with the settings of a new connection, whatever the one before has left.
- A connection whose query was cut off (cancelled, out of time) is closed, never handed to the next one.
- Every wait ends at the deadline of its transaction. How many wait is bounded, and a Postgres that stays silent is
  asked by hardly anybody: whoever is beyond that is refused at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast
from uuid import UUID

import asyncpg

from db.breaker import Breaker
from db.errors import DRIVER_ERRORS, SpoiltTransactionError, UnavailableError, translate
from db.role_check import refuse_unsafe_role

if TYPE_CHECKING:
    Connections: TypeAlias = asyncpg.Pool[asyncpg.Record]
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
    DriverConnection: TypeAlias = asyncpg.Connection[asyncpg.Record]
    Lent: TypeAlias = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
else:
    Connections = asyncpg.Pool
    Connection = asyncpg.Connection
    DriverConnection = asyncpg.Connection

CONNECT_TIMEOUT_S = 5.0
TRANSACTION_TIMEOUT_S = 5.0
RESET_TIMEOUT_S = 1.0
"""For tidying a connection up after its transaction is over; then it is closed instead."""
WAITING_PER_CONNECTION = 32
"""Two hundred people who come back at once are served by a pool of eight; what is beyond would wait in vain."""
STATEMENT_TIMEOUT_MS = 10_000
LOCK_TIMEOUT_MS = 5_000
IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000
CLIENT_CHECK_INTERVAL_MS = 1_000
"""A statement whose client is gone holds its locks no longer than this."""


def connection_settings(application_name: str) -> dict[str, str]:
    """What every connection of ours asks of Postgres."""
    return {
        "application_name": application_name,
        "statement_timeout": str(STATEMENT_TIMEOUT_MS),
        "lock_timeout": str(LOCK_TIMEOUT_MS),
        "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_TIMEOUT_MS),
        "client_connection_check_interval": str(CLIENT_CHECK_INTERVAL_MS),
        "timezone": "UTC",
        # The spool forgets what is committed: a commit that a crash of Postgres could take back would be a loss.
        "synchronous_commit": "on",
    }


@dataclass(slots=True)
class Loan:
    """A connection while it is out of its pool."""

    conn: Lent
    is_whole: bool = False
    """Its last statement was answered and its transaction is over: the next one may have it."""


class Pool:
    """The connections of one server, and who may wait for them."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._max_waiting = connections.get_max_size() * WAITING_PER_CONNECTION
        self._waiting = 0
        self._breaker = Breaker()

    @asynccontextmanager
    async def lend(self, timeout_s: float) -> AsyncIterator[Loan]:
        """A connection, for a body that says when it is whole again; else it is closed.

        Raises:
            UnavailableError: too many wait already, or Postgres was silent lately.
            TimeoutError: the deadline passed.
        """
        with self._admission():
            loan: Loan | None = None
            try:
                async with asyncio.timeout(timeout_s):
                    loan = Loan(await self._acquire())
                    yield loan
            finally:
                if loan is not None:
                    await self._take_back(loan)

    def terminate(self) -> None:
        """Close all connections without waiting for anything."""
        self._connections.terminate()

    @contextmanager
    def _admission(self) -> Iterator[None]:
        """Around everything that waits for Postgres, so that its silence is noticed."""
        clock = asyncio.get_running_loop().time
        if self._waiting >= self._max_waiting:
            raise UnavailableError("database_busy", "Too many requests wait for the database.")
        if not self._breaker.admits(clock()):
            raise UnavailableError("database_unavailable")
        try:
            yield
        except TimeoutError:
            self._breaker.was_silent(clock())
            raise
        except Exception:
            self._breaker.answered()
            raise
        self._breaker.answered()

    async def _acquire(self) -> Lent:
        self._waiting += 1
        try:
            return await self._connections.acquire()
        finally:
            self._waiting -= 1

    async def _take_back(self, loan: Loan) -> None:
        # What the transaction came to is known by now, and is not changed by what becomes of its connection.
        with suppress(OSError, *DRIVER_ERRORS):
            if not loan.is_whole:
                # No ROLLBACK: a server that hangs would not answer that either.
                loan.conn.terminate()
            await self._connections.release(loan.conn, timeout=RESET_TIMEOUT_S)


class _Connection(DriverConnection):
    """The driver's connection, except for how a transaction begins and ends.

    Its BEGIN resets the settings and says for whom it runs, which would be two round trips of their own. A COMMIT which
    Postgres answers by ROLLBACK is an error: it does so, and reports success, when a statement failed and somebody
    swallowed that.
    """

    _next_user_id: UUID | None = None

    def act_next_as(self, user_id: UUID) -> None:
        """In the next transaction, row level security sees this user."""
        self._next_user_id = user_id

    def get_reset_query(self) -> str:
        """Nothing when it goes back to the pool: transactions leave no cursor, channel or lock of a session behind."""
        return ""

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:
        if query.startswith("BEGIN"):
            # Several statements go together without arguments only; in a UUID's hex there is nothing to escape.
            user_id, self._next_user_id = self._next_user_id, None
            query = f"RESET ALL; {query}" + (f" SELECT act_as('{user_id.hex}')" if user_id is not None else "")
        status = await super().execute(query, *args, timeout=timeout)
        if status == "ROLLBACK" and query.startswith("COMMIT"):
            raise SpoiltTransactionError("transaction_spoilt")
        return status


async def create_pool(url: str, *, max_size: int = 8, application_name: str, only: str | None = None) -> Pool:
    """Connect a server; `only`: as this one of the servers' roles, or one that is a member of no other.

    Raises:
        UnsafeRoleError: the role of `url` would see every tenant.
        UnavailableError: Postgres is away.
    """
    async with translation():
        connections = await asyncpg.create_pool(
            url,
            min_size=0,  # the driver logs a traceback whenever it cannot keep a larger one, and Postgres may be away
            max_size=max_size,
            timeout=CONNECT_TIMEOUT_S,
            connection_class=_Connection,
            server_settings=connection_settings(application_name),
        )
    pool = Pool(connections)
    try:
        async with transaction(pool) as conn:
            await refuse_unsafe_role(conn, only=only)
    except BaseException:
        pool.terminate()
        raise
    return pool


@asynccontextmanager
async def transaction(
    pool: Pool, *, user_id: UUID | None = None, timeout_s: float = TRANSACTION_TIMEOUT_S
) -> AsyncIterator[Connection]:
    """One transaction for `user_id` (None: for nobody, or for a role that is bound to no tenant).

    The deadline covers waiting for a connection, the body and the commit.

    Raises:
        UnavailableError: Postgres is away, the deadline passed, or too many wait already.
        SpoiltTransactionError: the body went on after a statement of it had failed.
    """
    async with translation(), pool.lend(timeout_s) as loan:
        block = loan.conn.transaction()
        if user_id is not None:
            cast(_Connection, loan.conn).act_next_as(user_id)
        await block.start()
        try:
            yield loan.conn
        except Exception:
            with suppress(OSError, *DRIVER_ERRORS):
                await block.rollback()
                loan.is_whole = True
            raise
        await block.commit()
        loan.is_whole = True


@asynccontextmanager
async def alone(pool: Pool, *, timeout_s: float = TRANSACTION_TIMEOUT_S) -> AsyncIterator[Connection]:
    """For one statement that is a transaction by itself, for nobody: it needs no BEGIN and no COMMIT.

    Raises:
        UnavailableError: as above.
    """
    async with translation(), pool.lend(timeout_s) as loan:
        yield loan.conn
        loan.is_whole = True


async def act_as(conn: Connection, user_id: UUID) -> None:
    """From here to the end of the transaction, row level security sees this user."""
    await conn.execute("SELECT act_as($1)", user_id)


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
    except DRIVER_ERRORS as error:
        translated = translate(error)
        if translated is None:
            raise
        raise translated from error
