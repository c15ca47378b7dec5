"""Who may publish in a session: leases that are kept, run out, are taken over, and outlive Postgres being away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest

from db import calls
from db.errors import ConflictError, UnavailableError
from db.pool import Pool, transaction
from db.records import Lease, LogEntry, Session
from media_server.event_log import EventLog, LeaseLostError
from media_server.events import PipelineStatus
from media_server.lease import LeaseKeeper
from media_server.spool import Spool
from tests.conftest import Database
from tests.people import connected, make_people, make_session, start_call

LEASE_S = 6.0
SHORT_S = 0.1
"""Of a lease that is taken over: Postgres honours leases for their time after its own start, which may be just now."""
STATUS = PipelineStatus(lag_ms=1, level="full")


@dataclass
class Clock:
    """The node's clock; a test moves it, as a stopped process would find it moved."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Postgres:
    """What the keeper asks; a test takes it away."""

    pool: Pool
    is_away: bool = False
    asked: int = 0

    @asynccontextmanager
    async def lend(self, timeout_s: float) -> AsyncIterator[object]:
        self.asked += 1
        if self.is_away:
            raise ConnectionRefusedError
        async with self.pool.lend(timeout_s) as loan:
            yield loan


@dataclass
class Node:
    keeper: LeaseKeeper
    postgres: Postgres
    clock: Clock
    session: Session
    lost: list[UUID] = field(default_factory=list)

    async def acquire(self) -> Lease:
        return await self.keeper.acquire(self.session.id)

    @property
    def is_current(self) -> bool:
        return self.keeper.is_current(self.session.id)

    async def expire_in_postgres(self) -> None:
        async with transaction(self.postgres.pool) as conn:
            await conn.execute("UPDATE calls SET lease_until = now() - interval '1 second'")

    async def other_node_takes_over(self) -> Lease:
        await self.expire_in_postgres()
        return await start_call(self.postgres.pool, self.session, node="host-1", lease_s=SHORT_S)


@pytest.fixture
async def node(database: Database) -> AsyncIterator[Node]:
    people = await make_people(database.owner_url)
    async with connected(database.api_url) as api, connected(database.media_url) as pool:
        session = await make_session(api, people.alice)
        postgres, clock = Postgres(pool), Clock()
        keeper = LeaseKeeper(postgres, "host-0", "http://host-0", lease_s=LEASE_S, clock=clock)  # type: ignore[arg-type]
        node = Node(keeper, postgres, clock, session)
        keeper.on_lost = node.lost.append
        yield node


async def test_an_acquired_lease_is_current(node: Node) -> None:
    await node.acquire()
    assert node.is_current


async def test_a_session_without_a_lease_is_not_current(node: Node) -> None:
    assert not node.is_current


async def test_a_lease_runs_out_before_postgres_would_give_it_away(node: Node) -> None:
    await node.acquire()
    node.clock.now += LEASE_S - 0.9
    assert not node.is_current


async def test_a_lease_that_came_too_late_is_asked_for_again(node: Node) -> None:
    lend = node.postgres.lend

    @asynccontextmanager
    async def slow(timeout_s: float) -> AsyncIterator[object]:
        async with lend(timeout_s) as loan:
            yield loan
        node.clock.now += LEASE_S

    node.postgres.lend = slow  # type: ignore[method-assign]
    with pytest.raises(UnavailableError):
        await node.acquire()
    node.postgres.lend = lend  # type: ignore[method-assign]
    assert (await node.acquire()).epoch == 2
    assert node.is_current


async def test_a_renewed_lease_stays_current(node: Node) -> None:
    await node.acquire()
    for _ in range(5):
        node.clock.now += 2
        await node.keeper.renew()
    assert node.is_current


async def test_renewing_moves_the_end_in_postgres(node: Node) -> None:
    await node.acquire()
    await node.expire_in_postgres()
    await node.keeper.renew()
    async with transaction(node.postgres.pool) as conn:
        assert await calls.current_call(conn, node.session.id) is not None


async def test_a_session_that_lives_elsewhere_cannot_be_acquired(node: Node) -> None:
    await start_call(node.postgres.pool, node.session, node="host-1")
    with pytest.raises(ConflictError) as refusal:
        await node.acquire()
    assert refusal.value.code == "call_elsewhere"


async def test_a_lease_that_another_node_took_is_lost(node: Node) -> None:
    await node.acquire()
    await node.other_node_takes_over()
    await node.keeper.renew()
    assert not node.is_current
    assert node.lost == [node.session.id]


async def test_a_lost_lease_is_told_once(node: Node) -> None:
    await node.acquire()
    await node.other_node_takes_over()
    await node.keeper.renew()
    await node.keeper.renew()
    assert node.lost == [node.session.id]


async def test_a_released_lease_is_free_for_others_and_not_lost(node: Node) -> None:
    await node.acquire()
    await node.keeper.release(node.session.id)
    assert not node.is_current
    await start_call(node.postgres.pool, node.session, node="host-1", lease_s=SHORT_S)
    await node.keeper.renew()
    assert node.lost == []


