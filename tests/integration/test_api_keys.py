"""Keys of programs: as much as their member may, until they expire, are revoked, or the member is none any more."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

import pytest

from db import api_keys
from db.api_keys import ApiKey
from db.errors import InvalidError, NotFoundError
from tests.people import Person
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOON = datetime.now(UTC) + timedelta(hours=1)


async def make_key(world: World, person: Person, key: bytes, owner: Person | None = None) -> ApiKey:
    async with world.by(person) as conn:
        return await api_keys.insert_key(
            conn,
            key_hash=key,
            key_prefix="lc_12345",
            name="export",
            user_id=(owner or person).user_id,
            organization_id=(owner or person).organization_id,
            scopes=["read", "write"],
            expires_at=SOON,
        )


async def works(world: World, key: bytes) -> bool:
    async with world.by(None) as conn:
        return await api_keys.authenticate(conn, key) is not None


async def test_a_program_acts_as_the_member_who_made_its_key(world: World) -> None:
    key = secrets.token_bytes(32)
    made = await make_key(world, world.bob, key)
    async with world.by(None) as conn:
        program = await api_keys.authenticate(conn, key)
    assert program is not None
    assert (program.api_key_id, program.scopes) == (made.id, ["read", "write"])
    assert (program.user_id, program.organization_id) == (world.bob.user_id, world.alice.organization_id)
    assert program.role == "member"


async def test_its_use_is_noted_every_five_minutes_at_most(world: World) -> None:
    key = secrets.token_bytes(32)
    made = await make_key(world, world.alice, key)
    noted = []
    for minutes in (0, 4, 6):
        await world.owner(
            "UPDATE api_keys SET last_used_at = last_used_at - make_interval(mins => $2) WHERE id = $1",
            made.id,
            minutes,
        )
        before = await world.value("SELECT last_used_at FROM api_keys WHERE id = $1", made.id)
        assert await works(world, key)
        noted.append(before != await world.value("SELECT last_used_at FROM api_keys WHERE id = $1", made.id))
    assert noted == [True, False, True]


@pytest.mark.parametrize(
    "ending",
    [
        "UPDATE api_keys SET created_at = '2020-01-01', expires_at = '2020-01-02' WHERE user_id = $1",
        "UPDATE organization_members SET status = 'removed' WHERE user_id = $1",
        "UPDATE organization_members SET status = 'inactive' WHERE user_id = $1",
        "UPDATE users SET is_active = false WHERE id = $1",
        "UPDATE users SET deleted_at = now() WHERE id = $1",
        "UPDATE organizations SET is_active = false FROM users WHERE users.id = $1 AND slug LIKE 'alice%'",
    ],
    ids=["expired", "member removed", "member inactive", "suspended", "closed", "organization closed"],
)
async def test_a_key_ends_with_what_it_rests_on(world: World, ending: str) -> None:
    key = secrets.token_bytes(32)
    await make_key(world, world.bob, key)
    assert await works(world, key)
    await world.owner(ending, world.bob.user_id)
    assert not await works(world, key)


async def test_a_key_is_revoked_at_once_by_its_maker_or_who_manages(world: World) -> None:
    admin = await world.colleague("Anna", "admin")
    for person in (world.bob, world.alice, admin):
        key = secrets.token_bytes(32)
        made = await make_key(world, world.bob, key)
        for _ in range(2):  # doing it again changes nothing
            async with world.by(person) as conn:
                await api_keys.revoke_key(conn, made.organization_id, made.id)
        assert not await works(world, key)


async def test_nobody_else_revokes_a_key(world: World) -> None:
    colleague = await world.colleague("Carl")
    key = secrets.token_bytes(32)
    made = await make_key(world, world.bob, key)
    for person in (colleague, world.charlie, None):
        with pytest.raises(NotFoundError):
            async with world.by(person) as conn:
                await api_keys.revoke_key(conn, made.organization_id, made.id)
    assert await works(world, key)


async def test_nobody_makes_a_key_for_somebody_else_or_elsewhere(world: World) -> None:
    for person, owner in (
        (world.alice, world.bob),
        (world.bob, world.alice),
        (world.charlie, Person(world.charlie.user_id, world.alice.organization_id, "")),
    ):
        with pytest.raises(NotFoundError):
            await make_key(world, person, secrets.token_bytes(32), owner)


async def test_one_lists_ones_own_and_managers_everybodys(world: World) -> None:
    mine, his = secrets.token_bytes(32), secrets.token_bytes(32)
    alices, bobs = await make_key(world, world.alice, mine), await make_key(world, world.bob, his)
    listed = {}
    for name, person in {"alice": world.alice, "bob": world.bob, "charlie": world.charlie}.items():
        async with world.by(person) as conn:
            listed[name] = {key.id for key in await api_keys.list_keys(conn, world.alice.organization_id)}
    assert listed == {"alice": {alices.id, bobs.id}, "bob": {bobs.id}, "charlie": set()}


async def test_no_hash_is_read_again(world: World) -> None:
    await make_key(world, world.alice, secrets.token_bytes(32))
    for opened in (world.by(world.alice), world.by_jobs()):
        with pytest.raises(NotFoundError):
            async with opened as conn:
                await conn.fetch("SELECT key_hash FROM api_keys")


async def test_a_wrong_key_is_nobody(world: World) -> None:
    key = secrets.token_bytes(32)
    made = await make_key(world, world.alice, key)
    for guess in (secrets.token_bytes(32), made.id.bytes, key[:31], b""):
        assert not await works(world, guess)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"scopes": ["everything"]}, "api_keys_scopes_check"),
        ({"name": ""}, "api_keys_name_check"),
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "api_keys_check"),
        ({"key_hash": b"short"}, "api_keys_key_hash_check"),
    ],
)
async def test_a_value_that_breaks_a_rule_is_invalid(world: World, change: dict[str, object], code: str) -> None:
    values = {"key_hash": secrets.token_bytes(32), "name": "x", "scopes": ["read"], **change}
    with pytest.raises(InvalidError) as refusal:
        async with world.by(world.alice) as conn:
            await api_keys.insert_key(
                conn, key_prefix="lc_1", user_id=world.alice.user_id, organization_id=world.alice.organization_id,
                **values,  # type: ignore[arg-type]
            )  # fmt: skip
    assert refusal.value.code == code
