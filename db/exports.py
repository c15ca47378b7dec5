"""Everything there is about a person, as one JSON document: read page by page, written as it is read.

Rules:
- What of which table is said in `personal_data`. Secrets are not in it.
- In the person's own transactions, with the api role: nothing of others is in it but what they may read anyway.
- Each page is a short transaction of its own: a slow reader holds nothing. What is written meanwhile may be in it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from db.holding import Export
from db.personal_data import HOLDINGS
from db.pool import Connection

FORMAT = "liveconvo.account.v1"
PAGE_ROWS = 500

EXPORTED: tuple[tuple[str, Export], ...] = tuple(
    (holding.table, holding.export) for holding in reversed(HOLDINGS) if holding.export is not None
)
"""Tables in their order in the document: the person first, then what they did."""


@dataclass(frozen=True, slots=True)
class Page:
    rows: list[str]
    """JSON objects."""
    last: tuple[Any, ...] | None
    """Where the next page begins; None: there is none."""


async def export_account(
    open_transaction: Callable[[], AbstractAsyncContextManager[Connection]], user_id: UUID
) -> AsyncIterator[bytes]:
    """The document's text, in pieces: {"format", "user_id", "tables": {table: [row, …]}}."""
    yield b'{"format":%s,"user_id":%s,"tables":{' % (orjson.dumps(FORMAT), orjson.dumps(str(user_id)))
    for number, (table, export) in enumerate(EXPORTED):
        yield b"%s%s:[" % (b"," if number else b"", orjson.dumps(table))
        last: tuple[Any, ...] | None = None
        while True:
            async with open_transaction() as conn:
                page = await read_page(conn, table, export, user_id, last)
            if page.rows:
                yield ("," if last else "").encode() + ",".join(page.rows).encode()
            if (last := page.last) is None:
                break
        yield b"]"
    yield b"}}"


@dataclass(frozen=True, slots=True)
class OwnRecording:
    id: UUID
    session_id: UUID
    storage_key: str
    media_type: str


async def list_recordings(conn: Connection, user_id: UUID, after: UUID | None) -> list[OwnRecording]:
    """Those of a person's own sessions, `PAGE_ROWS` at most, that come after the last one."""
    rows = await conn.fetch(
        f"""
        SELECT id, session_id, storage_key, media_type
        FROM recordings
        WHERE deleted_at IS NULL
            AND session_id = ANY (ARRAY(SELECT id FROM sessions WHERE user_id = $1 AND deleted_at IS NULL))
            AND ($2::uuid IS NULL OR id > $2)
        ORDER BY id
        LIMIT {PAGE_ROWS}
        """,  # noqa: S608  a constant
        user_id,
        after,
    )
    return [OwnRecording(**row) for row in rows]


async def read_page(conn: Connection, table: str, export: Export, user_id: UUID, after: tuple[Any, ...] | None) -> Page:
    """Some rows of one table, those that come after the place where the last page ended."""
    order = ", ".join(export.order.split())
    places = ", ".join(f"${number}" for number in range(2, 2 + len(after or ())))
    beyond = f"AND ({order}) > ({places})" if after else ""
    # The names and conditions are constants of personal_data.
    rows = await conn.fetch(
        f"""
        SELECT {order}, to_json(exported)::text AS document
        FROM (
            SELECT {", ".join(export.columns.split())}
            FROM {table}
            WHERE {export.where}
                {beyond}
            ORDER BY {order}
            LIMIT {PAGE_ROWS}
        ) AS exported
        ORDER BY {order}
        """,  # noqa: S608
        user_id,
        *(after or ()),
    )
    documents = [row["document"] for row in rows]
    if len(rows) < PAGE_ROWS:
        return Page(documents, None)
    return Page(documents, tuple(rows[-1][column] for column in export.order.split()))
