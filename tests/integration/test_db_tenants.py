"""Row level security: what Alice and Bob share, Charlie neither sees nor touches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import asyncpg
import pytest

from db import calls, guidance, participants, sessions, transcripts
from db.errors import NotFoundError, UnsafeRoleError
from db.pool import Connection, Pool, act_as, create_pool, owner_connection, transaction
from db.records import NewGuidance, NewParticipant, NewTranscript, Session
from tests.actors import Actor
from tests.attempts import REFUSED, acting, attempt
from tests.conftest import Database, PostgresServer
from tests.people import People, connected, make_participant, make_people, make_session, start_call
from tests.stage import Stage


@dataclass(frozen=True, slots=True)
class World:
    """Alice's session with a call, a transcript and guidance."""

    people: People
    api: Pool
    media: Pool
    session: Session
    participant_id: UUID


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    people = await make_people(database.owner_url)
    async with connected(database.api_url) as api, connected(database.media_url) as media:
        session = await make_session(api, people.alice)
        participant_id = await make_participant(api, people.alice, session)
        await start_call(media, session)
        async with transaction(media) as conn:
            await transcripts.insert_transcripts(conn, [_transcript(session, participant_id)])
            await guidance.insert_guidance(conn, [_guidance(session)])
        yield World(people, api, media, session, participant_id)


def _transcript(session: Session, participant_id: UUID | None = None) -> NewTranscript:
    return NewTranscript(
        id=uuid4(), session_id=session.id, organization_id=session.organization_id, content="hello", speaker="Host",
        sequence_number=1, start_time_seconds=Decimal(0), end_time_seconds=Decimal(1), participant_id=participant_id,
    )  # fmt: skip


def _guidance(session: Session) -> NewGuidance:
    return NewGuidance(
        id=uuid4(), session_id=session.id, organization_id=session.organization_id, content="Ask", guidance_type="ask",
        priority=1, triggered_at_seconds=Decimal(1),
    )  # fmt: skip


READS: dict[str, Callable[[Connection, Session], Awaitable[object]]] = {
    "list_sessions": lambda conn, s: sessions.list_sessions(conn, s.organization_id),
    "list_participants": lambda conn, s: sessions.list_participants(conn, s.id),
    "list_transcripts": lambda conn, s: transcripts.list_transcripts(conn, s.id),
    "list_guidance": lambda conn, s: guidance.list_guidance(conn, s.id, audiences=["coached"]),
    "current_call": lambda conn, s: calls.current_call(conn, s.id),
}


@pytest.mark.parametrize(("name", "sees"), [("alice", True), ("bob", True), ("charlie", False), (None, False)])
async def test_members_read_their_organization_and_nobody_elses(world: World, name: str | None, sees: bool) -> None:
    reader = getattr(world.people, name).user_id if name else None
    async with transaction(world.api, user_id=reader) as conn:
        seen = {read: bool(await run(conn, world.session)) for read, run in READS.items()}
    assert seen == dict.fromkeys(READS, sees)


async def test_a_foreign_session_and_a_missing_one_are_the_same_not_found(world: World) -> None:
    charlie = world.people.charlie
    codes = []
    for session_id in (world.session.id, uuid4()):
        with pytest.raises(NotFoundError) as refusal:
            async with transaction(world.api, user_id=charlie.user_id) as conn:
                await sessions.get_session(conn, world.session.organization_id, session_id)
        codes.append(refusal.value.code)
    assert codes[0] == codes[1]


async def test_a_session_in_a_foreign_organization_is_refused(world: World) -> None:
    with pytest.raises(NotFoundError):
        async with transaction(world.api, user_id=world.people.charlie.user_id) as conn:
            await sessions.insert_session(
                conn,
                user_id=world.people.charlie.user_id,
                organization_id=world.session.organization_id,
                title="Mine?",
                conversation_type="sales",
            )


