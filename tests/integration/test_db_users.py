"""One's own account: nobody else's is there."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from db import users
from db.errors import InvalidError, NotFoundError
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_profile_is_ones_own(world: World) -> None:
    async with world.by(world.alice) as conn:
        profile = await users.get_profile(conn, world.alice.user_id)
    assert (profile.email, profile.full_name) == (world.alice.email, "Alice")
    assert profile.current_organization_id == world.alice.organization_id


@pytest.mark.parametrize("name", ["bob", "charlie"])
async def test_a_profile_is_nobody_elses(world: World, name: str) -> None:
    with pytest.raises(NotFoundError) as refusal:
        async with world.by(getattr(world, name)) as conn:
            await users.get_profile(conn, world.alice.user_id)
    assert refusal.value.code == "user_not_found"


async def test_a_closed_account_has_no_profile(world: World) -> None:
    await world.owner("UPDATE users SET deleted_at = now() WHERE id = $1", world.bob.user_id)
    with pytest.raises(NotFoundError):
        async with world.by(world.bob) as conn:
            await users.get_profile(conn, world.bob.user_id)
    with pytest.raises(NotFoundError):
        async with world.by(world.bob) as conn:
            await users.update_profile(conn, world.bob.user_id, {"full_name": "Robert"})
    async with world.by(world.bob) as conn:
        assert not await users.note_sign_in(conn, world.bob.user_id)


async def test_what_is_changed_is_changed_and_the_rest_stays(world: World) -> None:
    async with world.by(world.alice) as conn:
        await users.update_profile(conn, world.alice.user_id, {"personal_context": "Sells.", "timezone": "Europe/Oslo"})
        profile = await users.update_profile(
            conn, world.alice.user_id, {"default_microphone_id": "m1", "default_speaker_id": "s1", "full_name": None}
        )
    assert (profile.personal_context, profile.timezone, profile.full_name) == ("Sells.", "Europe/Oslo", None)
    assert (profile.default_microphone_id, profile.default_speaker_id) == ("m1", "s1")


async def test_two_who_change_different_things_at_once_lose_nothing(world: World) -> None:
    async with world.by(world.alice) as conn:
        await users.get_profile(conn, world.alice.user_id)
        async with world.by(world.alice) as other:
            await users.update_profile(other, world.alice.user_id, {"personal_context": "Sells."})
        profile = await users.update_profile(conn, world.alice.user_id, {"default_speaker_id": "s1"})
    assert (profile.personal_context, profile.default_speaker_id) == ("Sells.", "s1")


async def test_nobody_changes_somebody_elses_profile(world: World) -> None:
    with pytest.raises(NotFoundError):
        async with world.by(world.bob) as conn:
            await users.update_profile(conn, world.alice.user_id, {"personal_context": "Bob was here."})


@pytest.mark.parametrize(("changes", "code"), [({}, "no_changes"), ({"is_admin": True}, "is_admin")])
async def test_only_what_may_be_changed_is(world: World, changes: users.ProfileChanges, code: str) -> None:
    with pytest.raises(InvalidError) as refusal:
        async with world.by(world.alice) as conn:
            await users.update_profile(conn, world.alice.user_id, changes)
    assert refusal.value.code == code


async def test_a_sign_in_is_noted_for_oneself(world: World) -> None:
    async with world.by(world.alice) as conn:
        assert await users.note_sign_in(conn, world.alice.user_id)
        assert not await users.note_sign_in(conn, world.bob.user_id)
        profile = await users.get_profile(conn, world.alice.user_id)
    assert profile.last_login_at is not None
    assert abs((datetime.now(UTC) - profile.last_login_at).total_seconds()) < 60


async def test_one_works_where_one_is_a_member(world: World) -> None:
    await world.owner(
        "INSERT INTO organization_members (organization_id, user_id) VALUES ($1, $2)",
        world.charlie.organization_id,
        world.bob.user_id,
    )
    async with world.by(world.bob) as conn:
        await users.switch_organization(conn, world.charlie.organization_id)
        profile = await users.get_profile(conn, world.bob.user_id)
    assert profile.current_organization_id == world.charlie.organization_id


@pytest.mark.parametrize(
    "end",
    [
        "UPDATE organization_members SET status = 'removed' WHERE user_id = $1",
        "UPDATE organization_members SET status = 'inactive' WHERE user_id = $1",
        """
        UPDATE organizations
        SET is_active = false
        WHERE id IN (SELECT current_organization_id FROM users WHERE id = $1)
        """,
    ],
)
async def test_one_does_not_work_where_one_is_no_member_any_more(world: World, end: str) -> None:
    await world.owner(end, world.bob.user_id)
    with pytest.raises(NotFoundError) as refusal:
        async with world.by(world.bob) as conn:
            await users.switch_organization(conn, world.bob.organization_id)
    assert refusal.value.code == "organization_not_found"


async def test_a_foreign_organization_is_as_one_that_is_not_there(world: World) -> None:
    for organization_id in (world.alice.organization_id, uuid4()):
        with pytest.raises(NotFoundError) as refusal:
            async with world.by(world.charlie) as conn:
                await users.switch_organization(conn, organization_id)
        assert refusal.value.code == "organization_not_found"
