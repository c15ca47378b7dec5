"""Organizations: read by members, changed by owners and admins, deleted by owners."""

from __future__ import annotations

from typing import Any, cast

import pytest

from db import organizations, users
from db.errors import ConflictError, InvalidError, NotFoundError
from tests.people import Person
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _delete(world: World, person: Person) -> None:
    async with world.by(person) as conn:
        await organizations.delete_organization(conn, world.alice.organization_id)


@pytest.mark.parametrize("name", ["alice", "bob"])
async def test_members_read_their_organization(world: World, name: str) -> None:
    async with world.by(getattr(world, name)) as conn:
        found = await organizations.get_organization(conn, world.alice.organization_id)
    assert (found.id, found.name) == (world.alice.organization_id, "Alice's company")


async def test_to_a_stranger_it_is_not_there(world: World) -> None:
    with pytest.raises(NotFoundError) as refusal:
        async with world.by(world.charlie) as conn:
            await organizations.get_organization(conn, world.alice.organization_id)
    assert refusal.value.code == "organization_not_found"


async def test_the_list_says_as_what_one_belongs_where(world: World) -> None:
    dora = await world.person("Dora")
    await world.join(dora, world.charlie.organization_id, "admin")
    await world.join(dora, world.alice.organization_id)
    async with world.by(dora) as conn:
        mine = await organizations.list_organizations(conn, dora.user_id)
    assert [(one.name, one.role) for one in mine] == [("Alice's company", "member"), ("Charlie's company", "admin")]


@pytest.mark.parametrize(
    "end",
    [
        "UPDATE organization_members SET status = 'removed' WHERE organization_id = $1 AND role <> 'owner'",
        "UPDATE organizations SET is_active = false WHERE id = $1",
        "UPDATE organizations SET deleted_at = now() WHERE id = $1",
    ],
)
async def test_who_belonged_to_one_and_may_look_into_it_does_not_belong_to_it(world: World, end: str) -> None:
    admin = await world.join(await world.administrator(), world.alice.organization_id)
    await world.open_door(admin, world.alice.organization_id)
    async with world.by(admin) as conn:
        assert await organizations.list_organizations(conn, admin.user_id)
    await world.owner(end, world.alice.organization_id)
    async with world.by(admin) as conn:
        assert await organizations.list_organizations(conn, admin.user_id) == []


async def test_no_door_opens_to_a_deleted_one(world: World) -> None:
    admin = await world.administrator()
    await world.open_door(admin, world.alice.organization_id)
    async with world.by(admin) as conn:
        assert await organizations.get_organization(conn, world.alice.organization_id)
    await _delete(world, world.alice)
    with pytest.raises(NotFoundError):
        async with world.by(admin) as conn:
            await organizations.get_organization(conn, world.alice.organization_id)


async def test_the_list_is_nobody_elses(world: World) -> None:
    async with world.by(world.charlie) as conn:
        assert await organizations.list_organizations(conn, world.alice.user_id) == []


@pytest.mark.parametrize("role", ["owner", "admin"])
async def test_those_who_manage_it_change_it_and_the_rest_stays(world: World, role: str) -> None:
    person = await world.colleague("Dora", role)
    async with world.by(person) as conn:
        await organizations.update_organization(conn, person.organization_id, {"description": "We sell."})
        changed = await organizations.update_organization(
            conn, person.organization_id, {"branding_primary_color": "#00ff00", "max_members": 3}
        )
    assert (changed.description, changed.branding_primary_color) == ("We sell.", "#00ff00")
    assert (changed.max_members, changed.name) == (3, "Alice's company")


@pytest.mark.parametrize("name", ["bob", "charlie"])
async def test_nobody_else_changes_it(world: World, name: str) -> None:
    with pytest.raises(NotFoundError):
        async with world.by(getattr(world, name)) as conn:
            await organizations.update_organization(conn, world.alice.organization_id, {"name": "Mine"})
    async with world.by(world.alice) as conn:
        assert (await organizations.get_organization(conn, world.alice.organization_id)).name == "Alice's company"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, "no_changes"),
        ({"slug": "theirs"}, "slug"),
        ({"name": ""}, "organizations_name_check"),
        ({"country_code": "no"}, "organizations_country_code_check"),
    ],
)
async def test_a_rule_that_is_broken_is_told_by_name(world: World, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidError) as refusal:
        async with world.by(world.alice) as conn:
            await organizations.update_organization(
                conn, world.alice.organization_id, cast("organizations.OrganizationChanges", changes)
            )
    assert refusal.value.code == code


async def test_a_deleted_one_is_not_there_for_its_members_either(world: World) -> None:
    await _delete(world, world.alice)
    for name in ("alice", "bob"):
        async with world.by(getattr(world, name)) as conn:
            assert await organizations.list_organizations(conn, getattr(world, name).user_id) == []
            with pytest.raises(NotFoundError):
                await organizations.get_organization(conn, world.alice.organization_id)
            with pytest.raises(NotFoundError):
                await organizations.update_organization(conn, world.alice.organization_id, {"name": "Again"})


async def test_it_is_deleted_once(world: World) -> None:
    await _delete(world, world.alice)
    with pytest.raises(NotFoundError):
        await _delete(world, world.alice)


async def test_who_worked_in_a_deleted_one_works_in_another_or_in_none(world: World) -> None:
    await world.join(world.bob, world.charlie.organization_id)
    async with world.by(world.bob) as conn:
        await users.switch_organization(conn, world.alice.organization_id)
    await _delete(world, world.alice)
    places = {}
    for name in ("alice", "bob"):
        async with world.by(getattr(world, name)) as conn:
            places[name] = (await users.get_profile(conn, getattr(world, name).user_id)).current_organization_id
    assert places == {"alice": None, "bob": world.charlie.organization_id}


async def test_deleting_leaves_a_trace(world: World) -> None:
    await _delete(world, world.alice)
    assert ("organizations.deleted", world.alice.user_id) in await world.owner(
        "SELECT action, actor_id FROM audit_log WHERE organization_id = $1", world.alice.organization_id
    )


@pytest.mark.parametrize("role", ["admin", "member"])
async def test_only_an_owner_deletes_it(world: World, role: str) -> None:
    person = await world.colleague("Dora", role)
    with pytest.raises(ConflictError) as refusal:
        await _delete(world, person)
    assert refusal.value.code == "not_an_owner"


async def test_a_stranger_finds_nothing_to_delete(world: World) -> None:
    with pytest.raises(NotFoundError) as refusal:
        await _delete(world, world.charlie)
    assert refusal.value.code == "organization_not_found"