async def test_a_session_for_somebody_else_is_refused(world: World) -> None:
    with pytest.raises(NotFoundError):
        async with transaction(world.api, user_id=world.people.bob.user_id) as conn:
            await sessions.insert_session(
                conn,
                user_id=world.people.alice.user_id,
                organization_id=world.session.organization_id,
                title="Hers",
                conversation_type="sales",
            )


@pytest.mark.parametrize(("name", "may"), [("alice", True), ("bob", False), ("charlie", False)])
async def test_only_the_creator_and_the_owner_change_a_session(world: World, name: str, may: bool) -> None:
    async with transaction(world.api, user_id=getattr(world.people, name).user_id) as conn:
        status = await conn.execute("UPDATE sessions SET title = 'new' WHERE id = $1", world.session.id)
    assert status == f"UPDATE {int(may)}"


async def test_a_child_cannot_name_another_tenant_than_its_session(world: World) -> None:
    charlie = world.people.charlie
    participant = NewParticipant(
        id=uuid4(), session_id=world.session.id, organization_id=charlie.organization_id, name="Spy", role="participant"
    )
    with pytest.raises(NotFoundError):
        async with transaction(world.api, user_id=charlie.user_id) as conn:
            await participants.insert_participant(conn, participant)


async def test_nothing_of_a_user_is_left_on_a_connection(database: Database) -> None:
    people = await make_people(database.owner_url)
    async with connected(database.api_url, max_size=1) as api:
        await make_session(api, people.alice)
        async with transaction(api) as conn:
            assert await sessions.list_sessions(conn, people.alice.organization_id) == []
        async with transaction(api, user_id=people.charlie.user_id) as conn:
            assert await sessions.list_sessions(conn, people.alice.organization_id) == []


async def test_a_removed_member_sees_nothing(world: World, database: Database) -> None:
    async with owner_connection(database.owner_url) as conn:
        await conn.execute(
            "UPDATE organization_members SET status = 'removed' WHERE user_id = $1", world.people.bob.user_id
        )
    async with transaction(world.api, user_id=world.people.bob.user_id) as conn:
        assert await sessions.list_sessions(conn, world.session.organization_id) == []


FORBIDDEN_TO_API = [
    (
        "INSERT INTO usage_tracking (organization_id, user_id, session_id, minute_timestamp, seconds_recorded)"
        " SELECT organization_id, user_id, id, now(), 1 FROM sessions"
    ),
    "UPDATE usage_tracking SET seconds_recorded = 0",
    "UPDATE monthly_usage_cache SET total_minutes_used = 0",
    "UPDATE subscriptions SET status = 'active'",
    "UPDATE users SET is_admin = true",
    "SELECT password_hash FROM users",
    "UPDATE organization_members SET role = 'owner'",
    (
        "INSERT INTO transcripts (session_id, organization_id, content, start_time_seconds)"
        " SELECT id, organization_id, 'x', 0 FROM sessions"
    ),
    (
        "INSERT INTO session_events (session_id, organization_id, seq, epoch, type, at_ms, audience, payload)"
        " SELECT id, organization_id, 1, 1, 'x', 0, 'everyone', '{}' FROM sessions"
    ),
    "UPDATE calls SET node = 'mine'",
    "SELECT token_hash FROM join_tickets",
    "SELECT token_hash FROM sign_in_links",
    "SELECT session_token FROM user_app_sessions",
    "SELECT payload FROM pgqueuer",
    "SELECT find_ticket('x'::bytea)",
    "SELECT add_usage_seconds('{}', '{}', '{}', '{}', '{}')",
    "DELETE FROM sessions",
]


@pytest.mark.parametrize("statement", FORBIDDEN_TO_API)
async def test_the_api_role_may_not(stage: Stage, superuser: Connection, statement: str) -> None:
    """Not even for an owner: a sample in SQL of what the matrix tries column by column, and functions."""
    owner = next(actor for actor in stage.actors() if actor.name == "north_owner")
    async with acting(superuser, owner):
        outcome = await attempt(superuser, statement)
    assert (outcome.sqlstate, outcome.code) == (REFUSED, "not_found")


