"""The states of a session that a node, people and a job command at once: every outcome is one of some order.

One command is one transaction; a second one begins while the first is open, and waits where it must.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from db import session_changes, sessions
from db.errors import ConflictError, NotFoundError
from db.pool import Connection, act_as, owner_connection
from tests.chaos import often
from tests.conftest import Database, PostgresServer
from tests.interleaving import Hand, watcher_url
from tests.people import Person, make_owner

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
STATUSES = ("draft", "active", "completed", "archived")
STEPS = {("draft", "active"), ("active", "completed"), ("completed", "archived"), ("archived", "completed")}


@dataclass(frozen=True, slots=True)
class State:
    status: str = "draft"
    is_deleted: bool = False
    started_at: datetime | None = None
    summaries: int = 0


@dataclass(frozen=True, slots=True)
class Command:
    hand: str
    """Whose connection: media, api, jobs or owner."""
    name: str
    minute: int

    def outcome(self, before: State) -> State | str:
        """What it brings about, or the code of its refusal."""
        if self.name in STATUSES:
            is_step = before.status == self.name or (before.status, self.name) in STEPS
            return replace(before, status=self.name) if is_step else "session_state"
        if self.name == "restore":
            return replace(before, is_deleted=False) if before.is_deleted else "session_not_found"
        if before.is_deleted:
            return "session_not_found"
        match self.name, before.status:
            case "delete", _:
                return replace(before, is_deleted=True)
            case "activate", "draft" | "active":
                return replace(before, status="active", started_at=before.started_at or self.at)
            case "complete", "active":
                return replace(before, status="completed", summaries=1)
            case "complete", "completed":
                return before
            case "archive" | "unarchive", "completed" | "archived":
                return replace(before, status="archived" if self.name == "archive" else "completed")
        return "session_state"

    @property
    def at(self) -> datetime:
        return NOON + timedelta(minutes=self.minute)


commands = st.one_of(
    st.builds(Command, st.just("media"), st.sampled_from(("activate", "complete")), st.integers(0, 9)),
    st.builds(
        Command,
        st.just("api"),
        st.sampled_from(("complete", "archive", "unarchive", "delete", "restore")),
        st.integers(0, 9),
    ),
    st.builds(Command, st.just("jobs"), st.just("complete"), st.integers(0, 9)),
    st.builds(Command, st.just("owner"), st.sampled_from(STATUSES), st.just(0)),
)


class World:
    """The connections of all histories, and the loop they live in."""

    def __init__(self, watcher: str, urls: dict[str, str], alice: Person) -> None:
        self.alice = alice
        self.loop = asyncio.Runner()
        self.watcher = Hand(watcher)
        self.hands = {name: Hand(url) for name, url in urls.items()}
        for hand in (self.watcher, *self.hands.values()):
            self.loop.run(hand.connect())

    def close(self) -> None:
        for hand in (self.watcher, *self.hands.values()):
            self.loop.run(hand.close())
        self.loop.close()


@pytest.fixture(scope="module")
def world(postgres_server: PostgresServer, shared_database: Database) -> Iterator[World]:
    urls = {
        "media": shared_database.media_url,
        "api": shared_database.api_url,
        "jobs": shared_database.jobs_url,
        "owner": shared_database.owner_url,
    }
    alice = asyncio.run(_new_alice(shared_database.owner_url))
    world = World(watcher_url(postgres_server, shared_database), urls, alice)
    yield world
    world.close()


async def _new_alice(owner_url: str) -> Person:
    async with owner_connection(owner_url) as conn, conn.transaction():
        return await make_owner(conn, "Alice")


class SessionMachine(RuleBasedStateMachine):
    world: World

    @initialize()
    def a_draft(self) -> None:
        self.session_id = uuid4()
        self.state = State()
        self.running: dict[str, Command] = {}
        """What each connection has begun: it waits, or it is done and not committed."""
        self.done: dict[str, State | None] = {}
        """What commits bring about; None: nothing, and it may hold no lock."""
        self.run(self._insert())

    def run(self, work: Any) -> Any:
        return self.world.loop.run(work)

    async def _insert(self) -> None:
        conn, alice = self.world.hands["owner"].conn, self.world.alice
        await conn.execute(
            "INSERT INTO sessions (id, user_id, organization_id, title) VALUES ($1, $2, $3, 'A call')",
            self.session_id,
            alice.user_id,
            alice.organization_id,
        )
        # Somebody had a lease on it, and lost it.
        await conn.execute(
            """
            INSERT INTO calls (session_id, organization_id, node, epoch, media_url, lease_until, reserved_seq)
            VALUES ($1, $2, 'a', 1, 'http://a', now(), 1)
            """,
            self.session_id,
            alice.organization_id,
        )

    # Rules have no preconditions: who waits is Postgres' to say, and a history must be the same when it is told again.

    @rule(command=commands)
    def begin(self, command: Command) -> None:
        """One waits at a time: of two that wait for a row chance decides who is next."""
        if len(self.running) > len(self.done):
            self.end(command.minute, True)
            return
        if command.hand in self.running:
            return
        self.running[command.hand] = command
        self._follow(command.hand, lambda hand: hand.do(self._transact(command), self.world.watcher))

    @rule(which=st.integers(0, 3), is_kept=st.booleans())
    def end(self, which: int, is_kept: bool) -> None:
        """Commit, or let it be as if it had not been."""
        if not self.done:
            return
        name = sorted(self.done)[which % len(self.done)]
        after = self.done.pop(name)
        del self.running[name]
        self.run(self.world.hands[name].conn.execute("COMMIT" if is_kept else "ROLLBACK"))
        if is_kept and after is not None:
            self.state = after
        for waiting in self.running.keys() - self.done.keys():
            self._follow(waiting, lambda hand: hand.settle(self.world.watcher))
        assert self.run(self._stored()) == self.state

    def _follow(self, name: str, step: Callable[[Hand], Awaitable[bool]]) -> None:
        """Whatever is done now is decided by what is committed now."""
        hand = self.world.hands[name]
        expected = self.running[name].outcome(self.state)
        outcome = self.run(_outcome(step(hand)))
        if outcome is False:
            return
        if isinstance(outcome, str):
            self.run(hand.conn.execute("ROLLBACK"))
            del self.running[name]
            assert outcome == expected
            return
        assert isinstance(expected, State), expected
        self.done[name] = None if expected == self.state else expected

    async def _transact(self, command: Command) -> None:
        conn = self.world.hands[command.hand].conn
        await conn.execute("BEGIN")
        if command.hand == "api":  # the others act for nobody
            await act_as(conn, self.world.alice.user_id)
        await self._command(conn, command)

    async def _command(self, conn: Connection, command: Command) -> None:
        organization_id = self.world.alice.organization_id
        match command.name:
            case "activate":
                await sessions.activate_session(conn, self.session_id, command.at)
            case "complete":
                await sessions.complete_session(conn, self.session_id, command.at)
            case "archive" | "unarchive" | "delete" | "restore":
                await getattr(session_changes, f"{command.name}_session")(conn, organization_id, self.session_id)
            case status:
                await conn.execute("UPDATE sessions SET status = $2 WHERE id = $1", self.session_id, status)

    def teardown(self) -> None:
        for hand in self.world.hands.values():
            self.run(hand.let_go(self.world.watcher))

    async def _stored(self) -> State:
        row = await self.world.watcher.conn.fetchrow(
            """
            SELECT
                status,
                deleted_at IS NOT NULL AS is_deleted,
                recording_started_at AS started_at,
                (SELECT count(*) FROM summaries WHERE session_id = $1) AS summaries
            FROM sessions
            WHERE id = $1
            """,
            self.session_id,
        )
        assert row is not None
        return State(**row)


async def _outcome(step: Awaitable[bool]) -> bool | str:
    """False: it waits; or the code of its refusal."""
    try:
        return await step
    except (ConflictError, NotFoundError) as refusal:
        return refusal.code


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_every_outcome_is_one_of_an_order(world: World) -> None:
    class Machine(SessionMachine):
        pass

    Machine.world = world
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=often(40, 1_000),
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            database=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
