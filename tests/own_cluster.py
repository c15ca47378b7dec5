"""A PostgreSQL cluster of one test, which may kill, stop or starve it; durable, migrated, with the three roles."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from db.migrate import migrate, set_role_passwords
from deploy.ports import free_port
from deploy.postgres import EmbeddedPostgres
from tests.conftest import Database, PostgresServer, scratch_folder

ROLES = ("liveconvo_api", "liveconvo_media", "liveconvo_jobs")


@dataclass(frozen=True, slots=True)
class OwnCluster:
    postgres: EmbeddedPostgres
    database: Database

    def processes(self) -> list[int]:
        """The server's process, then its children."""
        pid = self.postgres.pid
        assert pid is not None
        return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]

    def kill(self) -> list[int]:
        """The server and all its children at once, as a power cut would; who they were."""
        pid = self.postgres.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)  # so that it has no more children than we see
        victims = self.processes()
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
        return victims

    async def start_again(self, killed: list[int]) -> None:
        """Once the last of the killed ones is gone: they hold the cluster's shared memory until then."""
        while any(map(_lives, killed[1:])):
            await asyncio.sleep(0.01)
        await asyncio.to_thread(self.postgres.start)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Every process of it stands still: it accepts connections and answers nothing."""
        processes = self.processes()
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in processes:
                os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def own_cluster() -> AsyncIterator[OwnCluster]:
    with scratch_folder("own") as folder:
        async with cluster_in(folder / "postgres") as cluster:
            yield cluster


@asynccontextmanager
async def cluster_in(folder: Path) -> AsyncIterator[OwnCluster]:
    postgres = EmbeddedPostgres(folder, free_port())
    await asyncio.to_thread(postgres.start)
    try:
        yield OwnCluster(postgres, await _migrated(postgres))
    finally:
        await asyncio.to_thread(postgres.stop)


async def _migrated(postgres: EmbeddedPostgres) -> Database:
    await migrate(postgres.owner_url)
    passwords = {role: secrets.token_urlsafe(16) for role in ROLES}
    await set_role_passwords(postgres.owner_url, passwords)
    server = PostgresServer(postgres.owner_url, postgres.superuser_url, passwords)
    name = urlsplit(postgres.owner_url).path[1:]
    return Database(name, postgres.owner_url, *(server.url(name, role) for role in ROLES))


def _lives(pid: int) -> bool:
    """A zombie is dead, whoever has to bury it."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
