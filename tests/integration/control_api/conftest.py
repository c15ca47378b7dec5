"""The real control API on a real Postgres and Valkey, with people signed in to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from blockbuster import blockbuster_ctx
from pytest_aiohttp import AiohttpClient

from tests.api import Api, MakeApi, open_api
from tests.conftest import Database


@pytest.fixture
async def api(database: Database, valkey: str, aiohttp_client: AiohttpClient) -> AsyncIterator[Api]:
    async with open_api(database, valkey, aiohttp_client) as api:
        with blockbuster_ctx("control_api") as watch:
            for function in watch.functions.values():  # asyncpg looks for a key file whenever it connects
                function.can_block_in("asyncpg/connect_utils.py", "_parse_connect_dsn_and_args")
            yield api


@pytest.fixture
def make_api(database: Database, valkey: str, aiohttp_client: AiohttpClient) -> MakeApi:
    """The same with other settings."""
    return lambda **settings: open_api(database, settings.pop("redis_url", valkey), aiohttp_client, **settings)
