"""The door of an administrator: from the next transaction on, for reading only, until it closes, and never unseen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import pytest

from db import admin_door, sessions
from db.errors import InvalidError, NotFoundError
from db.pool import Connection, Pool, owner_connection, transaction
from tests.conftest import Database
from tests.people import People, connected, make_people, make_session


@dataclass(frozen=True, slots=True)
class House:
    """Alice's organization with a session; Charlie administrates the installation and is no member."""

    people: People
    api: Pool
    owner_url: str

    @property
    def organization_id(self) -> UUID:
        return self.people.alice.organization_id

    async def seen(self, conn: Connection) -> int:
        return len(await sessions.list_sessions(conn, self.organization_id))

    async def open(self, minutes: int = 5) -> UUID:
        async with transaction(self.api, user_id=self.people.charlie.user_id) as conn:
            return await admin_door.open_door(conn, self.organization_id, "a report of lost text", minutes)

    async def seen_by_charlie(self) -> int:
        async with transaction(self.api, user_id=self.people.charlie.user_id) as conn:
            return await self.seen(conn)


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    people = await make_people(database.owner_url)
    async with owner_connection(database.owner_url) as conn:
        await conn.execute("UPDATE users SET is_admin = true WHERE id = $1", people.charlie.user_id)
    async with connected(database.api_url) as api:
        await make_session(api, people.alice)
        yield House(people, api, database.owner_url)


async def test_it_opens_for_later_transactions_alone_and_closes_at_once(house: House) -> None:
    async with transaction(house.api, user_id=house.people.charlie.user_id) as conn:
        assert await house.seen(conn) == 0
        door = await admin_door.open_door(conn, house.organization_id, "a report of lost text", 5)
        assert await house.seen(conn) == 0
    assert await house.seen_by_charlie() == 1
    async with transaction(house.api, user_id=house.people.charlie.user_id) as conn:
        assert await admin_door.close_door(conn, door)
        assert await house.seen(conn) == 0
    assert await house.seen_by_charlie() == 0


async def test_it_opens_nothing_when_its_transaction_fails(house: House) -> None:
    async def open_and_fail() -> None:
        async with transaction(house.api, user_id=house.people.charlie.user_id) as conn:
            await admin_door.open_door(conn, house.organization_id, "a report of lost text", 5)
            await conn.execute("SELECT 'x'::integer")

    with pytest.raises(InvalidError):
        await open_and_fail()
    assert await house.seen_by_charlie() == 0


async def test_it_lets_nobody_write(house: House) -> None:
    await house.open()
    async with transaction(house.api, user_id=house.people.charlie.user_id) as conn:
        assert await conn.execute("UPDATE sessions SET title = 'mine'") == "UPDATE 0"


async def test_it_closes_by_itself(house: House) -> None:
    door = await house.open()
    async with owner_connection(house.owner_url) as conn:
        await conn.execute(
            "UPDATE admin_grants SET opened_at = now() - interval '1 hour', expires_at = now() WHERE id = $1", door
        )
    assert await house.seen_by_charlie() == 0


async def test_it_is_nothing_without_the_office(house: House) -> None:
    await house.open()
    async with owner_connection(house.owner_url) as conn:
        await conn.execute("UPDATE users SET is_admin = false WHERE id = $1", house.people.charlie.user_id)
    assert await house.seen_by_charlie() == 0
    with pytest.raises(NotFoundError):
        await house.open()


@pytest.mark.parametrize("minutes", [0, 61])
async def test_it_stays_open_for_an_hour_at_most(house: House, minutes: int) -> None:
    with pytest.raises(InvalidError) as refusal:
        await house.open(minutes)
    assert refusal.value.code == "door_minutes"


async def test_those_behind_it_see_who_opened_it_and_why(house: House) -> None:
    door = await house.open()
    async with transaction(house.api, user_id=house.people.alice.user_id) as conn:
        [seen] = await admin_door.list_doors(conn, house.organization_id)
        written = await conn.fetchval(
            "SELECT actor_id FROM audit_log WHERE action = 'admin_door.opened' AND target_id = $1", door
        )
    assert (seen.user_id, seen.reason) == (house.people.charlie.user_id, "a report of lost text")
    assert written == house.people.charlie.user_id
    async with transaction(house.api, user_id=house.people.bob.user_id) as conn:
        assert await admin_door.list_doors(conn, house.organization_id) == []
