"""Two transactions at a time, open for as long as they like, that invite, accept, promote, remove and leave in any
order: after every commit the tables are the naive model's.

`make chaos` tries a thousand histories.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from db import invitations, members
from db.errors import DbError
from db.pool import Connection, act_as
from tests.chaos import often
from tests.conftest import Database, PostgresServer
from tests.interleaving import Hand, own_database
from tests.members_model import PEOPLE, UNVERIFIED, Invited, Refused, State

slots = st.sampled_from((0, 1))
people = st.integers(0, PEOPLE - 1)
# Mostly those who may do something, and those with whom something can be done.
actors = st.sampled_from((0, 0, 0, 0, 1, 1, 2, 3))
strangers = st.sampled_from((3, 3, 3, 4, 4, 4, 5))
roles = st.sampled_from(("owner", "admin", "member"))
numbers = st.integers(0, 99)

DONE, WAITS = "done", "waits"
EVERYTHING = {
    DONE, WAITS, "organization_not_found", "not_an_owner", "organization_invitations_pending_key", "invitation_state",
    "invitation_not_found", "invitation_not_yours", "invitation_expired", "member_limit", "member_not_found",
    "not_a_manager", "organization_needs_owner",
}  # fmt: skip
"""What can come of a step; that all of it did shows that the histories are worth something."""

Step = Callable[[State], None]


class Connections:
    """The connections of all histories, and the loop they live in."""

    def __init__(self, database: Database, superuser_url: str) -> None:
        self.loop = asyncio.Runner()
        self.watcher = Hand(superuser_url)
        self.hands = [Hand(database.api_url), Hand(database.api_url)]
        for hand in (self.watcher, *self.hands):
            self.loop.run(hand.connect())

    def close(self) -> None:
        for hand in (self.watcher, *self.hands):
            self.loop.run(hand.close())
        self.loop.close()


@pytest.fixture(scope="module")
def connections(postgres_server: PostgresServer) -> Iterator[Connections]:
    with own_database(postgres_server) as database:
        connections = Connections(database, f"{postgres_server.superuser_url.rpartition('/')[0]}/{database.name}")
        yield connections
        connections.close()


class MembersMachine(RuleBasedStateMachine):
    world: Connections
    outcomes: set[str]
    """Of all histories."""

    @initialize(
        seats=st.sampled_from((3, 4, PEOPLE)),
        invited=st.lists(st.tuples(strangers, roles), min_size=1, max_size=3, unique_by=lambda one: one[0]),
        is_resent=st.booleans(),
    )
    def an_organization(self, seats: int, invited: list[tuple[int, str]], is_resent: bool) -> None:
        self.organization_id = uuid4()
        self.people = [uuid4() for _ in range(PEOPLE)]
        self.committed = State(seats)
        self.ids: dict[bytes, UUID] = {}
        """Of invitations, by their keys."""
        self.actor: list[int | None] = [None, None]
        """Whose transaction is open."""
        self.seen: list[State | None] = [None, None]
        """What an open transaction has made of the state, once it holds the lock."""
        self.waiting: list[Step | None] = [None, None]
        """What a step that is under way will have meant."""
        self.run(self._populate())
        for person, role in invited:
            self.invite(0, 0, person, role)
        if is_resent:
            self.resend(0, 0, 0)
        self._commit(0)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.world.loop.run(work)

    def email(self, person: int) -> str:
        return f"{self.people[person]}@example.org"

    async def _populate(self) -> None:
        conn = self.world.watcher.conn
        async with conn.transaction():
            await conn.execute(
                "INSERT INTO organizations (id, name, slug, max_members) VALUES ($1, 'A', $2, $3)",
                self.organization_id,
                str(self.organization_id),
                self.committed.seats,
            )
            await conn.execute(
                """
                INSERT INTO subscriptions (organization_id, plan_id, plan_type, status)
                SELECT $1, id, 'lifetime', 'active'
                FROM plans
                WHERE name = 'org_enterprise'
                """,
                self.organization_id,
            )
            await conn.executemany(
                "INSERT INTO users (id, email, email_verified, current_organization_id) VALUES ($1, $2, $3, $4)",
                [
                    (
                        self.people[person],
                        self.email(person),
                        person != UNVERIFIED,
                        self.organization_id if person in self.committed.working else None,
                    )
                    for person in range(PEOPLE)
                ],
            )
            await conn.executemany(
                "INSERT INTO organization_members (organization_id, user_id, role) VALUES ($1, $2, $3)",
                [
                    (self.organization_id, self.people[person], role)
                    for person, (role, _) in self.committed.members.items()
                ],
            )

    # steps

    @rule(slot=slots, actor=actors, person=strangers, role=roles)
    def invite(self, slot: int, actor: int, person: int, role: str) -> None:
        token = uuid4().bytes * 2
        self._step(
            self._slot(slot),
            actor,
            lambda conn, by: self._create(conn, by, person, role, token),
            lambda state, by: state.invite(by, person, role, token),
        )

    async def _create(self, conn: Connection, by: int, person: int, role: str, token: bytes) -> None:
        made = await invitations.create(
            conn,
            organization_id=self.organization_id,
            invited_by_user_id=self.people[by],
            email=self.email(person).upper(),
            role=role,
            token_hash=token,
        )
        self.ids[token] = made.id

    @rule(slot=slots, actor=actors, number=numbers)
    def resend(self, slot: int, actor: int, number: int) -> None:
        token = uuid4().bytes * 2
        self._invitation_step(
            slot,
            actor,
            number,
            lambda conn, one: invitations.resend(conn, self.organization_id, self.ids[one.key], token),
            lambda state, by, place, _: state.resend(by, place, token),
        )

    @rule(slot=slots, actor=actors, number=numbers)
    def cancel(self, slot: int, actor: int, number: int) -> None:
        self._invitation_step(
            slot,
            actor,
            number,
            lambda conn, one: invitations.cancel(conn, self.organization_id, self.ids[one.key]),
            lambda state, by, place, _: state.cancel(by, place),
        )

    @rule(slot=slots, number=numbers)
    def accept(self, slot: int, number: int) -> None:
        self._accept(slot, None, number, is_first_link=False)

    @rule(slot=slots, actor=st.one_of(st.none(), people), number=numbers, is_first_link=st.booleans())
    def accept_somehow(self, slot: int, actor: int | None, number: int, is_first_link: bool) -> None:
        """As somebody else, or by the first link although there may be a newer one."""
        self._accept(slot, actor, number, is_first_link=is_first_link)

    def _accept(self, slot: int, actor: int | None, number: int, *, is_first_link: bool) -> None:
        def link(one: Invited) -> bytes:
            return one.key if is_first_link else one.token

        self._invitation_step(
            slot,
            actor,
            number,
            lambda conn, one: invitations.accept(conn, link(one)),
            lambda state, by, place, one: state.accept(by, place, link(one)),
        )

    @rule(slot=slots, actor=people, number=numbers)
    def decline(self, slot: int, actor: int, number: int) -> None:
        self._invitation_step(
            slot,
            actor,
            number,
            lambda conn, one: invitations.decline(conn, one.token),
            lambda state, _, place, one: state.decline(place, one.token),
        )

    @rule(slot=slots, actor=actors, person=actors, role=roles)
    def set_role(self, slot: int, actor: int, person: int, role: str) -> None:
        self._step(
            self._slot(slot),
            actor,
            lambda conn, _: members.set_role(conn, self.organization_id, self.people[person], role),
            lambda state, by: state.set_role(by, person, role),
        )

    @rule(slot=slots, actor=actors, person=people)
    def remove(self, slot: int, actor: int, person: int) -> None:
        slot = self._slot(slot)
        by = actor if self.actor[slot] is None else self.actor[slot]
        if by == person:
            self._leave(slot, person)
            return
        self._step(
            slot,
            actor,
            lambda conn, _: members.remove(conn, self.organization_id, self.people[person]),
            lambda state, by: state.remove(by, person),
        )

    @rule(slot=slots, actor=st.sampled_from((1, 2, 3, 4)))
    def leave(self, slot: int, actor: int) -> None:
        self._leave(self._slot(slot), actor)

    def _leave(self, slot: int, actor: int) -> None:
        self._step(
            slot,
            actor,
            lambda conn, _: members.leave(conn, self.organization_id),
            lambda state, by: state.leave(by),
        )

    @rule(person=st.sampled_from((1, 2, 3)), role=st.one_of(st.none(), roles), other=actors, number=numbers)
    @precondition(lambda self: self.actor == [None, None])
    def act_while_it_is_decided_what_one_is(self, person: int, role: str | None, other: int, number: int) -> None:
        if role is None:
            self.remove(0, 0, person)
        else:
            self.set_role(0, 0, person, role)
        match number % 5:
            case 0:
                self.invite(1, person, 4, "member")
            case 1:
                self.set_role(1, person, other, "admin")
            case 2:
                self.remove(1, person, other)
            case 3:
                self.resend(1, person, number)
            case 4:
                self.cancel(1, person, number)

    @rule(number=numbers)
    @precondition(lambda self: self.committed.invited and self.seen == [None, None])
    def time_passes(self, number: int) -> None:
        """For one invitation, whatever its state."""
        place = number % len(self.committed.invited)
        self.committed.lapse(place)
        self.run(
            self.world.watcher.conn.execute(
                "UPDATE organization_invitations SET expires_at = now() - interval '1 hour' WHERE id = $1",
                self.ids[self.committed.invited[place].key],
            )
        )

    @rule(slot=slots)
    @precondition(lambda self: any(self.can_end(slot) for slot in (0, 1)))
    def commit(self, slot: int) -> None:
        self._commit(slot if self.can_end(slot) else 1 - slot)

    @rule()
    @precondition(lambda self: any(self.can_end(slot) for slot in (0, 1)))
    def commit_all(self) -> None:
        while any(actor is not None for actor in self.actor):
            self._commit(0 if self.can_end(0) else 1)

    @rule(slot=slots)
    @precondition(lambda self: any(self.can_end(slot) for slot in (0, 1)))
    def give_up(self, slot: int) -> None:
        self._give_up(slot if self.can_end(slot) else 1 - slot)

    def can_end(self, slot: int) -> bool:
        return self.actor[slot] is not None and self.waiting[slot] is None

    # how a step goes

    def _slot(self, slot: int) -> int:
        """One that does not wait: never both do."""
        return 1 - slot if self.waiting[slot] else slot

    def _invitation_step(
        self,
        slot: int,
        actor: int | None,
        number: int,
        work: Callable[[Connection, Invited], Coroutine[Any, Any, object]],
        meaning: Callable[[State, int, int, Invited], None],
    ) -> None:
        """With the link as it is now; when it is this step's turn it may be an old one."""
        slot = self._slot(slot)
        invited = (self.seen[slot] or self.committed).invited
        if not invited:
            return
        place = number % len(invited)
        one = invited[place]
        self._step(
            slot,
            one.person if actor is None else actor,
            lambda conn, _: work(conn, one),
            lambda state, by: meaning(state, by, place, one),
        )

    def _step(
        self,
        slot: int,
        actor: int,
        work: Callable[[Connection, int], Coroutine[Any, Any, object]],
        meaning: Callable[[State, int], None],
    ) -> None:
        """In the slot's transaction, whoever's it is; `actor` begins one."""
        by = self.actor[slot]
        if by is None:
            by = self.actor[slot] = actor
            self.run(self._begin(slot, by))
        self.waiting[slot] = lambda state: meaning(state, by)
        self.run(self._settle(slot, work(self.world.hands[slot].conn, by)))

    async def _begin(self, slot: int, by: int) -> None:
        conn = self.world.hands[slot].conn
        await conn.execute("BEGIN")
        await act_as(conn, self.people[by])

    async def _settle(self, slot: int, work: Coroutine[Any, Any, object] | None = None) -> None:
        """Begin a step, or see whether the one that waits is done; then it is what the model says."""
        outcome = await self._outcome(slot, work)
        self.outcomes.add(outcome)
        if outcome == WAITS:
            return
        meaning, self.waiting[slot] = self.waiting[slot], None
        assert meaning is not None
        state = (self.seen[slot] or self.committed).copy()
        expected = _outcomes(meaning, state)
        assert outcome in expected
        if outcome == DONE:
            assert self.seen[1 - slot] is None
            self.seen[slot] = state
        else:
            await self.world.hands[slot].conn.execute("ROLLBACK")
            await self._ended(slot)

    async def _outcome(self, slot: int, work: Coroutine[Any, Any, object] | None) -> str:
        hand = self.world.hands[slot]
        try:
            is_done = await (hand.do(work, self.world.watcher) if work else hand.settle(self.world.watcher))
        except DbError as refusal:
            return refusal.code
        return DONE if is_done else WAITS

    def _commit(self, slot: int) -> None:
        seen = self.seen[slot]
        is_fine = seen is None or seen.is_owned
        outcome = self.run(self._outcome(slot, self.world.hands[slot].conn.execute("COMMIT")))
        self.outcomes.add(outcome)
        assert outcome == (DONE if is_fine else "organization_needs_owner")
        if seen is not None and is_fine:
            self.committed = seen
        self.run(self._ended(slot))
        self._compare()

    def _give_up(self, slot: int) -> None:
        self.run(self.world.hands[slot].conn.execute("ROLLBACK"))
        self.run(self._ended(slot))
        self._compare()

    async def _ended(self, slot: int) -> None:
        """Whoever waited goes on."""
        self.actor[slot] = self.seen[slot] = None
        if self.waiting[1 - slot]:
            await self._settle(1 - slot)

    # the truth

    def teardown(self) -> None:
        if not hasattr(self, "waiting"):
            return
        while any(actor is not None for actor in self.actor):
            self._give_up(0 if self.can_end(0) else 1)
        assert not any(hand.is_waiting for hand in self.world.hands)

    def _compare(self) -> None:
        stored = self.run(self._stored())
        assert stored == {
            "members": {self.people[person]: known for person, known in self.committed.members.items()},
            "invited": {
                one.token.hex(): (
                    self.email(one.person),
                    one.role,
                    one.status,
                    None if one.accepted_by is None else self.people[one.accepted_by],
                )
                for one in self.committed.invited
            },
            "working": {self.people[person] for person in self.committed.working},
        }
        pending = [email for email, _, status, _ in stored["invited"].values() if status == "pending"]
        assert len(pending) == len(set(pending))
        assert ("owner", "active") in stored["members"].values()

    async def _stored(self) -> dict[str, Any]:
        async def fetch(statement: str) -> list[Any]:
            return await self.world.watcher.conn.fetch(statement, self.organization_id)

        invited = await fetch(
            """
            SELECT invitation_token, email, role, status, accepted_by_user_id
            FROM organization_invitations
            WHERE organization_id = $1
            """
        )
        members = await fetch("SELECT user_id, role, status FROM organization_members WHERE organization_id = $1")
        working = await fetch("SELECT id FROM users WHERE current_organization_id = $1")
        return {
            "members": {row["user_id"]: (row["role"], row["status"]) for row in members},
            "invited": {row["invitation_token"]: tuple(row)[1:] for row in invited},
            "working": {row["id"] for row in working},
        }


def _outcomes(meaning: Step, state: State) -> tuple[str, ...]:
    """Any of these is right."""
    try:
        meaning(state)
    except Refused as refusal:
        return refusal.codes
    return (DONE,)


@pytest.mark.slow
@pytest.mark.chaos
@pytest.mark.timeout(1_800)
def test_members_and_invitations_are_the_naive_models_after_every_commit(connections: Connections) -> None:
    class Machine(MembersMachine):
        pass

    Machine.world = connections
    Machine.outcomes = set()
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=often(40, 1_000),
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert Machine.outcomes >= EVERYTHING
