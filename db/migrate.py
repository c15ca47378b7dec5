"""Bringing a database to this program's version: forward only, each migration once, whoever else is migrating.

Rules:
- A migration is one transaction: it is there as a whole or not at all.
- It waits for a lock for two seconds at most, because all who come after it wait behind it; then it gives way and is
  tried again, until ten minutes are over.
- Programs of the release before keep running while it is applied, and afterwards: a database that has migrations of a
  newer release is no error here. `check` names them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

import asyncpg

from db.errors import MigrationError, UnavailableError, translate
from db.pool import Connection, owner_connection
from db.standing import Migration, Standing, migrations, read_standing

__all__ = ["Migration", "Standing", "check", "migrate", "migrations", "set_role_passwords"]

LOCK_TIMEOUT_S = 2.0
"""Below the servers' deadlines: who waits behind a migration that waits is late, but does not fail."""
DEADLINE_S = 600.0
_LONGEST_PAUSE_S = 15.0
_STATEMENT_TIMEOUT_S = 1_800.0
_FILE_TIMEOUT_S = 3_600.0
_SLOW_S = 1.0
_ADVISORY_LOCK = 7_263_011_905
"""Any number, as long as nobody else of this database uses it."""
_GIVES_WAY = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)

Report = Callable[[str], object]
"""Told, a line each, what was applied, what takes long and what has to wait."""


async def check(owner_url: str) -> Standing:
    """What `migrate` would find; changes nothing.

    Raises:
        MigrationError: this is not the owner of the database.
        UnavailableError: Postgres is away, or lets nobody in by this address.
    """
    async with _connection(owner_url) as conn, conn.transaction(readonly=True):
        return await read_standing(conn, migrations())


async def migrate(
    owner_url: str,
    *,
    report: Report = lambda line: None,
    lock_timeout_s: float = LOCK_TIMEOUT_S,
    deadline_s: float = DEADLINE_S,
) -> list[str]:
    """Apply what is missing; the names of what was applied by this call.

    Raises:
        MigrationError: a file was changed after it was applied; a migration fails, or may not be applied; others hold
            what it needs for longer than `deadline_s` ("migration_blocked").
        UnavailableError: Postgres is away, or lets nobody in by this address.
    """
    give_up_at = asyncio.get_running_loop().time() + deadline_s
    async with _connection(owner_url) as conn:
        await _take_turn(conn, report, deadline_s)
        await _make_list(conn)
        standing = await read_standing(conn, migrations())
        if standing.changed:
            raise MigrationError("migration_changed", f"{standing.changed[0].name} was changed after it was applied.")
        for migration in standing.missing:
            await _apply_patiently(conn, migration, report, lock_timeout_s, give_up_at)
        return [migration.name for migration in standing.missing]


async def set_role_passwords(owner_url: str, passwords: Mapping[str, str]) -> None:
    """Give the servers' roles their passwords.

    Raises:
        MigrationError: the owner may not, because somebody else made these roles.
    """
    async with owner_connection(owner_url) as conn:
        for role, password in passwords.items():
            # ALTER ROLE takes no parameters; format() quotes.
            statement = await conn.fetchval(
                "SELECT format('ALTER ROLE %I PASSWORD %L', $1::text, $2::text)", role, password
            )
            try:
                await conn.execute(statement)
            except asyncpg.InsufficientPrivilegeError as error:
                raise MigrationError(
                    "role_not_ours",
                    f"The owner of the database may not set the password of {role}: let the role that made it do so.",
                ) from error


@asynccontextmanager
async def _connection(owner_url: str) -> AsyncIterator[Connection]:
    """The owner's; whoever is not the owner is told so."""
    async with owner_connection(owner_url, timeout_s=_FILE_TIMEOUT_S) as conn:
        try:
            yield conn
        except asyncpg.InsufficientPrivilegeError as error:
            raise MigrationError("owner_may_not", f"Only the owner of the database may: {error}.") from error


async def _take_turn(conn: Connection, report: Report, deadline_s: float) -> None:
    """One migrates at a time; the turn is held by the connection, so that it ends with it whatever happens."""
    await _set(conn, "lock_timeout", deadline_s, is_local=False)
    try:
        with _announcing(report, "waiting for somebody else who is migrating this database"):
            await conn.execute("SELECT pg_advisory_lock($1)", _ADVISORY_LOCK)
    except asyncpg.LockNotAvailableError as error:
        raise MigrationError(
            "migration_blocked", f"Somebody else has been migrating this database for {deadline_s:g} seconds."
        ) from error


async def _make_list(conn: Connection) -> None:
    await conn.execute(
        """
        CREATE TABLE IF NOT EXISTS schema_migrations (
            version integer PRIMARY KEY,
            name text NOT NULL,
            checksum text NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP
        )
        """
    )


async def _apply_patiently(
    conn: Connection, migration: Migration, report: Report, lock_timeout_s: float, give_up_at: float
) -> None:
    """Longer pauses each time, in which those who waited behind it go on."""
    loop = asyncio.get_running_loop()
    pause_s = lock_timeout_s
    while True:
        started_at = loop.time()
        try:
            with _announcing(report, f"applying {migration.name}"):
                await _apply(conn, migration, lock_timeout_s)
            report(f"applied {migration.name}{_took(loop.time() - started_at)}")
            return
        except _GIVES_WAY as error:
            if loop.time() + pause_s > give_up_at:
                raise MigrationError(
                    "migration_blocked",
                    f"{migration.name} could not have the locks it needs: end the long transactions of this database, "
                    "then migrate again.",
                ) from error
        report(f"{migration.name} waits for long transactions; it is tried again in {pause_s:g} s")
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)


async def _apply(conn: Connection, migration: Migration, lock_timeout_s: float) -> None:
    try:
        async with conn.transaction():
            await _set(conn, "lock_timeout", lock_timeout_s, is_local=True)
            await _set(conn, "statement_timeout", _STATEMENT_TIMEOUT_S, is_local=True)
            await conn.execute(migration.sql)
            await conn.execute(
                "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",
                migration.version,
                migration.name,
                migration.checksum,
            )
    except _GIVES_WAY:
        raise
    except asyncpg.InsufficientPrivilegeError as error:
        raise MigrationError(
            "owner_may_not",
            f"{migration.name}: {error}. The owner of the database needs CREATEROLE, or an administrator makes "
            "the login roles liveconvo_api, liveconvo_media and liveconvo_jobs first.",
        ) from error
    except asyncpg.PostgresError as error:
        is_slow = isinstance(error, asyncpg.QueryCanceledError)
        if isinstance(translate(error), UnavailableError) and not is_slow:
            raise
        raise MigrationError("migration_failed", f"{migration.name} failed: {error.message}.") from error


async def _set(conn: Connection, name: str, seconds: float, *, is_local: bool) -> None:
    await conn.execute("SELECT set_config($1, $2, $3)", name, f"{round(seconds * 1000)}ms", is_local)


@contextmanager
def _announcing(report: Report, text: str) -> Iterator[None]:
    """Says what is being done once it takes longer than a moment."""
    announcement = asyncio.get_running_loop().call_later(_SLOW_S, report, f"{text} …")
    try:
        yield
    finally:
        announcement.cancel()


def _took(seconds: float) -> str:
    return f" in {seconds:.1f} s" if seconds >= _SLOW_S else ""
