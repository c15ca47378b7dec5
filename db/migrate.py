"""Migrations: numbered files, forward only, each applied once, whoever else is migrating at the same moment."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

import asyncpg

from db.errors import MigrationError
from db.pool import Connection, owner_connection

_ADVISORY_LOCK = 7_263_011_905
"""Any number, as long as nobody else of this database uses it."""
_LOCK_WAIT_S = 120.0
_FILE_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """All of the package, in order."""
    found = []
    for file in resources.files("db").joinpath("migrations").iterdir():
        if (match := _FILE_NAME.fullmatch(file.name)) is not None:
            found.append(Migration(int(match[1]), file.name.removesuffix(".sql"), file.read_text("utf-8")))
    return sorted(found, key=lambda migration: migration.version)


async def migrate(owner_url: str) -> list[str]:
    """Apply what is missing; the names of what was applied by this call.

    Raises:
        MigrationError: a file was changed after it was applied, or the role may not do what a migration does.
        UnavailableError: Postgres is away.
    """
    async with owner_connection(owner_url, timeout_s=_LOCK_WAIT_S) as conn:
        # Held by the connection, so that it goes with it whatever happens.
        await conn.execute("SELECT pg_advisory_lock($1)", _ADVISORY_LOCK)
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
        done = {
            row["version"]: row["checksum"]
            for row in await conn.fetch("SELECT version, checksum FROM schema_migrations")
        }
        applied = []
        for migration in migrations():
            if migration.version not in done:
                await _apply(conn, migration)
                applied.append(migration.name)
            elif done[migration.version] != migration.checksum:
                raise MigrationError("migration_changed", f"{migration.name} was changed after it was applied.")
        return applied


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


async def _apply(conn: Connection, migration: Migration) -> None:
    try:
        async with conn.transaction():
            await conn.execute(migration.sql)
            await conn.execute(
                "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",
                migration.version,
                migration.name,
                migration.checksum,
            )
    except asyncpg.InsufficientPrivilegeError as error:
        raise MigrationError(
            "owner_may_not",
            f"{migration.name}: {error.message}. The owner of the database needs CREATEROLE, or an administrator makes "
            "the login roles liveconvo_api, liveconvo_media and liveconvo_jobs first.",
        ) from error
