"""Two nodes, an owner who corrects, and everything that happens to sessions, in any order: usage is the naive model's.

`make chaos` tries a thousand histories.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from db import usage
from db.usage import UsageInterval
from tests.chaos import often
from tests.conftest import Database, PostgresServer
from tests.interleaving import Hand, watcher_url
from tests.usage_model import ModelSession, Run, months_of

MONTH_END = datetime(2026, 11, 1, tzinfo=UTC)
"""Every session lasts over it, or ends shortly before."""
PARTICIPANTS = [UUID(int=number) for number in (1, 2)]
EPOCHS = 2

nodes = st.sampled_from((0, 1))
places = st.sampled_from((0, 1, 2))
"""Two sessions of one person, one of another."""
starts = st.integers(-200_000, 20_000).map(lambda ms: MONTH_END + timedelta(milliseconds=ms))
# Few begins, so that runs grow, shrink and overlap.
rows = st.tuples(
    places,
    st.sampled_from(PARTICIPANTS),
    st.integers(1, EPOCHS),
    st.sampled_from((0, 3_500, 21_013, 59_999, 131_072)),
    st.sampled_from((400, 1_700, 9_001, 30_500, 65_000)),
)
batches = st.lists(rows, min_size=1, max_size=4)

Row = tuple[int, UUID, int, int, int]
Facts = dict[str, dict[Any, Any]]


class World:
    """The connections of all histories, and the loop they live in."""

    def __init__(self, watcher_url: str, owner_url: str, media_url: str) -> None:
        self.loop = asyncio.Runner()
        self.watcher, self.owner = Hand(watcher_url), Hand(owner_url)
        self.nodes = [Hand(media_url), Hand(media_url)]
        for hand in self.hands:
            self.loop.run(hand.connect())

    @property
    def hands(self) -> list[Hand]:
        return [self.watcher, self.owner, *self.nodes]

    def close(self) -> None:
        for hand in self.hands:
            self.loop.run(hand.close())
        self.loop.close()


@pytest.fixture(scope="module")
def world(postgres_server: PostgresServer, shared_database: Database) -> Iterator[World]:
    world = World(watcher_url(postgres_server, shared_database), shared_database.owner_url, shared_database.media_url)
    yield world
    world.close()


class UsageMachine(RuleBasedStateMachine):
    world: World

    @initialize(zeros=st.tuples(starts, starts, starts))
    def people_and_sessions(self, zeros: tuple[datetime, datetime, datetime]) -> None:
        self.organization_id = uuid4()
        self.people = self.run(self._new_people())
        owners = (self.people[0], self.people[0], self.people[1])
        # Sorted, as people are: who waits for whom must not hang on chance.
        ids = sorted(uuid4() for _ in owners)
        self.sessions = {
            session_id: ModelSession(user_id, zero)
            for session_id, user_id, zero in zip(ids, owners, zeros, strict=True)
        }
        self.ids = list(self.sessions)
        self.started = {self.ids[0], self.ids[2]}
        """The other one is placed by its lease until its first packet is known."""
        self.open: list[list[list[Row]] | None] = [None, None]
        """What each node wrote in its transaction."""
        self.sent: list[list[Row]] = []
        self.correction: Callable[[], None] = lambda: None
        """What the owner's step means, once it is done."""
        self.run(self._populate())

    async def _new_people(self) -> list[UUID]:
        """Two whose locks are two, the first one's first."""
        while True:
            people = [uuid4(), uuid4()]
            locks = [
                await self.world.watcher.conn.fetchval("SELECT usage_lock($1, $2)", self.organization_id, user_id)
                for user_id in people
            ]
            if locks[0] < locks[1]:
                return people

    async def _populate(self) -> None:
        conn = self.world.owner.conn
        async with conn.transaction():
            await conn.execute(
                "INSERT INTO organizations (id, name, slug) VALUES ($1, 'A', $2)",
                self.organization_id,
                str(self.organization_id),
            )
            for number, user_id in enumerate(self.people):
                await conn.execute("INSERT INTO users (id, email) VALUES ($1, $2)", user_id, f"{user_id}@example.org")
                await conn.execute(
                    "INSERT INTO organization_members (organization_id, user_id, role) VALUES ($1, $2, $3)",
                    self.organization_id,
                    user_id,
                    ("owner", "member")[number],
                )
            for session_id, session in self.sessions.items():
                started_at = session.zero if session_id in self.started else None
                await conn.execute(
                    """
                    INSERT INTO sessions (id, user_id, organization_id, title, status, recording_started_at)
                    VALUES ($1, $2, $3, 'A call', 'active', $4)
                    """,
                    session_id,
                    session.user_id,
                    self.organization_id,
                    started_at,
                )
                await conn.execute(
                    """
                    INSERT INTO calls
                        (session_id, organization_id, node, epoch, media_url, lease_until, started_at, reserved_seq)
                    VALUES ($1, $2, 'a', $3, 'http://a', now(), $4, 1)
                    """,
                    session_id,
                    self.organization_id,
                    EPOCHS,
                    session.zero,
                )

    def run(self, work: Any) -> Any:
        return self.world.loop.run(work)

    # Rules have no preconditions: who waits is Postgres' to say, and a history must be the same when it is told again.

    # the nodes

    @rule(node=nodes, batch=batches)
    def record(self, node: int, batch: list[Row]) -> None:
        self.sent.append(batch)
        self._write(node, batch)

    @rule(node=nodes, which=st.integers(0, 99))
    def replay(self, node: int, which: int) -> None:
        if self.sent:
            self._write(node, self.sent[which % len(self.sent)])

    def _write(self, node: int, batch: list[Row]) -> None:
        """Who is waited for only ends its transaction: two that wait for each other are what `usage.lock` is for."""
        if any(hand.is_waiting for hand in self.world.nodes):
            self.commit(node)
        else:
            self.run(self._record(node, batch))

    async def _record(self, node: int, batch: list[Row]) -> None:
        hand = self.world.nodes[node]
        written = self.open[node]
        if written is None:
            await hand.conn.execute("BEGIN")
            written = self.open[node] = []
        written.append(batch)
        intervals = [
            UsageInterval(self.ids[place], self.organization_id, participant, epoch, from_ms, from_ms + length_ms)
            for place, participant, epoch, from_ms, length_ms in batch
        ]
        await hand.do(usage.record_intervals(hand.conn, intervals), self.world.watcher)

    @rule(node=nodes)
    def commit(self, node: int) -> None:
        node, written = self._to_end(node)
        if written is None:
            return
        self.run(self.world.nodes[node].conn.execute("COMMIT"))
        for batch in written:
            for session_id, session in self.sessions.items():
                session.record(_runs(batch, self.ids.index(session_id)))
        self._ended(node)

    @rule(node=nodes, is_crash=st.booleans())
    def give_up(self, node: int, is_crash: bool) -> None:
        node, written = self._to_end(node)
        if written is None:
            return
        hand = self.world.nodes[node]
        self.run(hand.crash(self.world.watcher) if is_crash else hand.conn.execute("ROLLBACK"))
        self._ended(node)

    def _to_end(self, node: int) -> tuple[int, list[list[Row]] | None]:
        """This node, or the other one where it waits, and what it wrote; None: it has begun nothing."""
        if self.open[node] is None or self.world.nodes[node].is_waiting:
            node = 1 - node
        return node, None if self.world.nodes[node].is_waiting else self.open[node]

    def _ended(self, node: int) -> None:
        self.open[node] = None
        self.run(self._settle())
        self._compare()

    async def _settle(self) -> None:
        """Whoever waited for what has just ended goes on."""
        for hand in (self.world.owner, *self.world.nodes, self.world.owner):
            if hand.is_waiting and await hand.settle(self.world.watcher) and hand is self.world.owner:
                self.correction()

    # what happens to sessions

    def _owner_does(self, work: Callable[[], Any], meaning: Callable[[], None]) -> None:
        if self.world.owner.is_waiting:
            self.commit(0)
            return
        self.correction = meaning
        if self.run(self.world.owner.do(work(), self.world.watcher)):
            meaning()
        self._compare()

    @rule(place=places, minute=st.integers(0, 5), seconds=st.one_of(st.none(), st.integers(0, 60)))
    def correct(self, place: int, minute: int, seconds: int | None) -> None:
        """One minute is set by hand, or all of the session's are deleted."""
        session_id = self.ids[place]
        session = self.sessions[session_id]
        zero = session.zero.replace(second=0, microsecond=0) + timedelta(minutes=minute)

        def corrected() -> None:
            if seconds is None:
                session.minutes = {}
            elif zero in session.minutes:
                session.minutes[zero] = seconds

        self._owner_does(lambda: self._correct(session_id, zero, seconds), corrected)

    async def _correct(self, session_id: UUID, minute_at: datetime, seconds: int | None) -> None:
        conn = self.world.owner.conn
        async with conn.transaction():
            await usage.lock(conn, [session_id])
            if seconds is None:
                await conn.execute("DELETE FROM usage_tracking WHERE session_id = $1", session_id)
                return
            await conn.execute(
                "UPDATE usage_tracking SET seconds_recorded = $3 WHERE session_id = $1 AND minute_timestamp = $2",
                session_id,
                minute_at,
                seconds,
            )

    @rule(zero=starts)
    def first_packet(self, zero: datetime) -> None:
        """When the first packet came is known last of all."""
        session_id = self.ids[1]
        session = self.sessions[session_id]
        if session_id in self.started:
            return

        def started() -> None:
            session.zero = zero
            session.minutes = session.derived()
            self.started.add(session_id)

        self._owner_does(lambda: self._start(session_id, zero), started)

    async def _start(self, session_id: UUID, zero: datetime) -> None:
        conn = self.world.owner.conn
        async with conn.transaction():
            await usage.lock(conn, [session_id])
            await conn.execute("UPDATE sessions SET recording_started_at = $2 WHERE id = $1", session_id, zero)

    @rule(
        place=places,
        fate=st.sampled_from(
            (
                "UPDATE sessions SET deleted_at = coalesce(deleted_at, now()) WHERE id = $1",
                """
                UPDATE sessions
                SET title = '',
                    deleted_at = coalesce(deleted_at, now()),
                    erased_at = coalesce(erased_at, now())
                WHERE id = $1
                """,
                "UPDATE sessions SET status = 'completed' WHERE id = $1 AND status = 'active'",
                "UPDATE calls SET paused = NOT paused WHERE session_id = $1",
                "DELETE FROM session_participants WHERE session_id = $1",
            )
        ),
    )
    def happens_to_a_session(self, place: int, fate: str) -> None:
        """None of this changes what was used."""
        self._owner_does(lambda: self.world.owner.conn.execute(fate, self.ids[place]), lambda: None)

    # the truth

    def teardown(self) -> None:
        for hand in (self.world.owner, *self.world.nodes):
            self.run(hand.let_go(self.world.watcher))

    def _compare(self) -> None:
        assert self.run(self._stored()) == self._expected()

    def _expected(self) -> Facts:
        months = months_of(self.sessions.values())
        members = {}
        for user_id in self.people:
            own = [session for session in self.sessions.values() if session.user_id == user_id]
            seconds = sum(sum(session.minutes.values()) for session in own)
            members[user_id] = (
                (Decimal(seconds) / 3600).quantize(Decimal("0.01"), ROUND_HALF_UP),
                max((minute_at for session in own for minute_at in session.minutes), default=None),
                sum(session_id in self.started for session_id in self.ids if self.sessions[session_id] in own),
            )
        return {
            "minutes": {key: session.minutes for key, session in self.sessions.items() if session.minutes},
            "months": {month: (seconds, -(-seconds // 60)) for month, seconds in months.items()},
            "members": members,
            "durations": {key: sum(session.minutes.values()) for key, session in self.sessions.items()},
        }

    async def _stored(self) -> Facts:
        async def fetch(statement: str) -> list[Any]:
            return await self.world.watcher.conn.fetch(statement, self.organization_id)

        minutes: dict[UUID, dict[datetime, int]] = {}
        for session_id, minute_at, seconds in await fetch(
            "SELECT session_id, minute_timestamp, seconds_recorded FROM usage_tracking WHERE organization_id = $1"
        ):
            minutes.setdefault(session_id, {})[minute_at] = seconds
        months = await fetch(
            """
            SELECT user_id, month_year, total_seconds_used, total_minutes_used
            FROM monthly_usage_cache
            WHERE organization_id = $1
                AND (total_seconds_used, total_minutes_used) <> (0, 0)
            """
        )
        members = await fetch(
            """
            SELECT user_id, total_audio_hours_used, last_session_at, total_sessions_count, current_month_start,
                current_month_minutes_used
            FROM organization_members
            WHERE organization_id = $1
            """
        )
        durations = await fetch("SELECT id, recording_duration_seconds FROM sessions WHERE organization_id = $1")
        used = {(user_id, month): (seconds, minutes) for user_id, month, seconds, minutes in months}
        for user_id, *_, month, month_minutes in members:
            assert month_minutes == (used.get((user_id, f"{month:%Y-%m}"), (0, 0))[1] if month else 0)
        return {
            "minutes": minutes,
            "months": used,
            "members": {row["user_id"]: tuple(row)[1:4] for row in members},
            "durations": {row["id"]: row["recording_duration_seconds"] for row in durations},
        }


def _runs(batch: list[Row], place: int) -> list[tuple[Run, int]]:
    return [
        ((participant, epoch, from_ms), from_ms + length_ms)
        for where, participant, epoch, from_ms, length_ms in batch
        if where == place
    ]


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_usage_is_the_naive_models_after_every_commit(world: World) -> None:
    class Machine(UsageMachine):
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
