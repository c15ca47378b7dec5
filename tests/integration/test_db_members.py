"""Members: who sees them, who changes them, and that somebody is always left who owns the organization."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest

from db import members, organizations, users
from db.errors import ConflictError, DbError, InvalidError, NotFoundError
from db.pool import Connection
from tests.people import Person
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

Change = Callable[[Connection, Person], Awaitable[None]]
"""Somebody changes that member."""

Step = Callable[[Connection], Awaitable[None]]

CHANGES: dict[str, Change] = {
    "set_role": lambda conn, member: members.set_role(conn, member.organization_id, member.user_id, "admin"),
    "set_limits": lambda conn, member: members.set_limits(
        conn, member.organization_id, member.user_id, monthly_audio_hours_limit=5, max_sessions_per_month=None
    ),
    "remove": lambda conn, member: members.remove(conn, member.organization_id, member.user_id),
}


async def _roles(world: World) -> dict[str, str]:
    async with world.by(world.alice) as conn:
        listed = await members.list_members(conn, world.alice.organization_id)
    return {one.full_name or "": one.role for one in listed}


async def _change(world: World, actor: Person, change: str, member: Person) -> None:
    async with world.by(actor) as conn:
        await CHANGES[change](conn, member)


@pytest.mark.parametrize("name", ["alice", "bob"])
async def test_members_see_each_other(world: World, name: str) -> None:
    async with world.by(getattr(world, name)) as conn:
        listed = await members.list_members(conn, world.alice.organization_id)
    assert {(one.full_name, one.email, one.role, one.status) for one in listed} == {
        ("Alice", world.alice.email, "owner", "active"),
        ("Bob", world.bob.email, "member", "active"),
    }


async def test_a_stranger_sees_none(world: World) -> None:
    async with world.by(world.charlie) as conn:
        assert await members.list_members(conn, world.alice.organization_id) == []


async def test_a_list_is_of_one_organization(world: World) -> None:
    for person in (world.alice, world.bob):
        await world.join(person, world.charlie.organization_id)
    async with world.by(world.alice) as conn:
        listed = await members.list_members(conn, world.alice.organization_id)
    assert sorted(one.full_name or "" for one in listed) == ["Alice", "Bob"]


async def test_a_long_list_comes_in_pages(world: World) -> None:
    for name in ("Dora", "Emil", "Finn"):
        await world.colleague(name)
    names: list[str | None] = []
    after = None
    async with world.by(world.alice) as conn:
        while page := await members.list_members(conn, world.alice.organization_id, limit=2, after=after):
            names += [one.full_name for one in page]
            after = (page[-1].created_at, page[-1].id)
    assert (sorted(names[:2]), names[2:]) == (["Alice", "Bob"], ["Dora", "Emil", "Finn"])


@pytest.mark.parametrize("role", ["owner", "admin"])
@pytest.mark.parametrize("change", CHANGES)
async def test_owners_and_admins_change_a_member(world: World, role: str, change: str) -> None:
    dora = await world.colleague("Dora", role)
    await _change(world, dora, change, world.bob)
    async with world.by(world.alice) as conn:
        listed = {one.user_id: one for one in await members.list_members(conn, world.alice.organization_id)}
    bob = listed.get(world.bob.user_id)
    seen = bob and (bob.role, bob.monthly_audio_hours_limit)
    assert seen == {"set_role": ("admin", None), "set_limits": ("member", 5), "remove": None}[change]


@pytest.mark.parametrize("change", CHANGES)
async def test_a_member_changes_nobody(world: World, change: str) -> None:
    emil = await world.colleague("Emil")
    for member in (world.alice, emil, world.bob):
        with pytest.raises(ConflictError) as refusal:
            await _change(world, world.bob, change, member)
        assert refusal.value.code == "not_a_manager"


@pytest.mark.parametrize("change", CHANGES)
async def test_to_a_stranger_there_is_nobody(world: World, change: str) -> None:
    nobody = Person(uuid4(), uuid4(), "")
    for member in (world.alice, world.bob, nobody):
        with pytest.raises(NotFoundError) as refusal:
            await _change(world, world.charlie, change, member)
        assert refusal.value.code == "member_not_found"


@pytest.mark.parametrize("change", CHANGES)
async def test_an_admin_changes_no_owner(world: World, change: str) -> None:
    dora = await world.colleague("Dora", "admin")
    with pytest.raises(ConflictError) as refusal:
        await _change(world, dora, change, world.alice)
    assert refusal.value.code == "not_an_owner"


async def test_an_admin_makes_no_owner(world: World) -> None:
    dora = await world.colleague("Dora", "admin")
    with pytest.raises(ConflictError) as refusal:
        async with world.by(dora) as conn:
            await members.set_role(conn, dora.organization_id, dora.user_id, "owner")
    assert refusal.value.code == "not_an_owner"


@pytest.mark.parametrize("change", CHANGES)
async def test_who_was_removed_is_not_there_to_be_changed(world: World, change: str) -> None:
    await _change(world, world.alice, "remove", world.bob)
    with pytest.raises(NotFoundError):
        await _change(world, world.alice, change, world.bob)


async def test_a_role_that_there_is_not_is_refused_by_name(world: World) -> None:
    with pytest.raises(InvalidError) as refusal:
        async with world.by(world.alice) as conn:
            await members.set_role(conn, world.bob.organization_id, world.bob.user_id, "king")
    assert refusal.value.code == "organization_members_role_check"


async def test_a_negative_limit_is_refused_by_name(world: World) -> None:
    with pytest.raises(InvalidError) as refusal:
        async with world.by(world.alice) as conn:
            await members.set_limits(
                conn,
                world.bob.organization_id,
                world.bob.user_id,
                monthly_audio_hours_limit=None,
                max_sessions_per_month=-1,
            )
    assert refusal.value.code == "organization_members_max_sessions_per_month_check"


async def test_whoever_is_removed_works_in_another_organization_or_in_none(world: World) -> None:
    await _change(world, world.alice, "remove", world.bob)
    async with world.by(world.bob) as conn:
        assert (await users.get_profile(conn, world.bob.user_id)).current_organization_id is None
        assert await organizations.list_organizations(conn, world.bob.user_id) == []
    closed = await world.join(await world.person("Dora"), world.charlie.organization_id, "owner")
    dora = await world.join(closed, world.alice.organization_id)
    await world.owner("UPDATE organizations SET is_active = false WHERE id = $1", world.charlie.organization_id)
    await _change(world, world.alice, "remove", dora)
    async with world.by(dora) as conn:
        assert (await users.get_profile(conn, dora.user_id)).current_organization_id is None


async def test_whoever_likes_leaves(world: World) -> None:
    async with world.by(world.bob) as conn:
        await members.leave(conn, world.alice.organization_id)
        assert (await users.get_profile(conn, world.bob.user_id)).current_organization_id is None
    assert await _roles(world) == {"Alice": "owner"}
    with pytest.raises(NotFoundError):
        async with world.by(world.bob) as conn:
            await members.leave(conn, world.alice.organization_id)


async def test_a_stranger_cannot_leave(world: World) -> None:
    with pytest.raises(NotFoundError) as refusal:
        async with world.by(world.charlie) as conn:
            await members.leave(conn, world.alice.organization_id)
    assert refusal.value.code == "organization_not_found"


@pytest.mark.parametrize(
    "step_back",
    [lambda conn, alice: members.leave(conn, alice.organization_id), CHANGES["remove"], CHANGES["set_role"]],
)
async def test_the_last_owner_stays(world: World, step_back: Change) -> None:
    with pytest.raises(ConflictError) as refusal:
        async with world.by(world.alice) as conn:
            await step_back(conn, world.alice)
    assert refusal.value.code == "organization_needs_owner"
    assert (await _roles(world))["Alice"] == "owner"


async def test_ownership_is_handed_over_in_one_transaction(world: World) -> None:
    async with world.by(world.alice) as conn:
        await members.set_role(conn, world.alice.organization_id, world.bob.user_id, "owner")
        await members.set_role(conn, world.alice.organization_id, world.alice.user_id, "member")
    assert await _roles(world) == {"Alice": "member", "Bob": "owner"}


async def test_of_two_owners_who_leave_at_once_one_stays(world: World) -> None:
    dora = await world.colleague("Dora", "owner")

    async def leave(person: Person) -> str:
        try:
            async with world.by(person) as conn:
                await members.leave(conn, world.alice.organization_id)
        except ConflictError as refusal:
            return refusal.code
        return "left"

    assert sorted(await asyncio.gather(leave(world.alice), leave(dora))) == ["left", "organization_needs_owner"]


async def test_two_admins_who_demote_each_other_at_once_do_not_both(world: World) -> None:
    admins = [await world.colleague(name, "admin") for name in ("Dora", "Emil")]

    async def demote(actor: Person, other: Person) -> str:
        try:
            async with world.by(actor) as conn:
                await members.set_role(conn, other.organization_id, other.user_id, "member")
        except DbError as refusal:
            return refusal.code
        return "done"

    outcomes = await asyncio.gather(demote(admins[0], admins[1]), demote(admins[1], admins[0]))
    assert sorted(outcomes) == ["done", "not_a_manager"]


async def _meanwhile(world: World, alices: list[Step], actor: Person, step: Step) -> str:
    """What comes of a step that begins after Alice's first one, and has to wait for the end of her transaction."""
    begins: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def act() -> str:
        try:
            async with world.by(actor) as conn:
                begins.set_result(await conn.fetchval("SELECT pg_backend_pid()"))
                await step(conn)
        except DbError as refusal:
            return refusal.code
        return "done"

    async with asyncio.TaskGroup() as group, world.by(world.alice) as conn:
        await alices[0](conn)
        waiting = group.create_task(act())
        pid = await begins
        while not await world.value("SELECT cardinality(pg_blocking_pids($1)) > 0", pid):
            assert not waiting.done()
        for further in alices[1:]:
            await further(conn)
    return waiting.result()


