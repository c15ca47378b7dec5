"""How earlier products failed people with their sessions and summaries."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from control_api.erasing import Eraser
from control_api.worker import complete_abandoned
from db import calls, deletion, guidance, session_changes, sessions, summaries, transcripts, usage
from db.errors import ConflictError, DbError, InvalidError
from db.pool import transaction
from db.records import NewGuidance, NewTranscript, Session, SummaryContent
from db.session_changes import SessionChanges
from db.usage import UsageInterval
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

START = datetime(2026, 11, 22, 10, tzinfo=UTC)
CONTENT = SummaryContent("t", "short", [], [], [], [], "all", None, "m", Decimal(1))


async def active_session(world: World, lease_s: float = 0.0) -> Session:
    """Alice's; somebody was heard in its call."""
    session = await world.session(world.alice)
    async with world.by_media() as conn:
        await calls.acquire_lease(conn, session.id, "host-0", "http://host-0", lease_s)
        await sessions.activate_session(conn, session.id, START)
    return session


async def ended_session(world: World) -> Session:
    session = await active_session(world)
    async with world.by_media() as conn:
        await sessions.complete_session(conn, session.id, START + timedelta(minutes=5))
    return session


def line(session: Session, seq: int) -> NewTranscript:
    return NewTranscript(
        id=uuid4(), session_id=session.id, organization_id=session.organization_id, content="yes", speaker="A",
        sequence_number=seq, start_time_seconds=Decimal(seq), end_time_seconds=Decimal(seq + 1),
    )  # fmt: skip


# 29. Finalizing twice made two summaries; a failure left the session active for ever


async def test_however_often_a_session_is_ended_and_finalized_there_is_one_summary(world: World) -> None:
    """29: finalize twice, two summaries."""
    session = await active_session(world)

    async def end() -> bool:
        async with transaction(world.ground.media) as conn:
            return await sessions.complete_session(conn, session.id, START)

    async def write() -> bool:
        async with transaction(world.ground.jobs) as conn:
            await summaries.claim(conn, session.id)
        async with transaction(world.ground.jobs) as conn:
            return await summaries.store(conn, session.id, replace(CONTENT, tldr=str(uuid4())))

    assert sorted(await asyncio.gather(*(end() for _ in range(4)))) == [False, False, False, True]
    assert (await asyncio.gather(*(write() for _ in range(4)))).count(True) == 1
    assert await world.value("SELECT count(*) FROM summaries WHERE session_id = $1", session.id) == 1
    jobs = "SELECT count(*) FROM pgqueuer WHERE dedupe_key = $1"
    assert await world.value(jobs, str(session.id)) == 1


async def test_a_second_live_summary_is_refused_by_the_database(world: World) -> None:
    """29: nothing was unique."""
    session = await ended_session(world)
    with pytest.raises(ConflictError) as refusal:
        async with world.by(world.alice) as conn:
            await conn.execute(
                "INSERT INTO summaries (session_id, user_id, organization_id, title) VALUES ($1, $2, $3, 'second')",
                session.id,
                session.user_id,
                session.organization_id,
            )
    assert refusal.value.code == "summaries_live_session_key"


async def test_a_summary_that_fails_leaves_its_session_completed(world: World) -> None:
    """29: a language model's failure left the session stuck active."""
    session = await ended_session(world)
    async with world.by_jobs() as conn:
        await summaries.claim(conn, session.id)
        await summaries.fail(conn, session.id, "The language model did not answer.")
    async with world.by(world.alice) as conn:
        stored = await sessions.get_session(conn, session.organization_id, session.id)
    assert (stored.status, stored.finalized_at) == ("completed", None)


async def test_a_summary_that_cannot_be_stored_completes_nothing(world: World) -> None:
    """29: the insert's failure was ignored and the session marked completed."""
    session = await active_session(world)
    await world.owner(
        "CREATE FUNCTION refuse_summary() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM refuse('no_room'); RETURN NULL; END $$"
    )
    await world.owner("CREATE TRIGGER zz BEFORE INSERT ON summaries FOR EACH ROW EXECUTE FUNCTION refuse_summary()")
    try:
        with pytest.raises(ConflictError):
            async with world.by_media() as conn:
                await sessions.complete_session(conn, session.id, START)
    finally:
        await world.owner("DROP FUNCTION refuse_summary CASCADE")
    assert await world.value("SELECT status FROM sessions WHERE id = $1", session.id) == "active"


