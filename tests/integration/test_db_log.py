"""What a node writes: the log, transcripts and guidance, each once, however often it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import orjson
import pytest

from db import guidance, session_log, sessions, transcripts
from db.errors import ConflictError, InvalidError
from db.pool import Pool, owner_connection, transaction
from db.records import LogEntry, NewGuidance, NewTranscript, Session
from tests.conftest import Database
from tests.people import connected, make_participant, make_people, make_session, start_call


@dataclass(frozen=True, slots=True)
class World:
    media: Pool
    session: Session
    foreign: Session
    participant_id: UUID


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    people = await make_people(database.owner_url)
    async with connected(database.api_url) as api, connected(database.media_url) as media:
        session = await make_session(api, people.alice)
        foreign = await make_session(api, people.charlie)
        await start_call(media, session)
        yield World(media, session, foreign, await make_participant(api, people.alice, session))


def _entry(session: Session, seq: int, *, epoch: int = 1, audience: str = "everyone") -> LogEntry:
    return LogEntry(session.id, session.organization_id, seq, epoch, "x", seq * 10, audience, b'{"a": [1, "\xc3\xa4"]}')


def _final(world: World, seq: int) -> NewTranscript:
    return NewTranscript(
        id=uuid4(), session_id=world.session.id, organization_id=world.session.organization_id, content=f"line {seq}",
        speaker="Host", sequence_number=seq, start_time_seconds=Decimal(seq), end_time_seconds=Decimal(seq) + 1,
        confidence_score=Decimal("0.91"), stt_provider="whisper", participant_id=world.participant_id,
        utterance_id="u1", words=b'[{"text": "line", "start_ms": 0, "end_ms": 9, "probability": 0.5}]', language="en",
    )  # fmt: skip


def _shown(world: World, *, transcript_id: UUID | None = None) -> NewGuidance:
    return NewGuidance(
        id=uuid4(), session_id=world.session.id, organization_id=world.session.organization_id, content="Ask",
        guidance_type="ask", priority=2, triggered_at_seconds=Decimal("1.5"), cue="pace",
        evidence=b'[{"transcript_id": "t", "quote": "q"}]', triggered_by_transcript_id=transcript_id,
    )  # fmt: skip


async def test_entries_are_read_back_in_order(world: World) -> None:
    entries = [_entry(world.session, seq) for seq in (3, 1, 2)]
    async with transaction(world.media) as conn:
        await session_log.append(conn, entries)
        found = await session_log.read(conn, world.session.id, after_seq=0, audiences=["everyone"])
    assert [entry.seq for entry in found] == [1, 2, 3]
    assert found[0] == replace(entries[1], payload=found[0].payload)
    assert b"\xc3\xa4" in found[0].payload


async def test_an_entry_sent_twice_is_there_once(world: World) -> None:
    async with transaction(world.media) as conn:
        first = await session_log.append(conn, [_entry(world.session, 1), _entry(world.session, 2)])
        again = await session_log.append(conn, [_entry(world.session, 2), _entry(world.session, 3)])
    assert first.new == {(world.session.id, 1), (world.session.id, 2)}
    assert (again.new, again.refused) == ({(world.session.id, 3)}, {})


async def test_an_entry_that_has_no_place_is_refused_with_a_reason(world: World) -> None:
    unknown = replace(_entry(world.session, 5), session_id=uuid4())
    no_call = _entry(world.foreign, 5)
    future = _entry(world.session, 6, epoch=2)
    foreign = replace(_entry(world.session, 7), organization_id=world.foreign.organization_id)
    async with transaction(world.media) as conn:
        appended = await session_log.append(conn, [unknown, no_call, future, foreign, _entry(world.session, 8)])
    assert appended.new == {(world.session.id, 8)}
    assert appended.refused == {
        (unknown.session_id, 5): "session_unknown",
        (world.foreign.id, 5): "epoch_unknown",
        (world.session.id, 6): "epoch_unknown",
        (world.session.id, 7): "session_foreign",
    }


async def test_another_entry_with_a_number_that_is_taken_is_refused(world: World) -> None:
    first = _entry(world.session, 1)
    async with transaction(world.media) as conn:
        await session_log.append(conn, [first])
        appended = await session_log.append(conn, [replace(first, payload=b'{"a": "other"}')])
    assert (appended.new, appended.refused) == (set(), {(world.session.id, 1): "seq_taken"})


async def test_nothing_comes_back_to_an_erased_session(world: World, database: Database) -> None:
    async with owner_connection(database.owner_url) as conn:
        await conn.execute("UPDATE sessions SET deleted_at = now(), erased_at = now() WHERE id = $1", world.session.id)
    async with transaction(world.media) as conn:
        appended = await session_log.append(conn, [_entry(world.session, 1)])
        assert await session_log.read(conn, world.session.id, after_seq=0, audiences=["everyone"]) == []
    assert appended.refused == {(world.session.id, 1): session_log.SESSION_ERASED}


async def test_an_erasure_waits_for_what_is_being_stored(world: World, database: Database) -> None:
    async with owner_connection(database.owner_url) as owner:
        async with transaction(world.media) as conn:
            await session_log.append(conn, [_entry(world.session, 1)])
            erasing = asyncio.ensure_future(
                owner.execute(
                    "UPDATE sessions SET deleted_at = now(), erased_at = now() WHERE id = $1", world.session.id
                )
            )
            async with asyncio.timeout(5):
                while not await conn.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
                    await asyncio.sleep(0.01)
            assert not erasing.done()
        await erasing
        assert await owner.fetchval("SELECT count(*) FROM session_events") == 1


async def test_sessions_that_were_completed_before_are_named(world: World) -> None:
    async with transaction(world.media) as conn:
        await sessions.activate_session(conn, world.session.id, datetime.now(UTC))
        before = await session_log.append(conn, [_entry(world.session, 1)])
        await sessions.complete_session(conn, world.session.id, datetime.now(UTC))
        after = await session_log.append(conn, [_entry(world.session, 2)])
        again = await session_log.append(conn, [_entry(world.session, 2)])
    assert [appended.late for appended in (before, after, again)] == [set(), {world.session.id}, set()]


async def test_an_earlier_epoch_is_still_accepted(world: World) -> None:
    await start_call(world.media, world.session)
    async with transaction(world.media) as conn:
        assert (await session_log.append(conn, [_entry(world.session, 1, epoch=1)])).new


async def test_a_reader_gets_only_what_is_for_them(world: World) -> None:
    entries = [_entry(world.session, seq, audience=a) for seq, a in enumerate(("everyone", "coached", "server"), 1)]
    async with transaction(world.media) as conn:
        await session_log.append(conn, entries)
        found = await session_log.read(conn, world.session.id, after_seq=0, audiences=["everyone", "participant:x"])
    assert [entry.audience for entry in found] == ["everyone"]


async def test_reading_goes_on_after_a_seq_and_stops_at_a_limit(world: World) -> None:
    async with transaction(world.media) as conn:
        await session_log.append(conn, [_entry(world.session, seq) for seq in range(1, 10)])
        found = await session_log.read(conn, world.session.id, after_seq=4, audiences=["everyone"], limit=2)
    assert [entry.seq for entry in found] == [5, 6]


async def test_a_transcript_sent_twice_is_there_once(world: World) -> None:
    finals = [_final(world, 1), _final(world, 2)]
    async with transaction(world.media) as conn:
        assert await transcripts.insert_transcripts(conn, finals) == 2
        assert await transcripts.insert_transcripts(conn, [replace(finals[0], content="changed")]) == 0
        assert [line.content for line in await transcripts.list_transcripts(conn, world.session.id)] == [
            "line 1", "line 2",
        ]  # fmt: skip


async def test_a_transcript_keeps_all_that_was_known(world: World) -> None:
    async with transaction(world.media) as conn:
        await transcripts.insert_transcripts(conn, [_final(world, 7)])
        (line,) = await transcripts.list_transcripts(conn, world.session.id)
        client_id = await conn.fetchval("SELECT client_id FROM transcripts")
    assert line.words is not None
    assert orjson.loads(line.words) == [{"text": "line", "start_ms": 0, "end_ms": 9, "probability": 0.5}]
    assert (line.start_time_seconds, line.end_time_seconds, line.is_final) == (Decimal(7), Decimal(8), True)
    assert (line.participant_id, client_id) == (world.participant_id, str(world.participant_id))


async def test_transcripts_are_paged_by_sequence_number(world: World) -> None:
    async with transaction(world.media) as conn:
        await transcripts.insert_transcripts(conn, [_final(world, seq) for seq in (5, 10_001, 2)])
        page = await transcripts.list_transcripts(conn, world.session.id, since=2, limit=1)
        assert [line.sequence_number for line in page] == [5]
        assert await transcripts.latest_sequence_number(conn, world.session.id) == 10_001


async def test_two_transcripts_cannot_have_one_sequence_number(world: World) -> None:
    with pytest.raises(ConflictError) as refusal:
        async with transaction(world.media) as conn:
            await transcripts.insert_transcripts(conn, [_final(world, 1), _final(world, 1)])
    assert refusal.value.code == "transcripts_session_id_sequence_number_key"


async def test_a_long_name_is_cut_to_the_column(world: World) -> None:
    async with transaction(world.media) as conn:
        await transcripts.insert_transcripts(conn, [replace(_final(world, 1), speaker="x" * 80)])
        (line,) = await transcripts.list_transcripts(conn, world.session.id)
    assert len(line.speaker) == 50


async def test_text_that_postgres_cannot_hold_is_invalid(world: World) -> None:
    with pytest.raises(InvalidError):
        async with transaction(world.media) as conn:
            await transcripts.insert_transcripts(conn, [replace(_final(world, 1), content="a\x00b")])


async def test_guidance_sent_twice_is_there_once(world: World) -> None:
    final = _final(world, 1)
    shown = _shown(world, transcript_id=final.id)
    async with transaction(world.media) as conn:
        await transcripts.insert_transcripts(conn, [final])
        assert await guidance.insert_guidance(conn, [shown]) == 1
        assert await guidance.insert_guidance(conn, [shown]) == 0
        (stored,) = await guidance.list_guidance(conn, world.session.id, audiences=["coached"])
    assert stored.triggered_by_transcript_id == final.id
    assert stored.evidence == [{"transcript_id": "t", "quote": "q"}]


async def test_guidance_about_a_transcript_that_is_not_there_is_kept_without_it(world: World) -> None:
    async with transaction(world.media) as conn:
        await guidance.insert_guidance(conn, [_shown(world, transcript_id=uuid4())])
        (stored,) = await guidance.list_guidance(conn, world.session.id, audiences=["coached"])
    assert stored.triggered_by_transcript_id is None


@pytest.mark.parametrize(
    ("action", "flags", "feedback"),
    [
        ("displayed", (True, False, False), None),
        ("clicked", (True, True, False), None),
        ("dismissed", (True, False, True), None),
        ("helpful", (True, False, False), "helpful"),
        ("too_late", (True, False, False), "too_late"),
    ],
)
async def test_feedback_is_noted(
    world: World, action: str, flags: tuple[bool, bool, bool], feedback: str | None
) -> None:
    shown = _shown(world)
    async with transaction(world.media) as conn:
        await guidance.insert_guidance(conn, [shown])
        assert await guidance.apply_feedback(conn, shown.id, world.session.id, action)
        (stored,) = await guidance.list_guidance(conn, world.session.id, audiences=["coached"])
    assert (stored.was_displayed, stored.was_clicked, stored.was_dismissed) == flags
    assert stored.user_feedback == feedback


async def test_feedback_through_another_session_changes_nothing(world: World) -> None:
    shown = _shown(world)
    async with transaction(world.media) as conn:
        await guidance.insert_guidance(conn, [shown])
        assert not await guidance.apply_feedback(conn, shown.id, world.foreign.id, "clicked")


@pytest.mark.parametrize(
    ("audience", "is_theirs"),
    [("coached", True), ("role:host", True), ("role:supervisor", False), ("participant:{}", True), ("other", False)],
)
async def test_feedback_in_a_call_counts_on_what_was_for_that_participant(
    world: World, audience: str, is_theirs: bool
) -> None:
    whom = f"participant:{uuid4()}" if audience == "other" else audience.format(world.participant_id)
    shown = replace(_shown(world), audience=whom)
    async with transaction(world.media) as conn:
        await guidance.insert_guidance(conn, [shown])
        for by, counts in ((world.participant_id, is_theirs), (uuid4(), False)):
            noted = await guidance.apply_feedback(conn, shown.id, world.session.id, "helpful", participant_id=by)
            assert noted == counts


async def test_unknown_feedback_is_invalid(world: World) -> None:
    with pytest.raises(InvalidError):
        async with transaction(world.media) as conn:
            await guidance.apply_feedback(conn, uuid4(), world.session.id, "loved")
