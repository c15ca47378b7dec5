"""A real PostgreSQL and a real Valkey for the tests: started once, a database of its own for every test that asks."""

from __future__ import annotations

import asyncio
import os
import secrets
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import redis
import uvloop

from db.migrate import migrate, set_role_passwords
from deploy.ports import free_port
from deploy.postgres import EmbeddedPostgres
from deploy.valkey import EmbeddedValkey

TEMPLATE = "liveconvo_template"
"""The migrated database that every test's own one is copied from; nobody may stay connected to it."""

os.environ.setdefault("LIVECONVO_ASR_PROCESSES", "0")
"""Nodes that tests start recognize in threads, unless the test is about processes: those take a second more."""
_WANTED_MEMORY_BYTES = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """One cluster for the whole run, with a migrated template."""

    owner_url: str
    superuser_url: str
    passwords: dict[str, str]

    def url(self, database: str, role: str | None = None) -> str:
        """The address of a database for one of the servers' roles; None is the owner."""
        parts = urlsplit(self.owner_url)
        user = f"{role}:{self.passwords[role]}" if role else f"{parts.username}:{parts.password}"
        return urlunsplit(parts._replace(netloc=f"{user}@{parts.hostname}:{parts.port}", path=f"/{database}"))


@dataclass(frozen=True, slots=True)
class Database:
    """A migrated database of one test."""

    name: str
    owner_url: str
    api_url: str
    media_url: str
    jobs_url: str


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The API's tests run on its own loop: where that differs from asyncio's, a test is to find it."""
    if "/control_api/" in item.nodeid:
        return {"uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with scratch_folder("postgres") as folder:
        postgres = EmbeddedPostgres(folder, free_port(), durable=False)
        postgres.start()
        try:
            passwords = {
                role: secrets.token_urlsafe(16) for role in ("liveconvo_api", "liveconvo_media", "liveconvo_jobs")
            }
            server = PostgresServer(postgres.owner_url, postgres.superuser_url, passwords)
            asyncio.run(_make_template(server))
            yield server
        finally:
            postgres.stop()


@pytest.fixture
async def database(postgres_server: PostgresServer) -> AsyncIterator[Database]:
    name = f"test_{secrets.token_hex(6)}"
    await _execute(postgres_server.owner_url, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    try:
        yield Database(
            name,
            postgres_server.url(name),
            postgres_server.url(name, "liveconvo_api"),
            postgres_server.url(name, "liveconvo_media"),
            postgres_server.url(name, "liveconvo_jobs"),
        )
    finally:
        await _execute(postgres_server.superuser_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
async def empty_database(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """The owner's address of a database without any table."""
    name = f"test_{secrets.token_hex(6)}"
    await _execute(postgres_server.owner_url, f"CREATE DATABASE {name}")
    try:
        yield postgres_server.url(name)
    finally:
        await _execute(postgres_server.superuser_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[str]:
    with scratch_folder("valkey") as folder:
        valkey = EmbeddedValkey(folder, free_port())
        valkey.start()
        try:
            yield valkey.url
        finally:
            valkey.stop()


@pytest.fixture
def valkey(valkey_server: str) -> str:
    """The address of an empty Valkey."""
    with redis.Redis.from_url(valkey_server) as client:
        client.flushall()
    return valkey_server


async def _make_template(server: PostgresServer) -> None:
    await _execute(server.owner_url, f"CREATE DATABASE {TEMPLATE}")
    await migrate(server.url(TEMPLATE))
    await set_role_passwords(server.owner_url, server.passwords)


async def _execute(url: str, statement: str) -> None:
    conn = await asyncpg.connect(url)
    try:
        await conn.execute(statement)
    finally:
        await conn.close()


@contextmanager
def scratch_folder(name: str) -> Iterator[Path]:
    # Not pytest's tmp_path: as root that one is private, and the database's own user could not enter it.
    with tempfile.TemporaryDirectory(
        prefix=f"liveconvo-{name}-", dir=_memory_folder(), ignore_cleanup_errors=True
    ) as folder:
        path = Path(folder)
        path.chmod(0o755)
        yield path


def _memory_folder() -> str | None:
    """Memory where the system offers enough of it: a database is a thousand small files, ten times quicker there."""
    folder = Path("/dev/shm")  # noqa: S108  a folder of our own is made in it
    if not os.access(folder, os.W_OK):
        return None
    system = os.statvfs(folder)
    # The database's programs may have to be copied there, see EmbeddedPostgres.
    is_executable = not system.f_flag & os.ST_NOEXEC
    return str(folder) if is_executable and system.f_bavail * system.f_frsize > _WANTED_MEMORY_BYTES else None