# 30. A parse failure was stored as completed, with invented scores; failed was never used


async def test_a_summary_that_could_not_be_written_is_failed_and_says_why(world: World) -> None:
    """30: an answer that could not be read was stored as completed."""
    session = await ended_session(world)
    async with world.by_jobs() as conn:
        await summaries.claim(conn, session.id)
        assert await summaries.fail(conn, session.id, "The answer does not have the agreed form.")
        assert not await summaries.store(conn, session.id, CONTENT)
        stored = await summaries.get(conn, session.id)
    assert stored is not None
    assert (stored.generation_status, stored.tldr, stored.key_decisions) == ("failed", None, None)
    assert stored.generation_error == "The answer does not have the agreed form."


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("generation_status = 'failed'", "summaries_error_check"),
        ("generation_status = 'completed'", "summaries_completed_check"),
        ("generation_status = 'completed', tldr = 'x', generation_error = 'y'", "summaries_error_check"),
    ],
)
async def test_a_summary_cannot_pretend(world: World, change: str, code: str) -> None:
    """30: completed without a word, and failed without a reason."""
    session = await ended_session(world)
    async with world.by_jobs() as conn:
        await summaries.claim(conn, session.id)
    with pytest.raises(InvalidError) as refusal:
        async with world.by_jobs() as conn:
            await conn.execute(f"UPDATE summaries SET {change} WHERE session_id = $1", session.id)  # noqa: S608
    assert refusal.value.code == code


# 35. Looking at a completed session made it a draft again; a PATCH accepted any status


async def test_looking_at_a_completed_session_changes_nothing(world: World) -> None:
    """35: viewing a completed session reverted it to draft."""
    session = await ended_session(world)
    before = await world.owner("SELECT sessions::text FROM sessions WHERE id = $1", session.id)
    async with world.by(world.alice) as conn:
        await sessions.get_session(conn, session.organization_id, session.id)
        await sessions.list_sessions(conn, session.organization_id)
        await sessions.list_participants(conn, session.id)
        await transcripts.list_transcripts(conn, session.id)
        await guidance.list_guidance(conn, session.id, audiences=["coached"])
        await summaries.get(conn, session.id)
    assert await world.owner("SELECT sessions::text FROM sessions WHERE id = $1", session.id) == before


@pytest.mark.parametrize("status", ["draft", "active", "recording", ""])
async def test_no_change_brings_a_completed_session_back(world: World, status: str) -> None:
    """35: PATCH accepted any status."""
    session = await ended_session(world)
    changes: SessionChanges = {"status": status}  # type: ignore[typeddict-unknown-key]
    with pytest.raises(InvalidError):
        async with world.by(world.alice) as conn:
            await session_changes.update_session(conn, session.organization_id, session.id, changes)
    for opened in (world.by(world.alice), world.by_media(), world.by_jobs()):
        with pytest.raises(DbError) as refusal:
            async with opened as conn:
                await conn.execute("UPDATE sessions SET status = $2 WHERE id = $1", session.id, status)
        assert refusal.value.code in {"session_state", "sessions_status_check"}
    assert await world.value("SELECT status FROM sessions WHERE id = $1", session.id) == "completed"


async def test_a_late_packet_does_not_reopen_a_completed_session(world: World) -> None:
    """35: and neither does a node that comes late."""
    session = await ended_session(world)
    with pytest.raises(ConflictError):
        async with world.by_media() as conn:
            await sessions.activate_session(conn, session.id, START)
    with pytest.raises(ConflictError):
        async with world.by_media() as conn:
            await calls.acquire_lease(conn, session.id, "host-0", "http://host-0")


# 44. Deleting was blocked by a key without a decision, and 22. it took the usage along