FORBIDDEN_TO_MEDIA = [
    "SELECT email FROM users",
    "SELECT token_hash FROM join_tickets",
    "SELECT find_credentials('x')",
    "SELECT authenticate('x'::bytea)",
    (
        "INSERT INTO usage_tracking (organization_id, user_id, session_id, minute_timestamp)"
        " SELECT organization_id, user_id, id, now() FROM sessions"
    ),
    "UPDATE sessions SET user_id = user_id",
    "UPDATE sessions SET title = 'x'",
    "DELETE FROM transcripts",
    "UPDATE transcripts SET content = 'x'",
    "SELECT payload FROM pgqueuer",
    "SELECT tldr FROM summaries",
]


@pytest.mark.parametrize("statement", FORBIDDEN_TO_MEDIA)
async def test_the_media_role_may_not(superuser: Connection, statement: str) -> None:
    async with acting(superuser, Actor("media", "media")):
        outcome = await attempt(superuser, statement)
    assert (outcome.sqlstate, outcome.code) == (REFUSED, "not_found")


async def test_the_media_role_writes_only_where_there_was_a_call(world: World) -> None:
    silent = await make_session(world.api, world.people.alice)
    with pytest.raises(NotFoundError):
        async with transaction(world.media) as conn:
            await transcripts.insert_transcripts(conn, [_transcript(silent)])


async def test_the_jobs_role_reads_every_tenant_and_writes_no_transcript(world: World, database: Database) -> None:
    async with connected(database.jobs_url) as jobs:
        async with transaction(jobs) as conn:
            assert len(await transcripts.list_transcripts(conn, world.session.id)) == 1
        with pytest.raises(NotFoundError):
            async with transaction(jobs) as conn:
                await conn.execute("UPDATE transcripts SET content = ''")


@pytest.mark.parametrize("who", ["owner", "superuser"])
async def test_a_server_refuses_a_role_that_row_level_security_does_not_bind(
    database: Database, postgres_server: PostgresServer, who: str
) -> None:
    superuser_url = postgres_server.superuser_url.rsplit("/", 1)[0] + f"/{database.name}"
    with pytest.raises(UnsafeRoleError):
        await create_pool(database.owner_url if who == "owner" else superuser_url, application_name="liveconvo-test")


async def test_acting_as_somebody_ends_with_the_transaction(world: World) -> None:
    async with transaction(world.api) as conn:
        await act_as(conn, world.people.alice.user_id)
        assert await sessions.list_sessions(conn, world.session.organization_id)
    async with transaction(world.api) as conn:
        assert await conn.fetchval("SELECT app_user_id()") is None


async def test_what_one_may_read_does_not_stay_for_the_next_person_of_a_transaction(world: World) -> None:
    alice, charlie = world.people.alice, world.people.charlie
    ids = "SELECT readable_organization_ids()"
    async with transaction(world.api, user_id=alice.user_id) as conn:
        assert await conn.fetchval(ids) == [alice.organization_id]
        await act_as(conn, charlie.user_id)
        assert await conn.fetchval(ids) == [charlie.organization_id]
        # As programs of the release before say it.
        await conn.execute("SELECT set_config('app.user_id', $1, true)", str(alice.user_id))
        assert await conn.fetchval(ids) == [alice.organization_id]
        await conn.execute("SELECT set_config('app.user_id', '', true)")
        assert await conn.fetchval(ids) == []


async def test_a_bare_connection_without_transaction_sees_nothing(world: World, database: Database) -> None:
    conn = await asyncpg.connect(database.api_url)
    try:
        assert await conn.fetchval("SELECT count(id) FROM sessions WHERE created_at < $1", datetime.now(UTC)) == 0
    finally:
        await conn.close()
