"""The lease of a live call, its sequence numbers, the nodes and the orders they get."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import uuid4

import pytest

from db import calls, commands, sessions
from db.errors import ConflictError, NotFoundError
from db.pool import Pool, owner_connection, transaction
from db.records import Session
from tests.conftest import Database
from tests.people import People, a_minute_ago, connected, in_a_minute, make_people, make_session, start_call

SHORT_S = 0.1
"""Of a lease that is taken over: Postgres honours leases for their time after its own start, which may be just now."""


@dataclass(frozen=True, slots=True)
class World:
    people: People
    api: Pool
    media: Pool
    session: Session
    owner_url: str


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    people = await make_people(database.owner_url)
    async with connected(database.api_url) as api, connected(database.media_url) as media:
        yield World(people, api, media, await make_session(api, people.alice), database.owner_url)


async def _expire(world: World) -> None:
    async with owner_connection(world.owner_url) as conn:
        await conn.execute("UPDATE calls SET lease_until = now() - interval '1 millisecond'")


async def test_the_first_lease_says_whose_session_it_is(world: World) -> None:
    lease = await start_call(world.media, world.session)

    assert (lease.epoch, lease.first_seq, lease.last_seq) == (1, 1, calls.SEQ_BLOCK)
    assert (lease.user_id, lease.organization_id) == (world.session.user_id, world.session.organization_id)
    assert 5.0 < (lease.lease_until - lease.now).total_seconds() <= 6.0


async def test_another_node_is_refused_while_the_lease_is_current(world: World) -> None:
    await start_call(world.media, world.session)

    with pytest.raises(ConflictError) as refusal:
        await start_call(world.media, world.session, node="host-1")
    assert refusal.value.code == "call_elsewhere"


async def test_the_same_node_has_it_again_at_once_in_a_new_epoch_with_new_numbers(world: World) -> None:
    first = await start_call(world.media, world.session)
    second = await start_call(world.media, world.session)

    assert second.epoch == first.epoch + 1
    assert second.first_seq == first.last_seq + 1


async def test_another_node_takes_over_when_the_lease_has_run_out(world: World) -> None:
    first = await start_call(world.media, world.session)
    await _expire(world)
    second = await start_call(world.media, world.session, node="host-1", lease_s=SHORT_S)

    assert second.epoch == first.epoch + 1
    assert second.first_seq > first.last_seq


async def test_of_twenty_nodes_one_gets_the_lease(world: World) -> None:
    outcomes = await asyncio.gather(
        *(start_call(world.media, world.session, node=f"host-{n}") for n in range(20)), return_exceptions=True
    )

    refused = [outcome for outcome in outcomes if isinstance(outcome, ConflictError)]
    assert len(refused) == 19


async def test_a_node_keeps_its_locks_for_seconds_only_and_other_transactions_are_as_they_were(world: World) -> None:
    async with transaction(world.media) as conn:
        await calls.give_way(conn)
        assert await conn.fetchval("SHOW idle_in_transaction_session_timeout") == "3s"
    async with transaction(world.media) as conn:
        assert await conn.fetchval("SHOW idle_in_transaction_session_timeout") != "3s"


async def test_a_renewed_lease_stays(world: World) -> None:
    lease = await start_call(world.media, world.session, lease_s=1.0)
    async with transaction(world.media) as conn:
        assert await calls.renew_leases(conn, "host-0", [(world.session.id, lease.epoch)], 60.0) == {world.session.id}
        call = await calls.current_call(conn, world.session.id)
    assert call is not None
    assert (call.lease_until - lease.now).total_seconds() > 30


async def test_a_lost_lease_is_not_renewed(world: World) -> None:
    lease = await start_call(world.media, world.session)
    await _expire(world)
    await start_call(world.media, world.session, node="host-1", lease_s=SHORT_S)

    async with transaction(world.media) as conn:
        assert await calls.renew_leases(conn, "host-0", [(world.session.id, lease.epoch)]) == set()


async def test_an_older_epoch_of_the_same_node_is_not_renewed(world: World) -> None:
    lease = await start_call(world.media, world.session)
    await start_call(world.media, world.session)

    async with transaction(world.media) as conn:
        assert await calls.renew_leases(conn, "host-0", [(world.session.id, lease.epoch)]) == set()


async def test_a_released_lease_is_free_for_any_node(world: World) -> None:
    lease = await start_call(world.media, world.session)
    async with transaction(world.media) as conn:
        await calls.release_lease(conn, world.session.id, "host-0", lease.epoch)
    async with transaction(world.media) as conn:
        assert await calls.current_call(conn, world.session.id) is None

    assert (await start_call(world.media, world.session, node="host-1", lease_s=SHORT_S)).epoch == 2


async def test_releasing_an_older_epoch_changes_nothing(world: World) -> None:
    first = await start_call(world.media, world.session)
    await start_call(world.media, world.session)
    async with transaction(world.media) as conn:
        await calls.release_lease(conn, world.session.id, "host-0", first.epoch)
        assert await calls.current_call(conn, world.session.id) is not None


async def test_more_numbers_follow_the_epochs_own(world: World) -> None:
    lease = await start_call(world.media, world.session)
    async with transaction(world.media) as conn:
        assert await calls.extend_seqs(conn, world.session.id, lease.epoch, 500) == lease.last_seq + 500

    assert (await start_call(world.media, world.session)).first_seq == lease.last_seq + 501


async def test_an_epoch_that_is_over_gets_no_more_numbers(world: World) -> None:
    lease = await start_call(world.media, world.session)
    await start_call(world.media, world.session)
    async with transaction(world.media) as conn:
        assert await calls.extend_seqs(conn, world.session.id, lease.epoch, 500) is None


async def test_a_completed_session_has_no_more_calls(world: World) -> None:
    await start_call(world.media, world.session)
    async with transaction(world.media) as conn:
        await sessions.activate_session(conn, world.session.id, a_minute_ago())
        await sessions.complete_session(conn, world.session.id, in_a_minute())

    with pytest.raises(ConflictError) as refusal:
        await start_call(world.media, world.session)
    assert refusal.value.code == "session_completed"


async def test_a_missing_session_has_no_call(world: World) -> None:
    with pytest.raises(NotFoundError):
        async with transaction(world.media) as conn:
            await calls.acquire_lease(conn, uuid4(), "host-0", "http://host-0")


async def test_a_pause_survives_a_new_epoch(world: World) -> None:
    lease = await start_call(world.media, world.session)
    async with transaction(world.media) as conn:
        assert await calls.set_paused(conn, world.session.id, lease.epoch, True)

    assert (await start_call(world.media, world.session)).paused


async def test_the_last_registered_node_is_offered(world: World) -> None:
    for node in ("host-0", "host-1", "host-0"):
        async with transaction(world.media) as conn:
            await calls.register_node(conn, node, f"http://{node}")

    async with transaction(world.api, user_id=world.people.alice.user_id) as conn:
        found = await calls.last_registered_node(conn)
    assert found is not None
    assert (found.node, found.media_url) == ("host-0", "http://host-0")


async def test_a_node_that_fell_silent_is_not_offered(world: World) -> None:
    async with transaction(world.media) as conn:
        await calls.register_node(conn, "host-0", "http://host-0")
    async with owner_connection(world.owner_url) as conn:
        await conn.execute("UPDATE media_nodes SET seen_at = now() - interval '1 minute'")
    async with transaction(world.media) as conn:
        assert await calls.last_registered_node(conn) is None
        assert await calls.touch_node(conn, "host-0")
        assert await calls.last_registered_node(conn) is not None


async def test_a_node_that_never_registered_is_told_so(world: World) -> None:
    async with transaction(world.media) as conn:
        assert not await calls.touch_node(conn, "host-9")


async def test_a_node_that_may_hang_comes_after_the_others_and_one_that_drains_not_at_all(world: World) -> None:
    async with transaction(world.media) as conn:
        for name in ("fresh", "stopped", "retired"):
            await calls.register_node(conn, name, f"http://{name}")
        await conn.execute("UPDATE media_nodes SET registered_at = now() - interval '1 hour' WHERE node = 'fresh'")
        await conn.execute("UPDATE media_nodes SET seen_at = now() - interval '6 seconds' WHERE node = 'stopped'")
        await calls.retire_node(conn, "retired")
        assert [node.node for node in await calls.list_nodes(conn)] == ["fresh", "stopped"]
        assert len(await calls.media_urls(conn)) == 3
        await calls.register_node(conn, "retired", "http://retired")
        assert (await calls.list_nodes(conn))[0].node == "retired"
        await conn.execute("UPDATE media_nodes SET seen_at = now() - interval '61 minutes' WHERE node = 'retired'")
        assert sorted(await calls.media_urls(conn)) == ["http://fresh", "http://stopped"]


async def test_an_order_is_given_once_and_acknowledged_once(world: World) -> None:
    await start_call(world.media, world.session)
    order = uuid4()
    for expected in (True, False):
        async with transaction(world.api, user_id=world.people.alice.user_id) as conn:
            given = await commands.insert_command(
                conn,
                id=order,
                session_id=world.session.id,
                organization_id=world.session.organization_id,
                kind="end",
                payload={"reason": "done"},
                created_by=world.people.alice.user_id,
            )
        assert given is expected

    async with transaction(world.media) as conn:
        (command,) = await commands.pending_commands(conn, [world.session.id, uuid4()])
        assert (command.id, command.kind, command.payload) == (order, "end", {"reason": "done"})
        assert await commands.acknowledge(conn, order, "ended")
        assert not await commands.acknowledge(conn, order, "again")
        assert await commands.pending_commands(conn, [world.session.id]) == []


async def test_an_order_to_a_foreign_session_is_refused(world: World) -> None:
    with pytest.raises(NotFoundError):
        async with transaction(world.api, user_id=world.people.charlie.user_id) as conn:
            await commands.insert_command(
                conn,
                id=uuid4(),
                session_id=world.session.id,
                organization_id=world.session.organization_id,
                kind="end",
                payload={},
                created_by=world.people.charlie.user_id,
            )