async def _with_everything(world: World) -> Session:
    session = await active_session(world)
    async with world.by_media() as conn:
        spoken = line(session, 1)
        await transcripts.insert_transcripts(conn, [spoken])
        shown = NewGuidance(
            id=uuid4(), session_id=session.id, organization_id=session.organization_id, content="ask", priority=1,
            guidance_type="ask", triggered_at_seconds=Decimal(1), triggered_by_transcript_id=spoken.id,
        )  # fmt: skip
        await guidance.insert_guidance(conn, [shown])
        await usage.record_intervals(conn, [interval(session, 0, 90_000)])
        await sessions.complete_session(conn, session.id, START + timedelta(minutes=2))
    return session


def interval(session: Session, from_ms: int, to_ms: int) -> UsageInterval:
    return UsageInterval(session.id, session.organization_id, session.id, 1, from_ms, to_ms)


async def _erase(world: World, session: Session) -> None:
    async with world.by(world.alice) as conn:
        await deletion.delete_session_for_good(conn, session.organization_id, session.id)
    await Eraser(world.by_jobs).erase_deleted_session(session.id)


async def _charged(world: World, session: Session) -> list[tuple[object, ...]]:
    return await world.owner(
        """
        SELECT total_seconds_used, total_minutes_used
        FROM monthly_usage_cache
        WHERE user_id = $1
        """,
        session.user_id,
    )


async def test_a_session_with_guidance_that_rests_on_its_transcript_is_erased(world: World) -> None:
    """44: guidance pointed at transcripts without a cascade, and nothing could be deleted."""
    session = await _with_everything(world)
    await _erase(world, session)
    for table in ("transcripts", "guidance", "summaries"):
        assert await world.value(f"SELECT count(*) FROM {table} WHERE session_id = $1", session.id) == 0  # noqa: S608


async def test_a_transcript_goes_without_its_guidance(world: World) -> None:
    """44: the one key that had no decision."""
    session = await _with_everything(world)
    await world.owner("DELETE FROM transcripts WHERE session_id = $1", session.id)
    cause = "SELECT triggered_by_transcript_id FROM guidance WHERE session_id = $1"
    assert await world.owner(cause, session.id) == [(None,)]


async def test_an_erased_session_is_charged_as_before_and_what_comes_late_is_added(world: World) -> None:
    """22: deleting a session took its usage along, and computing anew lost minutes that were billed."""
    session = await _with_everything(world)
    assert await _charged(world, session) == [(90, 2)]
    await _erase(world, session)
    assert await _charged(world, session) == [(90, 2)]
    async with world.by_media() as conn:
        await usage.record_intervals(conn, [interval(session, 60_000, 150_000)])
    assert await _charged(world, session) == [(150, 3)]
    assert await world.value("SELECT recording_duration_seconds FROM sessions WHERE id = $1", session.id) == 150


# 46. A recording without an end went on for ever


async def test_a_session_that_nobody_holds_any_more_is_ended_at_the_end_of_its_lease(world: World) -> None:
    """46: no event said that it was over, so it was recorded for ever."""
    session = await active_session(world)
    await world.owner("UPDATE calls SET lease_until = now() - interval '11 minutes' WHERE session_id = $1", session.id)
    [[lease_until]] = await world.owner("SELECT lease_until FROM calls WHERE session_id = $1", session.id)
    await complete_abandoned(world.ground.jobs, 600)
    async with world.by(world.alice) as conn:
        stored = await sessions.get_session(conn, session.organization_id, session.id)
        summary = await summaries.get(conn, session.id)
    assert (stored.status, stored.recording_ended_at) == ("completed", max(lease_until, START))
    assert summary is not None
    assert summary.generation_status == "pending"


async def test_a_session_that_is_held_is_not_ended(world: World) -> None:
    """46: and nobody who pauses for long is cut off."""
    session = await active_session(world, lease_s=60)
    await complete_abandoned(world.ground.jobs, 0)
    assert await world.value("SELECT status FROM sessions WHERE id = $1", session.id) == "active"
