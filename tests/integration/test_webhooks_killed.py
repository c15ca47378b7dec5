"""No event is lost, or told under two ids, or made up, however often the server that makes and sends it is killed.

Only in `make chaos`: each kill is another start of the whole server.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiohttp
import orjson
import pytest
from standardwebhooks.webhooks import Webhook

from control_api.sealing import Sealer
from control_api.tokens import new_token, token_hash
from control_api.webhooks.signing import new_secret, shown
from db import accounts, webhooks
from db.pool import owner_connection, transaction
from tests.chaos import IS_CHAOS, figures, progress
from tests.conftest import Database
from tests.people import connected, make_people
from tests.receivers import receiver

__test__ = IS_CHAOS

KILLS = 40
IN_TIME_S = 60.0
AT_A_TIME = 4


@asynccontextmanager
async def serving(database: Database, redis_url: str, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """The real server in a process of its own, ready; killed afterwards."""
    environment = os.environ | {
        "DATABASE_URL": database.api_url,
        "LIVECONVO_JOBS_DATABASE_URL": database.jobs_url,
        "REDIS_URL": redis_url,
        "LIVECONVO_API_PORT": str(port),
        "LIVECONVO_SECRET_KEY": "a test",
        "LIVECONVO_WEBHOOK_NETWORKS": "127.0.0.1",
        "LIVECONVO_LOG_LEVEL": "ERROR",
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "control_api", env=environment)
    try:
        async with asyncio.timeout(IN_TIME_S), aiohttp.ClientSession() as client:
            while True:
                with suppress(aiohttp.ClientError):
                    async with client.get(f"http://127.0.0.1:{port}/healthz") as answer:
                        if answer.status == 200:
                            break
                assert process.returncode is None
                await asyncio.sleep(0.05)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def keep_making(port: int, token: str) -> None:
    """Sessions, one after the other, until nobody answers."""
    headers = {"Authorization": f"Bearer {token}"}
    body = {"title": "Demo", "conversation_type": "sales"}
    with suppress(aiohttp.ClientError, OSError):
        async with aiohttp.ClientSession(headers=headers) as client:
            while True:
                async with client.post(f"http://127.0.0.1:{port}/v1/sessions", json=body) as answer:
                    assert answer.status == 201
                await asyncio.sleep(0.1)


@pytest.mark.chaos
@pytest.mark.slow
async def test_every_event_that_was_stored_arrives_and_no_other(
    database: Database, valkey: str, unused_tcp_port: int
) -> None:
    people = await make_people(database.owner_url)
    alice, token, secret = people.alice, new_token(), new_secret()
    chance = random.Random(7)
    async with receiver() as there, connected(database.api_url) as api:
        async with transaction(api, user_id=alice.user_id) as conn:
            await accounts.create_app_session(conn, alice.user_id, token_hash(token), "127.0.0.1", "test")
            await webhooks.insert_endpoint(
                conn,
                organization_id=alice.organization_id,
                url=there.url,
                signing_secret=Sealer("a test").seal(secret),
                event_types=["session.created"],
                created_by=alice.user_id,
            )
        for number in range(KILLS):
            async with serving(database, valkey, unused_tcp_port) as process, asyncio.TaskGroup() as tasks:
                for _ in range(AT_A_TIME):
                    tasks.create_task(keep_making(unused_tcp_port, token))
                told = len(there.got)
                async with asyncio.timeout(IN_TIME_S):
                    while len(there.got) == told:
                        await asyncio.sleep(0.01)
                await asyncio.sleep(chance.random())
                process.kill()
            progress("webhooks and kills", number + 1, KILLS)
        async with serving(database, valkey, unused_tcp_port), owner_connection(database.owner_url) as conn:
            async with asyncio.timeout(IN_TIME_S * KILLS):
                while await conn.fetchval("SELECT count(*) FROM webhook_deliveries WHERE status <> 'delivered'"):
                    # What was being sent when its sender was killed is due again in two minutes.
                    await conn.execute("UPDATE webhook_deliveries SET next_attempt_at = now() WHERE status = 'pending'")
                    await asyncio.sleep(1.0)
            made = {str(row["id"]) for row in await conn.fetch("SELECT id FROM sessions")}
    ids = defaultdict(set)
    for request in there.got:
        Webhook(shown(secret)).verify(request.body, request.headers)
        ids[orjson.loads(request.body)["data"]["session_id"]].add(request.headers["webhook-id"])
    assert ids.keys() == made
    assert all(len(each) == 1 for each in ids.values())
    figures("T46 killed", kills=KILLS, events=len(made), requests=len(there.got))
