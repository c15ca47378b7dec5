"""RELIABILITY T53: an administrator of the installation sees nothing of a tenant but through a door, which is seen."""

from __future__ import annotations

from uuid import UUID

import pytest

from db import admin_door, audit, session_changes, sessions
from db.errors import InvalidError, NotFoundError
from db.records import Session
from tests.people import Person
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def open_door(world: World, person: Person, organization_id: UUID) -> UUID:
    async with world.by(person) as conn:
        return await admin_door.open_door(conn, organization_id, "a ticket", 10)


async def seen(world: World, person: Person, session: Session) -> bool:
    async with world.by(person) as conn:
        return session.id in {row.id for row in await sessions.list_sessions(conn, session.organization_id)}


async def test_without_a_door_an_administrator_sees_nothing(world: World) -> None:
    session = await world.session(world.alice)
    ada = await world.administrator()
    assert not await seen(world, ada, session)
    await open_door(world, ada, world.charlie.organization_id)
    assert not await seen(world, ada, session)


async def test_a_door_opens_reading_from_the_next_transaction_on(world: World) -> None:
    session = await world.session(world.alice)
    ada = await world.administrator()
    async with world.by(ada) as conn:
        await admin_door.open_door(conn, session.organization_id, "a ticket", 10)
        assert await sessions.list_sessions(conn, session.organization_id) == []
    assert await seen(world, ada, session)


async def test_a_door_opens_no_writing(world: World) -> None:
    session = await world.session(world.alice)
    ada = await world.administrator()
    await open_door(world, ada, session.organization_id)
    with pytest.raises(NotFoundError):
        async with world.by(ada) as conn:
            await session_changes.update_session(conn, session.organization_id, session.id, {"title": "mine"})
    with pytest.raises(NotFoundError):
        async with world.by(ada) as conn:
            await session_changes.delete_session(conn, session.organization_id, session.id)
    with pytest.raises(NotFoundError):
        async with world.by(ada) as conn:
            await sessions.insert_session(
                conn, user_id=ada.user_id, organization_id=session.organization_id, title="x", conversation_type="sales"
            )


async def test_a_door_that_is_closed_opens_nothing(world: World) -> None:
    session = await world.session(world.alice)
    ada = await world.administrator()
    door_id = await open_door(world, ada, session.organization_id)
    async with world.by(ada) as conn:
        assert await admin_door.close_door(conn, door_id)
    assert not await seen(world, ada, session)
    async with world.by(ada) as conn:
        assert not await admin_door.close_door(conn, door_id)


async def test_a_door_closes_by_itself(world: World) -> None:
    session = await world.session(world.alice)
    ada = await world.administrator()
    door_id = await open_door(world, ada, session.organization_id)
    await world.owner(
        "UPDATE admin_grants SET opened_at = opened_at - interval '1 hour', expires_at = expires_at - interval '1 hour'"
        " WHERE id = $1",
        door_id,
    )
    assert not await seen(world, ada, session)


async def test_a_door_is_shut_for_who_administrates_no_more(world: World) -> None:
    session = await world.session(world.alice)
    ada = await world.administrator()
    await open_door(world, ada, session.organization_id)
    await world.owner("UPDATE users SET is_admin = false WHERE id = $1", ada.user_id)
    assert not await seen(world, ada, session)


async def test_a_door_is_its_openers_alone(world: World) -> None:
    session = await world.session(world.alice)
    ada, other = await world.administrator(), await world.administrator()
    door_id = await open_door(world, ada, session.organization_id)
    assert not await seen(world, other, session)
    async with world.by(other) as conn:
        assert not await admin_door.close_door(conn, door_id)


async def test_opening_and_closing_are_in_the_audit_log_before_anything_is_read(world: World) -> None:
    ada = await world.administrator()
    door_id = await open_door(world, ada, world.alice.organization_id)
    async with world.by(ada) as conn:
        await admin_door.close_door(conn, door_id)
    async with world.by(world.alice) as conn:
        closed, opened = await audit.list_entries(conn, world.alice.organization_id, limit=2)
    assert [entry.action for entry in (opened, closed)] == ["admin_door.opened", "admin_door.closed"]
    for entry in (opened, closed):
        assert (entry.actor_kind, entry.actor_id, entry.target_id) == ("platform_admin", ada.user_id, door_id)
    assert opened.details == {"minutes": 10}


async def test_managers_see_who_opened_doors_and_why(world: World) -> None:
    ada = await world.administrator()
    door_id = await open_door(world, ada, world.alice.organization_id)
    listed = {}
    for name, person in {"alice": world.alice, "bob": world.bob, "charlie": world.charlie, "ada": ada}.items():
        async with world.by(person) as conn:
            listed[name] = [door.id for door in await admin_door.list_doors(conn, world.alice.organization_id)]
    assert listed == {"alice": [door_id], "bob": [], "charlie": [], "ada": [door_id]}
    async with world.by(world.alice) as conn:
        [door] = await admin_door.list_doors(conn, world.alice.organization_id)
    assert (door.user_id, door.reason, door.closed_at) == (ada.user_id, "a ticket", None)


@pytest.mark.parametrize(
    ("reason", "minutes", "code"),
    [("", 10, "admin_grants_reason_check"), (" ", 10, "admin_grants_reason_check"), ("a", 0, "door_minutes"),
     ("a", 61, "door_minutes")],
)  # fmt: skip
async def test_a_door_has_a_reason_and_an_end(world: World, reason: str, minutes: int, code: str) -> None:
    ada = await world.administrator()
    with pytest.raises(InvalidError) as refusal:
        async with world.by(ada) as conn:
            await admin_door.open_door(conn, world.alice.organization_id, reason, minutes)
    assert refusal.value.code == code


async def test_who_administrates_nothing_opens_no_door(world: World) -> None:
    for person in (world.charlie, world.bob, None):
        with pytest.raises(NotFoundError):
            async with world.by(person) as conn:
                await admin_door.open_door(conn, world.alice.organization_id, "curiosity", 10)