async def test_calls_go_on_while_postgres_is_away(node: Node) -> None:
    await node.acquire()
    node.postgres.is_away = True
    for _ in range(600):
        node.clock.now += 0.5
        await node.keeper.renew()
        assert node.is_current


async def test_a_lease_is_renewed_when_postgres_is_back(node: Node) -> None:
    await node.acquire()
    node.postgres.is_away = True
    for _ in range(60):
        node.clock.now += 0.5
        await node.keeper.renew()
    node.postgres.is_away = False
    await node.keeper.renew()
    node.clock.now += 4
    assert node.is_current
    assert node.lost == []


async def test_a_lease_taken_while_postgres_seemed_away_is_lost_with_its_first_answer(node: Node) -> None:
    await node.acquire()
    node.postgres.is_away = True
    for _ in range(60):
        node.clock.now += 0.5
        await node.keeper.renew()
    await node.other_node_takes_over()
    node.postgres.is_away = False
    await node.keeper.renew()
    assert not node.is_current
    assert node.lost == [node.session.id]


async def test_without_attempts_nothing_is_known_of_postgres(node: Node) -> None:
    await node.acquire()
    node.postgres.is_away = True
    await node.keeper.renew()
    node.clock.now += LEASE_S
    assert not node.is_current


async def test_a_stopped_node_does_not_revive_its_lease_by_not_reaching_postgres(node: Node) -> None:
    await node.acquire()
    node.clock.now += 60
    node.postgres.is_away = True
    await node.keeper.renew()
    assert not node.is_current


async def test_a_lease_found_run_out_is_given_up_even_if_nobody_took_it(node: Node) -> None:
    await node.acquire()
    node.clock.now += 60
    assert not node.is_current
    await node.keeper.renew()
    assert not node.is_current
    assert node.lost == [node.session.id]


async def test_a_stopped_node_that_nobody_replaced_goes_on_if_nothing_was_held_back(node: Node) -> None:
    await node.acquire()
    node.clock.now += 60
    await node.keeper.renew()
    assert node.is_current


async def test_a_stopped_node_publishes_nothing_after_another_took_over(node: Node, tmp_path: Path) -> None:
    lease = await node.acquire()
    published: list[LogEntry] = []
    spool = Spool(tmp_path / "n")
    await spool.open()
    log = EventLog(
        spool,
        lease.session_id,
        lease.organization_id,
        lease.epoch,
        lease.first_seq,
        lease.last_seq,
        lambda: node.is_current,
    )
    log.subscribe(published.append)
    await log.append(STATUS, at_ms=0)
    await node.other_node_takes_over()
    node.clock.now += 60  # stopped, then resumed: nothing was renewed meanwhile
    for _ in range(2):
        with pytest.raises(LeaseLostError):
            await log.append(STATUS, at_ms=60_000)
        await node.keeper.renew()
    await spool.aclose()
    assert [entry.seq for entry in published] == [lease.first_seq]


async def test_the_epochs_of_two_nodes_share_no_seq(node: Node) -> None:
    mine = await node.acquire()
    theirs = await node.other_node_takes_over()
    assert theirs.epoch == mine.epoch + 1
    assert theirs.first_seq == mine.last_seq + 1


async def test_a_log_gets_numbers_before_it_runs_out(node: Node) -> None:
    lease = await node.acquire()
    log = EventLog(
        None,  # type: ignore[arg-type]  # nothing is appended
        lease.session_id,
        lease.organization_id,
        lease.epoch,
        lease.last_seq - 4000,
        lease.last_seq,
        lambda: True,
    )
    node.keeper.watch(node.session.id, log)
    await node.keeper.renew()
    assert log.seqs_left == 4001 + calls.SEQ_BLOCK


async def test_a_log_with_enough_numbers_gets_none(node: Node) -> None:
    lease = await node.acquire()
    log = EventLog(
        None,  # type: ignore[arg-type]  # nothing is appended
        lease.session_id,
        lease.organization_id,
        lease.epoch,
        lease.first_seq,
        lease.last_seq,
        lambda: True,
    )
    node.keeper.watch(node.session.id, log)
    await node.keeper.renew()
    assert log.seqs_left == calls.SEQ_BLOCK


async def test_taking_a_session_again_is_not_losing_it(node: Node) -> None:
    await node.acquire()
    renewing = asyncio.ensure_future(node.keeper.renew())
    await node.acquire()
    await renewing
    assert node.is_current
    assert node.lost == []


async def test_leases_are_renewed_by_themselves(node: Node) -> None:
    keeper = LeaseKeeper(node.postgres.pool, "host-0", "http://host-0", lease_s=0.6)
    lease = await keeper.acquire(node.session.id)
    running = asyncio.ensure_future(keeper.run())
    until = lease.lease_until
    async with asyncio.timeout(5):
        while until == lease.lease_until:
            await asyncio.sleep(0.05)
            async with transaction(node.postgres.pool) as conn:
                until = await conn.fetchval("SELECT lease_until FROM calls")
    running.cancel()
    assert until > lease.lease_until
