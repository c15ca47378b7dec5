"""Alice, Bob and Charlie for the tests of a module that share one database, and short words for what tests do there.

They are others in every test, so tests do not see each other's rows. The connections are the module's: a test that uses
them runs in its loop (`pytest.mark.asyncio(loop_scope="module")`).
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from db.pool import Connection, Pool, owner_connection, transaction, translation
from db.records import Session
from tests.conftest import Database
from tests.people import People, Person, add_people, connected, make_session

NOWHERE = UUID(int=0)
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Ground:
    """A database, and connections to it."""

    database: Database
    owner_conn: Connection
    api: Pool
    media: Pool
    jobs: Pool


@dataclass(frozen=True, slots=True)
class World:
    ground: Ground
    people: People

    @property
    def alice(self) -> Person:
        return self.people.alice

    @property
    def bob(self) -> Person:
        return self.people.bob

    @property
    def charlie(self) -> Person:
        return self.people.charlie

    def by(self, person: Person | None) -> AbstractAsyncContextManager[Connection]:
        """A transaction of the api role for somebody, or for nobody."""
        return transaction(self.ground.api, user_id=person and person.user_id)

    def by_media(self) -> AbstractAsyncContextManager[Connection]:
        return transaction(self.ground.media)

    def by_jobs(self) -> AbstractAsyncContextManager[Connection]:
        return transaction(self.ground.jobs)

    async def owner(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        async with translation():
            return [tuple(row) for row in await self.ground.owner_conn.fetch(statement, *values)]

    async def value(self, statement: str, *values: object) -> Any:
        [[value]] = await self.owner(statement, *values)
        return value

    async def person(self, name: str, *, is_verified: bool = True) -> Person:
        """Somebody with an account and no organization."""
        email = f"{name.lower()}.alone{next(_numbers)}@example.org"
        user_id = await self.value(
            "INSERT INTO users (email, full_name, email_verified) VALUES ($1, $2, $3) RETURNING id",
            email,
            name,
            is_verified,
        )
        return Person(user_id, NOWHERE, email)

    async def join(self, person: Person, organization_id: UUID, role: str = "member") -> Person:
        """A member of that organization, who works in it."""
        await self.owner(
            "INSERT INTO organization_members (organization_id, user_id, role) VALUES ($1, $2, $3)",
            organization_id,
            person.user_id,
            role,
        )
        await self.owner("UPDATE users SET current_organization_id = $2 WHERE id = $1", person.user_id, organization_id)
        return Person(person.user_id, organization_id, person.email)

    async def colleague(self, name: str, role: str = "member") -> Person:
        """One more member of Alice's organization."""
        return await self.join(await self.person(name), self.alice.organization_id, role)

    async def administrator(self) -> Person:
        """Of the whole installation."""
        person = await self.person("Ada")
        await self.owner("UPDATE users SET is_admin = true WHERE id = $1", person.user_id)
        return person

    async def open_door(self, administrator: Person, organization_id: UUID) -> None:
        await self.owner(
            """
            INSERT INTO admin_grants (user_id, organization_id, reason, expires_at)
            VALUES ($1, $2, 'a test', now() + interval '1 minute')
            """,
            administrator.user_id,
            organization_id,
        )

    async def session(self, person: Person) -> Session:
        return await make_session(self.ground.api, person)

    async def delete_session(self, session: Session) -> None:
        await self.owner("UPDATE sessions SET deleted_at = now() WHERE id = $1", session.id)


@asynccontextmanager
async def open_ground(database: Database) -> AsyncIterator[Ground]:
    async with (
        owner_connection(database.owner_url) as owner_conn,
        connected(database.api_url) as api,
        connected(database.media_url) as media,
        connected(database.jobs_url) as jobs,
    ):
        yield Ground(database, owner_conn, api, media, jobs)


async def new_world(ground: Ground) -> World:
    async with ground.owner_conn.transaction():
        return World(ground, await add_people(ground.owner_conn))
