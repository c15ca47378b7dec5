"""Who is in the tests: Alice owns an organization, Bob is a member of it, Charlie owns another one."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from db import accounts, calls, participants, sessions
from db.pool import Connection, Pool, create_pool, owner_connection, transaction
from db.records import Lease, NewParticipant, Session

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Person:
    user_id: UUID
    organization_id: UUID
    email: str


@dataclass(frozen=True, slots=True)
class People:
    alice: Person
    bob: Person
    charlie: Person


async def make_people(owner_url: str) -> People:
    """The three, in a database that has nobody of these names yet."""
    async with owner_connection(owner_url) as conn, conn.transaction():
        return await add_people(conn)


async def add_people(conn: Connection) -> People:
    """The three, in the owner's transaction."""
    alice = await make_owner(conn, "Alice")
    bob = await make_owner(conn, "Bob")
    charlie = await make_owner(conn, "Charlie")
    # Bob gave up his own company; an organization without an owner would be refused.
    await conn.execute("UPDATE organizations SET deleted_at = now() WHERE id = $1", bob.organization_id)
    await conn.execute("DELETE FROM organization_members WHERE user_id = $1", bob.user_id)
    await conn.execute(
        "INSERT INTO organization_members (organization_id, user_id) VALUES ($1, $2)",
        alice.organization_id,
        bob.user_id,
    )
    await conn.execute(
        "UPDATE users SET current_organization_id = $2 WHERE id = $1", bob.user_id, alice.organization_id
    )
    return People(alice, Person(bob.user_id, alice.organization_id, bob.email), charlie)


async def make_owner(conn: Connection, name: str) -> Person:
    email = f"{name.lower()}{next(_numbers)}@example.org"
    account = await accounts.create_owner(conn, email=email, full_name=name, organization_name=f"{name}'s company")
    return Person(account.user_id, account.organization_id, email)


@asynccontextmanager
async def connected(url: str, *, max_size: int = 8) -> AsyncIterator[Pool]:
    """A pool for one test."""
    pool = await create_pool(url, max_size=max_size, application_name="liveconvo-test")
    try:
        yield pool
    finally:
        pool.terminate()


async def make_session(api: Pool, person: Person, *, title: str = "A call") -> Session:
    async with transaction(api, user_id=person.user_id) as conn:
        return await sessions.insert_session(
            conn,
            user_id=person.user_id,
            organization_id=person.organization_id,
            title=title,
            conversation_type="sales",
        )


async def make_participant(
    api: Pool, person: Person, session: Session, *, name: str = "Host", role: str = "host"
) -> UUID:
    participant = NewParticipant(
        id=uuid4(), session_id=session.id, organization_id=session.organization_id, name=name, role=role
    )
    async with transaction(api, user_id=person.user_id) as conn:
        await participants.insert_participant(conn, participant)
    return participant.id


async def start_call(media: Pool, session: Session, *, node: str = "host-0", lease_s: float = 6.0) -> Lease:
    async with transaction(media) as conn:
        return await calls.acquire_lease(conn, session.id, node, f"http://{node}", lease_s)


def in_a_minute() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=1)


def a_minute_ago() -> datetime:
    return datetime.now(UTC) - timedelta(minutes=1)
