"""The benchmark's data set is one that people could have made: it keeps every rule, trigger and foreign key."""

from __future__ import annotations

import asyncpg

from deploy.bench.db_data import Size, fill
from deploy.bench.db_sample import draw
from tests.conftest import Database

SIZE = Size(organizations=30, sessions=500, transcripts=3000)


async def test_the_data_set_keeps_every_rule(database: Database) -> None:
    said: list[str] = []
    conn = await asyncpg.connect(database.owner_url)
    try:
        await fill(conn, SIZE, said.append)
        counts = await conn.fetchrow(
            "SELECT (SELECT count(*) FROM sessions) AS sessions, (SELECT count(*) FROM transcripts) AS transcripts"
        )
        samples = await draw(conn, 100)
    finally:
        await conn.close()
    assert counts == (500, 3000)
    assert len(samples) == 100
    assert any(text.startswith("transcripts: 3,000 rows") for text in said)
