"""A throw-away PostgreSQL with the settings of a real one, and a login for each role that the benchmark plays."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from db.migrate import migrate, set_role_passwords
from deploy.paths import throwaway_folder
from deploy.plan import ROLES, role_url
from deploy.ports import free_port
from deploy.postgres import EmbeddedPostgres

UNGUARDED = "bench_unguarded"
"""The api's and the media server's rights without their policies: what is measured against."""


@dataclass(frozen=True, slots=True)
class Server:
    """Addresses of one migrated database."""

    superuser_url: str
    owner_url: str
    urls: dict[str, str]
    """Of the roles api, media and jobs."""
    unguarded_url: str


@contextmanager
def throwaway_server() -> Iterator[Server]:
    """fsync, full pages and commits as in production; gone afterwards."""
    with throwaway_folder() as folder:
        postgres = EmbeddedPostgres(folder / "postgres", free_port())
        postgres.start()
        try:
            yield asyncio.run(_prepare(postgres))
        finally:
            postgres.stop()


async def _prepare(postgres: EmbeddedPostgres) -> Server:
    await migrate(postgres.owner_url)
    passwords = {role: secrets.token_urlsafe(16) for role in (*ROLES.values(), UNGUARDED)}
    superuser_url = _with_path(postgres.superuser_url, Path(urlsplit(postgres.owner_url).path))
    conn = await asyncpg.connect(superuser_url)
    try:
        await conn.execute(f"CREATE ROLE {UNGUARDED} LOGIN BYPASSRLS IN ROLE {ROLES['api']}, {ROLES['media']}")
        await set_role_passwords(superuser_url, passwords)
    finally:
        await conn.close()
    return Server(
        superuser_url,
        postgres.owner_url,
        {name: role_url(postgres.owner_url, role, passwords[role]) for name, role in ROLES.items()},
        role_url(postgres.owner_url, UNGUARDED, passwords[UNGUARDED]),
    )


def _with_path(url: str, path: Path) -> str:
    return urlunsplit(urlsplit(url)._replace(path=str(path)))