def _set_role(member: Person, role: str) -> Step:
    return lambda conn: members.set_role(conn, member.organization_id, member.user_id, role)


@pytest.mark.parametrize("change", CHANGES)
async def test_nobody_uses_a_right_that_is_being_taken_away(world: World, change: str) -> None:
    dora = await world.colleague("Dora", "admin")
    outcome = await _meanwhile(world, [_set_role(dora, "member")], dora, lambda conn: CHANGES[change](conn, world.bob))
    assert outcome == "not_a_manager"


async def test_an_admin_does_not_touch_whoever_is_becoming_an_owner(world: World) -> None:
    dora = await world.colleague("Dora", "admin")
    outcome = await _meanwhile(
        world, [_set_role(world.bob, "owner")], dora, lambda conn: CHANGES["remove"](conn, world.bob)
    )
    assert outcome == "not_an_owner"


async def test_whoever_leaves_while_they_are_removed_is_gone_and_nobody_waits_in_a_circle(world: World) -> None:
    emil = await world.colleague("Emil")
    alices = [_set_role(emil, "admin"), lambda conn: CHANGES["remove"](conn, world.bob)]
    outcome = await _meanwhile(world, alices, world.bob, lambda conn: members.leave(conn, world.bob.organization_id))
    assert outcome == "organization_not_found"
