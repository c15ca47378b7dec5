"""The real control API on a real Postgres and Valkey, with people signed in to it; a database that is full."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
import pytest_asyncio
from blockbuster import blockbuster_ctx
from pytest_aiohttp import AiohttpClient

from db.pool import Connection
from tests.api import Api, MakeApi, open_api
from tests.attempts import rolled_back
from tests.conftest import Database, PostgresServer
from tests.interleaving import own_database
from tests.stage import Stage, filled_database
from tests.world import Ground, World, new_world, open_ground


@pytest.fixture
async def api(database: Database, valkey: str, aiohttp_client: AiohttpClient) -> AsyncIterator[Api]:
    async with open_api(database, valkey, aiohttp_client) as api:
        with blockbuster_ctx("control_api"):
            yield api


@pytest.fixture
def make_api(database: Database, valkey: str, aiohttp_client: AiohttpClient) -> MakeApi:
    """The same with other settings."""
    return lambda **settings: open_api(database, settings.pop("redis_url", valkey), aiohttp_client, **settings)


@pytest.fixture(scope="module")
def shared_database(postgres_server: PostgresServer) -> Iterator[Database]:
    """For a module whose tests do not disturb each other."""
    with own_database(postgres_server) as database:
        yield database


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground(shared_database: Database) -> AsyncIterator[Ground]:
    async with open_ground(shared_database) as ground:
        yield ground


@pytest_asyncio.fixture(loop_scope="module")
async def world(ground: Ground) -> World:
    return await new_world(ground)


@pytest.fixture(scope="module")
def stage(postgres_server: PostgresServer) -> Iterator[Stage]:
    """One filled database for a module whose tests take back whatever they do."""
    with filled_database(postgres_server) as stage:
        yield stage


@pytest.fixture
async def superuser(stage: Stage) -> AsyncIterator[Connection]:
    """A superuser in a transaction that is rolled back."""
    conn = await asyncpg.connect(stage.url, statement_cache_size=0)
    try:
        async with rolled_back(conn):
            yield conn
    finally:
        await conn.close()
