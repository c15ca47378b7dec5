"""Who did what: added to and never changed, each organization's in a chain that breaks where somebody touches it."""

from __future__ import annotations

import asyncio
from uuid import UUID

import asyncpg
import pytest

from db import audit, share_links
from db.errors import ConflictError, InvalidError, NotFoundError
from db.pool import owner_connection, transaction
from tests.conftest import PostgresServer
from tests.people import Person
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENTRY = "tests.done"


async def write(world: World, person: Person, times: int = 1) -> list[int]:
    numbers = []
    for _ in range(times):
        async with world.by(person) as conn:
            numbers.append(await audit.write(conn, person.organization_id, ENTRY, person.user_id, {"code": "x"}))
    return numbers


async def broken(world: World, person: Person, organization_id: UUID | None) -> int | None:
    async with world.by(person) as conn:
        return await audit.first_broken(conn, organization_id)


async def forge(world: World, postgres_server: PostgresServer, statement: str, *values: object) -> None:
    """By somebody who owns the machine and switches the triggers off."""
    url = f"{postgres_server.superuser_url.rpartition('/')[0]}/{world.ground.database.name}"
    conn = await asyncpg.connect(url)
    try:
        await conn.execute("SET session_replication_role = replica")
        assert (await conn.execute(statement, *values)).endswith(" 1")
    finally:
        await conn.close()


# adding -------------------------------------------------------------------------------------------------------------


async def test_an_entry_says_who_did_what(world: World) -> None:
    [number] = await write(world, world.bob)
    async with world.by(world.alice) as conn:
        entry = (await audit.list_entries(conn, world.alice.organization_id, limit=1))[0]
    assert (entry.id, entry.actor_kind, entry.actor_id) == (number, "user", world.bob.user_id)
    assert (entry.action, entry.target_kind, entry.target_id) == (ENTRY, "tests", world.bob.user_id)
    assert entry.details == {"code": "x"}


async def test_a_job_is_a_job(world: World) -> None:
    async with world.by_jobs() as conn:
        await audit.write(conn, world.alice.organization_id, ENTRY, None)
    async with world.by(world.alice) as conn:
        entry = (await audit.list_entries(conn, world.alice.organization_id, limit=1))[0]
    assert (entry.actor_kind, entry.actor_id) == ("job", None)


async def test_nobody_writes_into_a_foreign_chain(world: World) -> None:
    with pytest.raises(NotFoundError):
        async with world.by(world.charlie) as conn:
            await audit.write(conn, world.alice.organization_id, ENTRY, None)


async def test_what_is_no_area_and_verb_is_no_action(world: World) -> None:
    with pytest.raises(InvalidError) as refusal:
        async with world.by(world.alice) as conn:
            await audit.write(conn, world.alice.organization_id, "Deleted Bob", None)
    assert refusal.value.code == "audit_log_action_check"


async def test_entries_are_read_page_by_page(world: World) -> None:
    numbers = await write(world, world.alice, 5)
    seen: list[int] = []
    async with world.by(world.alice) as conn:
        while len(seen) < len(numbers):
            page = await audit.list_entries(
                conn, world.alice.organization_id, before=seen[-1] if seen else None, limit=2
            )
            seen += [entry.id for entry in page if entry.action == ENTRY]
    assert seen[: len(numbers)] == list(reversed(numbers))


async def test_managers_read_it_and_others_do_not(world: World) -> None:
    await write(world, world.alice)
    admin = await world.administrator()
    counts = {}
    for name, person in {"bob": world.bob, "charlie": world.charlie, "ada": admin}.items():
        async with world.by(person) as conn:
            counts[name] = len(await audit.list_entries(conn, world.alice.organization_id))
    # An administrator of the installation reads who did what everywhere: it says nothing of anybody.
    assert counts.pop("ada") > 0
    assert counts == {"bob": 0, "charlie": 0}


