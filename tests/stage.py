"""A database with every table filled, and what is expected of it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import asyncpg

from db.policies import Page, page_text, read_page
from db.pool import Connection
from tests.actors import Actor, Judge, actors, judge
from tests.catalog import Catalog, read_catalog
from tests.conftest import TEMPLATE, PostgresServer
from tests.valid_rows import Row, World, fill


@dataclass(frozen=True, slots=True)
class Stage:
    url: str
    """A superuser's: whoever tries something takes a role first."""
    owner: str
    """The role that owns the tables."""
    catalog: Catalog
    page: Page
    world: World
    judge: Judge
    places: dict[str, dict[str, str]]
    """Where each row lies, by table and key: any update moves it."""

    def actors(self, role: str | None = None) -> list[Actor]:
        return [actor for actor in actors(self.world) if role in {None, actor.role}]

    def columns(self, role: str, table: str, verb: str) -> list[str]:
        """Those the page gives the role, and that take a value where one is written."""
        access = self.page.tables[table].access.get((role, verb))
        if access is None:
            return []
        columns = self.catalog.tables[table].values()
        return [
            column.name
            for column in columns
            if (access.columns is None or column.name in access.columns)
            and (verb == "read" or not column.is_made_by_database)
        ]


async def read_places(conn: Connection, catalog: Catalog, table: str) -> dict[str, str]:
    key = ", ".join(catalog.primary_key(table))
    rows = await conn.fetch(f"SELECT {key}, ctid::text AS place FROM {table}")  # noqa: S608
    return {key_of(catalog, table, row): row["place"] for row in rows}


def key_of(catalog: Catalog, table: str, row: Row | asyncpg.Record) -> str:
    return picture(row, catalog.primary_key(table))


def picture(row: Row | asyncpg.Record, columns: Iterable[str]) -> str:
    """Some of a row, so that it can be compared."""
    return repr([row[column] for column in columns])


@contextmanager
def filled_database(server: PostgresServer) -> Iterator[Stage]:
    name = f"filled_{secrets.token_hex(6)}"
    url = f"{server.superuser_url.rpartition('/')[0]}/{name}"
    asyncio.run(_execute(server.owner_url, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}"))
    try:
        yield asyncio.run(_fill(url))
    finally:
        asyncio.run(_execute(server.superuser_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


async def _fill(url: str) -> Stage:
    conn = await asyncpg.connect(url)
    try:
        catalog = await read_catalog(conn)
        async with conn.transaction():
            world = await fill(conn, catalog)
        page = read_page(page_text())
        places = {table: await read_places(conn, catalog, table) for table in catalog.tables}
        owner = await conn.fetchval("SELECT tableowner FROM pg_tables WHERE tablename = 'sessions'")
        return Stage(url, owner, catalog, page, world, judge(page, world), places)
    finally:
        await conn.close()


async def _execute(url: str, statement: str) -> None:
    conn = await asyncpg.connect(url)
    try:
        await conn.execute(statement)
    finally:
        await conn.close()
