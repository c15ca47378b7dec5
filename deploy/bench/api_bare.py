"""The bare server that the API is measured beside: aiohttp and asyncpg, and per request the same transaction.

`python -m deploy.bench.api_bare PORT` with DATABASE_URL. It asks the same statements of the same database in a
transaction that says for whom it runs (`act_as`, which is `set_config`), and answers the rows as JSON. It believes
whatever the request says about who asks: no sign-in, no access, no validation, no limits, no metrics.
"""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import uvloop
from aiohttp import web

from db import calls, sessions, transcripts
from db.pool import Connection, connection_settings

POOL = web.AppKey("pool", asyncpg.Pool)


async def _list(request: web.Request, conn: Connection) -> Any:
    return await sessions.list_sessions(conn, UUID(request.headers["organization"]), limit=21)


async def _get(request: web.Request, conn: Connection) -> Any:
    session_id = UUID(request.match_info["id"])
    session = await sessions.get_session(conn, UUID(request.headers["organization"]), session_id)
    return session, await sessions.list_participants(conn, session_id), await calls.current_call(conn, session_id)


async def _transcript(request: web.Request, conn: Connection) -> Any:
    session_id = UUID(request.match_info["id"])
    await sessions.get_session(conn, UUID(request.headers["organization"]), session_id)
    rows = await transcripts.list_transcripts(conn, session_id, since=0, limit=100)
    return [asdict(row) for row in rows], await transcripts.latest_sequence_number(conn, session_id)


async def _create(request: web.Request, conn: Connection) -> Any:
    sent = orjson.loads(await request.read())
    return await sessions.insert_session(
        conn, user_id=UUID(request.headers["user"]), organization_id=UUID(request.headers["organization"]), **sent
    )


def _handler(work: Any) -> Any:
    async def handle(request: web.Request) -> web.Response:
        async with request.app[POOL].acquire() as conn, conn.transaction():
            await conn.execute("SELECT act_as($1)", UUID(request.headers["user"]))
            found = await work(request, conn)
        return web.Response(body=orjson.dumps(found, default=str), content_type="application/json")

    return handle


async def _app() -> web.Application:
    app = web.Application()
    app[POOL] = await asyncpg.create_pool(
        os.environ["DATABASE_URL"], min_size=8, max_size=8, server_settings=connection_settings("liveconvo-bench")
    )
    app.router.add_get("/v1/sessions", _handler(_list))
    app.router.add_get("/v1/sessions/{id}", _handler(_get))
    app.router.add_get("/v1/sessions/{id}/transcript", _handler(_transcript))
    app.router.add_post("/v1/sessions", _handler(_create))
    return app


if __name__ == "__main__":
    uvloop.install()
    web.run_app(_app(), host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