# changing -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_log SET action = 'tests.undone'", "DELETE FROM audit_log", "TRUNCATE audit_log"]
)
async def test_t54_nobody_changes_it(world: World, statement: str) -> None:
    """RELIABILITY T54: not the servers, and not the database's owner either."""
    await write(world, world.alice)
    for opened in (world.by(world.alice), world.by_jobs(), world.by_media()):
        with pytest.raises(NotFoundError):
            async with opened as conn:
                await conn.execute(statement)
    with pytest.raises(ConflictError) as refusal:
        async with owner_connection(world.ground.database.owner_url) as conn:
            await conn.execute(statement)
    assert refusal.value.code == "audit_is_final"


@pytest.mark.parametrize(
    "change",
    [
        'details = \'{"code": "y"}\'',
        "at = at + interval '1 microsecond'",
        "actor_id = gen_random_uuid()",
        "hash = set_byte(hash, 31, get_byte(hash, 31) # 1)",
        "previous_hash = set_byte(previous_hash, 0, get_byte(previous_hash, 0) # 1)",
    ],
)
async def test_t54_a_byte_that_was_changed_breaks_the_chain_there(
    world: World, postgres_server: PostgresServer, change: str
) -> None:
    """RELIABILITY T54."""
    numbers = await write(world, world.alice, 3)
    here, there = world.alice.organization_id, world.charlie.organization_id
    assert await broken(world, world.alice, here) is None
    await forge(world, postgres_server, f"UPDATE audit_log SET {change} WHERE id = $1", numbers[1])  # noqa: S608
    assert await broken(world, world.alice, here) == numbers[1]
    assert await broken(world, world.charlie, there) is None


async def test_t54_an_entry_that_was_taken_out_breaks_the_chain(world: World, postgres_server: PostgresServer) -> None:
    """RELIABILITY T54: the one after it follows nobody."""
    numbers = await write(world, world.alice, 3)
    await forge(world, postgres_server, "DELETE FROM audit_log WHERE id = $1", numbers[1])
    assert await broken(world, world.alice, world.alice.organization_id) == numbers[2]


async def test_an_entry_that_was_put_in_breaks_the_chain(world: World, postgres_server: PostgresServer) -> None:
    await write(world, world.alice)
    await forge(
        world,
        postgres_server,
        """
        INSERT INTO audit_log (organization_id, actor_kind, action, target_kind, previous_hash, hash)
        SELECT organization_id, 'system', 'tests.forged', 'tests', hash, sha256('x')
        FROM audit_log
        WHERE organization_id = $1
        ORDER BY id DESC
        LIMIT 1
        """,
        world.alice.organization_id,
    )
    assert await broken(world, world.alice, world.alice.organization_id) is not None


async def test_many_who_write_at_once_keep_one_chain(world: World) -> None:
    here, there = world.alice, world.charlie

    async def some(person: Person) -> None:
        async with transaction(world.ground.api, user_id=person.user_id) as conn:
            await audit.write(conn, person.organization_id, ENTRY, None)
            await audit.write(conn, person.organization_id, ENTRY, None)

    await asyncio.gather(*(some(person) for person in (here, there) for _ in range(8)))
    assert await broken(world, here, here.organization_id) is None
    assert await broken(world, there, there.organization_id) is None
    async with world.by(here) as conn:
        entries = await audit.list_entries(conn, here.organization_id)
    assert [entry.action for entry in entries[:16]] == [ENTRY] * 16


async def test_only_who_manages_it_has_a_chain_checked(world: World) -> None:
    for person in (world.bob, world.charlie, None):
        with pytest.raises(NotFoundError):
            async with world.by(person) as conn:
                await audit.first_broken(conn, world.alice.organization_id)
    with pytest.raises(NotFoundError):
        await broken(world, world.alice, None)
    assert await broken(world, await world.administrator(), None) is None


async def test_what_is_written_by_itself_names_nobody(world: World) -> None:
    session = await world.session(world.alice)
    async with world.by(world.alice) as conn:
        await share_links.insert_link(
            conn, token_hash=session.id.bytes * 2, session_id=session.id, organization_id=session.organization_id,
            created_by=world.alice.user_id, shared_tabs=["summary"], recipient_email="canary@example.org",
            message="canary",
        )  # fmt: skip
        entry = (await audit.list_entries(conn, session.organization_id, limit=1))[0]
    assert entry.action == "session_share_links.insert"
    assert "canary" not in repr(entry)
