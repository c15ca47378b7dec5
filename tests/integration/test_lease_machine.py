"""Two nodes that take, extend, release and lose one session in any order: their sequence numbers never meet."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from db.errors import ConflictError, UnavailableError
from db.pool import Pool, owner_connection
from db.records import Session
from media_server.lease import LeaseKeeper, clock_s
from tests.away_postgres import AwayPostgres
from tests.chaos import often
from tests.conftest import Database, PostgresServer
from tests.interleaving import own_database
from tests.people import Person, connected, make_people, make_session

LEASE_S = 2.0
NODES = st.sampled_from(["host-0", "host-1"])

pytestmark = [pytest.mark.slow, pytest.mark.chaos, pytest.mark.timeout(often(ci=120, chaos=900))]

T = TypeVar("T")


@dataclass
class Clock:
    """The nodes' clock: real time, and what a test lets pass beside it."""

    skipped_s: float = 0.0

    def __call__(self) -> float:
        return clock_s() + self.skipped_s


@dataclass
class Numbers:
    """The log of one epoch, as far as it uses up numbers."""

    epoch: int
    next_seq: int
    last_seq: int

    @property
    def seqs_left(self) -> int:
        return self.last_seq - self.next_seq + 1

    def grant(self, last_seq: int) -> None:
        self.last_seq = max(self.last_seq, last_seq)

    def take(self, count: int) -> range:
        taken = range(self.next_seq, min(self.next_seq + count, self.last_seq + 1))
        self.next_seq = taken.stop
        return taken


@dataclass
class Node:
    keeper: LeaseKeeper
    postgres: AwayPostgres
    logs: list[Numbers] = field(default_factory=list)


@dataclass
class Ground:
    """What outlives an example."""

    loop: asyncio.AbstractEventLoop
    owner_url: str
    api: Pool
    media: Pool
    alice: Person


@pytest.fixture
def ground(postgres_server: PostgresServer) -> Iterator[Ground]:
    with own_database(postgres_server) as database, asyncio.Runner() as runner:
        open_ground = _ground(runner.get_loop(), database)
        try:
            yield runner.run(anext(open_ground))
        finally:
            runner.run(open_ground.aclose())


async def _ground(loop: asyncio.AbstractEventLoop, database: Database) -> Any:
    people = await make_people(database.owner_url)
    async with connected(database.api_url) as api, connected(database.media_url) as media:
        await _wait_until_leases_can_be_taken_over(database.owner_url)
        yield Ground(loop, database.owner_url, api, media, people.alice)


async def _wait_until_leases_can_be_taken_over(owner_url: str) -> None:
    """Postgres honours leases for their time after its own start."""
    async with owner_connection(owner_url) as conn:
        while await conn.fetchval("SELECT pg_postmaster_start_time() > now() - $1 * interval '1 s'", LEASE_S):
            await asyncio.sleep(0.05)


def test_numbers_of_two_nodes_never_meet(ground: Ground) -> None:
    class Machine(LeaseMachine):
        def __init__(self) -> None:
            super().__init__(ground)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=often(ci=30, chaos=1500),
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


class LeaseMachine(RuleBasedStateMachine):
    """One session; a node publishes only what it may, and writes down the numbers."""

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self.ground = ground
        self.clock = Clock()
        self.published: list[range] = []
        self.may_part = False
        """A node may not reach a Postgres that the other one reaches: then both may publish for a while."""

    @initialize(may_part=st.sampled_from([False, False, True]))
    def begin(self, may_part: bool) -> None:
        self.may_part = may_part
        self.session: Session = self._wait(make_session(self.ground.api, self.ground.alice))
        self.nodes = {name: self._node(name) for name in ("host-0", "host-1")}

    def _node(self, name: str) -> Node:
        postgres = AwayPostgres(self.ground.media, is_away=False)
        pool: Any = postgres
        return Node(LeaseKeeper(pool, name, f"http://{name}", lease_s=LEASE_S, clock=self.clock), postgres)

    @rule(name=NODES)
    def acquire(self, name: str) -> None:
        node = self.nodes[name]
        try:
            lease = self._wait(node.keeper.acquire(self.session.id))
        except (ConflictError, UnavailableError):
            return
        numbers = Numbers(lease.epoch, lease.first_seq, lease.last_seq)
        assert lease.epoch > max((log.epoch for log in self._logs()), default=0)
        assert lease.first_seq > max((log.last_seq for log in self._logs()), default=0)
        node.keeper.watch(self.session.id, numbers)
        node.logs.append(numbers)

    @rule(name=NODES)
    def renew(self, name: str) -> None:
        self._wait(self.nodes[name].keeper.renew())

    @rule(name=NODES)
    def release(self, name: str) -> None:
        self._wait(self.nodes[name].keeper.release(self.session.id))

    @rule(name=NODES, count=st.sampled_from([1, 3000, 9000]))
    def publish(self, name: str, count: int) -> None:
        node = self.nodes[name]
        if node.keeper.is_current(self.session.id) and (taken := node.logs[-1].take(count)):
            self.published.append(taken)

    @rule(seconds=st.sampled_from([0.5, 1.0, 1.5, 2.5]))
    def time_passes(self, seconds: float) -> None:
        self.clock.skipped_s += seconds
        self._wait(self._skip_in_postgres(seconds))

    @precondition(lambda machine: machine.may_part)
    @rule(name=NODES, is_away=st.booleans())
    def part_or_join(self, name: str, is_away: bool) -> None:
        self.nodes[name].postgres.is_away = is_away

    @invariant()
    def no_number_was_given_twice(self) -> None:
        given = sorted((log.epoch, log.last_seq) for log in self._logs())
        assert [last_seq for _, last_seq in given] == sorted({last_seq for _, last_seq in given})
        taken = sorted(self.published, key=lambda seqs: seqs.start)
        assert all(before.stop <= after.start for before, after in itertools.pairwise(taken))

    @invariant()
    def what_comes_later_has_a_later_number(self) -> None:
        if not self.may_part:
            assert self.published == sorted(self.published, key=lambda seqs: seqs.start)

    @invariant()
    def one_node_at_a_time_may_publish(self) -> None:
        if not self.may_part and hasattr(self, "nodes"):
            assert sum(node.keeper.is_current(self.session.id) for node in self.nodes.values()) <= 1

    def _logs(self) -> list[Numbers]:
        return [log for node in getattr(self, "nodes", {}).values() for log in node.logs]

    async def _skip_in_postgres(self, seconds: float) -> None:
        async with owner_connection(self.ground.owner_url) as conn:
            await conn.execute(
                "UPDATE calls SET lease_until = lease_until - $1 * interval '1 s' WHERE session_id = $2",
                seconds,
                self.session.id,
            )

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self.ground.loop.run_until_complete(work)
