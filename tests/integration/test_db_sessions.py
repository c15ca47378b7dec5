"""The states of a session, and all that completing it brings about in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from db import sessions, summaries, transcripts, usage
from db.errors import ConflictError, NotFoundError
from db.pool import Pool, owner_connection, transaction
from db.records import NewTranscript, Session, SummaryContent
from tests.conftest import Database
from tests.people import (
    People,
    connected,
    make_participant,
    make_people,
    make_session,
    start_call,
)

START = datetime(2026, 11, 22, 10, tzinfo=UTC)
CONTENT = SummaryContent("T", "short", ["d"], [{"task": "t", "owner": None, "due": None}], ["q"], [], "all", None, "m",
                         Decimal("1.25"))  # fmt: skip


@dataclass(frozen=True, slots=True)
class World:
    people: People
    api: Pool
    media: Pool
    jobs: Pool
    session: Session
    host_id: UUID
    guest_id: UUID
    owner_url: str


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    people = await make_people(database.owner_url)
    async with (
        connected(database.api_url) as api,
        connected(database.media_url) as media,
        connected(database.jobs_url) as jobs,
    ):
        session = await make_session(api, people.alice)
        host_id = await make_participant(api, people.alice, session)
        guest_id = await make_participant(api, people.alice, session, name="Guest", role="customer")
        await _begin(media, session)
        yield World(people, api, media, jobs, session, host_id, guest_id, database.owner_url)


async def _begin(media: Pool, session: Session) -> None:
    await start_call(media, session)
    async with transaction(media) as conn:
        await sessions.activate_session(conn, session.id, START)


async def _say(world: World, seq: int, who: UUID, times_s: tuple[str, str], text: str) -> None:
    line = NewTranscript(
        id=uuid4(), session_id=world.session.id, organization_id=world.session.organization_id, content=text,
        speaker="x", sequence_number=seq, start_time_seconds=Decimal(times_s[0]), end_time_seconds=Decimal(times_s[1]),
        participant_id=who,
    )  # fmt: skip
    async with transaction(world.media) as conn:
        await transcripts.insert_transcripts(conn, [line])


async def _complete(pool: Pool, session: Session, user_id: UUID | None = None) -> bool:
    async with transaction(pool, user_id=user_id) as conn:
        return await sessions.complete_session(conn, session.id, START + timedelta(minutes=5))


async def _read(world: World) -> Session:
    async with transaction(world.api, user_id=world.people.alice.user_id) as conn:
        return await sessions.get_session(conn, world.session.organization_id, world.session.id)


async def _queued(world: World) -> int:
    async with owner_connection(world.owner_url) as conn:
        count: int = await conn.fetchval("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'finalize_session'")
        return count


async def test_a_new_session_is_a_draft(world: World) -> None:
    assert (await make_session(world.api, world.people.alice)).status == "draft"


async def test_a_session_without_a_call_stays_a_draft(world: World) -> None:
    session = await make_session(world.api, world.people.alice)
    with pytest.raises(ConflictError) as refusal:
        await _complete(world.api, session, world.people.alice.user_id)
    assert refusal.value.code == "session_state"


async def test_the_first_packet_makes_it_active_and_later_ones_keep_its_start(world: World) -> None:
    async with transaction(world.media) as conn:
        await sessions.activate_session(conn, world.session.id, START + timedelta(minutes=7))
    stored = await _read(world)
    assert (stored.status, stored.recording_started_at) == ("active", START)


async def test_completing_counts_what_was_said(world: World) -> None:
    await _say(world, 1, world.host_id, ("0.0", "4.2"), "  hello there\n you ")
    await _say(world, 2, world.guest_id, ("1.0", "9.0"), "one two three four")  # speaks over the host
    await _say(world, 3, world.host_id, ("10.0", "11.0"), "and")  # 1 s after: no silence
    await _say(world, 4, world.host_id, ("14.0", "15.5"), "so")  # exactly 3 s after: silence
    await _say(world, 5, world.guest_id, ("30.0", "31.0"), "bye")  # silence
    async with transaction(world.media) as conn:
        session = world.session
        await usage.add_seconds(
            conn, [(session.id, session.organization_id, session.user_id, START + timedelta(minutes=m), 60 - m)
                   for m in (0, 1)],
        )  # fmt: skip

    assert await _complete(world.media, world.session)

    stored = await _read(world)
    assert stored.status == "completed"
    assert stored.total_words_spoken == 10
    assert stored.user_talk_time_seconds == 7
    assert stored.silence_periods_count == 2
    assert stored.recording_duration_seconds == 119
    assert stored.recording_ended_at == START + timedelta(minutes=5)


async def test_completing_a_silent_session_counts_nothing(world: World) -> None:
    assert await _complete(world.media, world.session)
    stored = await _read(world)
    assert (stored.total_words_spoken, stored.user_talk_time_seconds, stored.silence_periods_count) == (0, 0, 0)


async def test_completing_twice_makes_one_job_and_one_summary(world: World) -> None:
    assert await _complete(world.media, world.session)
    assert not await _complete(world.media, world.session)
    assert await _queued(world) == 1
    async with owner_connection(world.owner_url) as conn:
        assert await conn.fetchval("SELECT count(*) FROM summaries") == 1


async def test_of_two_who_complete_at_once_one_does(world: World) -> None:
    outcomes = await asyncio.gather(
        _complete(world.media, world.session), _complete(world.api, world.session, world.people.alice.user_id)
    )
    assert sorted(outcomes) == [False, True]
    assert await _queued(world) == 1


async def test_the_api_counts_the_same(world: World) -> None:
    await _say(world, 1, world.host_id, ("0.0", "4.0"), "hello there")
    assert await _complete(world.api, world.session, world.people.alice.user_id)
    stored = await _read(world)
    assert (stored.status, stored.total_words_spoken, stored.user_talk_time_seconds) == ("completed", 2, 4)


async def test_a_transaction_that_fails_completes_nothing(world: World) -> None:
    with suppress(ZeroDivisionError):
        async with transaction(world.media) as conn:
            assert await sessions.complete_session(conn, world.session.id, START)
            raise ZeroDivisionError
    assert (await _read(world)).status == "active"
    assert await _queued(world) == 0


async def test_a_completed_session_does_not_become_active_again(world: World) -> None:
    await _complete(world.media, world.session)
    with pytest.raises(ConflictError) as refusal:
        async with transaction(world.media) as conn:
            await sessions.activate_session(conn, world.session.id, START)
    assert refusal.value.code == "session_state"


async def test_an_archived_session_is_not_completed(world: World) -> None:
    await _complete(world.media, world.session)
    async with owner_connection(world.owner_url) as conn:
        await conn.execute("UPDATE sessions SET status = 'archived'")
    with pytest.raises(ConflictError) as refusal:
        await _complete(world.media, world.session)
    assert refusal.value.code == "session_state"


async def test_nobody_completes_a_foreign_session(world: World) -> None:
    with pytest.raises(NotFoundError):
        await _complete(world.api, world.session, world.people.charlie.user_id)
    assert (await _read(world)).status == "active"


async def test_a_soft_deleted_session_is_not_there(world: World) -> None:
    async with owner_connection(world.owner_url) as conn:
        await conn.execute("UPDATE sessions SET deleted_at = now()")
    with pytest.raises(NotFoundError):
        await _read(world)
    async with transaction(world.api, user_id=world.people.alice.user_id) as conn:
        assert await sessions.list_sessions(conn, world.session.organization_id) == []


async def test_sessions_are_listed_newest_first_page_by_page(world: World) -> None:
    alice = world.people.alice
    made = [world.session, *[await make_session(world.api, alice, title=str(n)) for n in range(4)]]
    seen: list[Session] = []
    async with transaction(world.api, user_id=alice.user_id) as conn:
        while True:
            before = (seen[-1].created_at, seen[-1].id) if seen else None
            page = await sessions.list_sessions(conn, alice.organization_id, limit=2, before=before)
            if not page:
                break
            seen += page
    assert [session.id for session in seen] == [session.id for session in reversed(made)]


async def test_sessions_are_filtered_by_status(world: World) -> None:
    alice = world.people.alice
    await make_session(world.api, alice)
    await _complete(world.media, world.session)
    async with transaction(world.api, user_id=alice.user_id) as conn:
        found = await sessions.list_sessions(conn, alice.organization_id, status="completed")
    assert [session.id for session in found] == [world.session.id]


async def test_a_summary_is_pending_then_generating_then_completed(world: World) -> None:
    await _complete(world.media, world.session)
    seen = []
    async with transaction(world.jobs) as conn:
        for step in (None, summaries.claim(conn, world.session.id), summaries.store(conn, world.session.id, CONTENT)):
            if step is not None:
                assert await step
            summary = await summaries.get(conn, world.session.id)
            assert summary is not None
            seen.append(summary.generation_status)
        assert await sessions.mark_finalized(conn, world.session.id)
    assert seen == ["pending", "generating", "completed"]
    assert summary is not None
    assert summary.action_items == [{"task": "t", "owner": None, "due": None}]
    assert (await _read(world)).finalized_at is not None


async def test_a_completed_summary_is_not_written_again(world: World) -> None:
    await _complete(world.media, world.session)
    async with transaction(world.jobs) as conn:
        await summaries.claim(conn, world.session.id)
        await summaries.store(conn, world.session.id, CONTENT)
        assert not await summaries.claim(conn, world.session.id)
        assert not await summaries.store(conn, world.session.id, CONTENT)


async def test_a_failed_summary_says_why_and_may_be_tried_again(world: World) -> None:
    await _complete(world.media, world.session)
    async with transaction(world.jobs) as conn:
        await summaries.claim(conn, world.session.id)
        assert await summaries.fail(conn, world.session.id, "the model is away")
        summary = await summaries.get(conn, world.session.id)
        assert summary is not None
        assert (summary.generation_status, summary.generation_error) == ("failed", "the model is away")
        assert await summaries.claim(conn, world.session.id)


async def test_a_session_that_goes_on_has_no_summary(world: World) -> None:
    async with transaction(world.jobs) as conn:
        assert not await summaries.claim(conn, world.session.id)
        assert await summaries.get(conn, world.session.id) is None
