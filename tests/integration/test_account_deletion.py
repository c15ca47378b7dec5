"""Closing an account, and an organization: at once, whole or not at all, and never somebody else's."""

from __future__ import annotations

import asyncio
import secrets
from uuid import UUID

import pytest

from db import accounts, api_keys, deletion, erasure
from db.errors import ConflictError, DbError, NotFoundError
from db.pool import transaction
from tests.people import Person
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def delete_account(world: World, person: Person | None) -> None:
    async with world.by(person) as conn:
        await deletion.delete_account(conn)


async def queued(world: World, entrypoint: str, target_id: UUID) -> int:
    count: int = await world.value("SELECT count(*) FROM pgqueuer WHERE dedupe_key = $1", f"{entrypoint} {target_id}")
    return count


async def test_a_closed_account_is_nobody_at_once_and_its_erasure_is_queued(world: World) -> None:
    token, key = secrets.token_bytes(32), secrets.token_bytes(32)
    async with world.by(world.bob) as conn:
        await accounts.create_app_session(conn, world.bob.user_id, token, None, None)
        await api_keys.insert_key(
            conn, key_hash=key, key_prefix="lc_1", name="x", user_id=world.bob.user_id,
            organization_id=world.bob.organization_id, scopes=["read"],
        )  # fmt: skip
    async with world.by(None) as conn:
        assert await accounts.authenticate(conn, token) is not None
    await delete_account(world, world.bob)
    async with world.by(None) as conn:
        assert await accounts.authenticate(conn, token) is None
        assert await api_keys.authenticate(conn, key) is None
        assert await accounts.find_credentials(conn, world.bob.email) is None
    assert await queued(world, erasure.ERASE_ACCOUNT, world.bob.user_id) == 1
    membership = "SELECT status FROM organization_members WHERE user_id = $1"
    assert await world.value(membership, world.bob.user_id) == "removed"


async def test_closing_it_again_changes_nothing(world: World) -> None:
    await delete_account(world, world.bob)
    await delete_account(world, world.bob)
    assert await queued(world, erasure.ERASE_ACCOUNT, world.bob.user_id) == 1
    entries = "SELECT count(*) FROM audit_log WHERE action = 'users.deleted' AND target_id = $1"
    assert await world.value(entries, world.bob.user_id) == 1


async def test_the_only_owner_of_others_is_refused_and_stays(world: World) -> None:
    with pytest.raises(ConflictError) as refusal:
        await delete_account(world, world.alice)
    assert refusal.value.code == "sole_owner"
    assert await world.value("SELECT is_active FROM users WHERE id = $1", world.alice.user_id)
    assert await queued(world, erasure.ERASE_ACCOUNT, world.alice.user_id) == 0


async def test_an_organization_goes_with_its_only_member(world: World) -> None:
    await delete_account(world, world.charlie)
    gone = "SELECT deleted_at IS NOT NULL FROM organizations WHERE id = $1"
    assert await world.value(gone, world.charlie.organization_id)
    entries = "SELECT action FROM audit_log WHERE organization_id = $1 AND target_kind = 'organizations'"
    assert await world.owner(entries, world.charlie.organization_id) == [("organizations.deleted",)]


async def test_of_the_last_two_owners_who_leave_at_once_one_stays_with_the_others(world: World) -> None:
    second = await world.colleague("Anna", "owner")

    async def leave(person: Person) -> str:
        try:
            async with transaction(world.ground.api, user_id=person.user_id) as conn:
                await deletion.delete_account(conn)
        except DbError as error:
            return error.code
        return "gone"

    outcomes = await asyncio.gather(leave(world.alice), leave(second))
    assert sorted(outcomes) == ["gone", "sole_owner"]


async def test_nobody_has_no_account(world: World) -> None:
    with pytest.raises(NotFoundError):
        await delete_account(world, None)


async def test_only_an_owner_deletes_an_organization_for_good(world: World) -> None:
    admin = await world.colleague("Anna", "admin")
    here = world.alice.organization_id
    for person, kind in ((world.bob, ConflictError), (admin, ConflictError), (world.charlie, NotFoundError)):
        with pytest.raises(kind):
            async with world.by(person) as conn:
                await deletion.delete_organization_for_good(conn, here)
    assert await queued(world, erasure.ERASE_ORGANIZATION, here) == 0
    async with world.by(world.alice) as conn:
        await deletion.delete_organization_for_good(conn, here)
    assert await queued(world, erasure.ERASE_ORGANIZATION, here) == 1
    # Who worked in it works nowhere now.
    working = "SELECT current_organization_id FROM users WHERE id = $1"
    assert await world.owner(working, world.bob.user_id) == [(None,)]


async def test_only_jobs_close_somebody_elses_account(world: World) -> None:
    with pytest.raises(NotFoundError):
        async with world.by(world.alice) as conn:
            await erasure.close_account(conn, world.bob.user_id)
    assert await world.value("SELECT is_active FROM users WHERE id = $1", world.bob.user_id)
