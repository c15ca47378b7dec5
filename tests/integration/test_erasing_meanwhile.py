"""Erasing a session while somebody writes to it: whoever came first is taken along, whoever comes later is refused."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from db import calls, erasure, sessions, transcripts
from db.errors import ConflictError
from db.pool import Connection, transaction
from db.records import NewTranscript, Session
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def ended_session(world: World) -> Session:
    session = await world.session(world.alice)
    async with world.by_media() as conn:
        await calls.acquire_lease(conn, session.id, "host-0", "http://host-0", 0.0)
        await sessions.activate_session(conn, session.id, datetime.now(UTC))
        await sessions.complete_session(conn, session.id, datetime.now(UTC))
    return session


async def _insert(conn: Connection, session: Session, seq: int) -> None:
    line = NewTranscript(
        id=uuid4(), session_id=session.id, organization_id=session.organization_id, content="late", speaker="A",
        sequence_number=seq, start_time_seconds=Decimal(seq), end_time_seconds=Decimal(seq + 1),
    )  # fmt: skip
    await transcripts.insert_transcripts(conn, [line])


async def test_an_erasure_waits_for_what_is_being_written_and_takes_it_along(world: World) -> None:
    session = await ended_session(world)
    async with world.by_media() as writer:
        await _insert(writer, session, 1)
        erasing = asyncio.ensure_future(_erase_now(world, session.id))
        await _until_somebody_waits(world)
    assert await erasing
    assert await world.value("SELECT count(*) FROM transcripts WHERE session_id = $1", session.id) == 0


async def test_who_comes_while_a_session_is_being_erased_waits_and_is_refused(world: World) -> None:
    session = await ended_session(world)

    async def write() -> None:
        async with transaction(world.ground.media) as conn:
            await _insert(conn, session, 1)

    async with world.by_jobs() as conn:
        assert await erasure.erase_session(conn, session.id, "deleted")
        writing = asyncio.ensure_future(write())
        await _until_somebody_waits(world)
    with pytest.raises(ConflictError) as refusal:
        await writing
    assert refusal.value.code == "session_erased"
    assert await world.value("SELECT count(*) FROM transcripts WHERE session_id = $1", session.id) == 0


async def _erase_now(world: World, session_id: UUID) -> bool:
    async with transaction(world.ground.jobs) as conn:
        return await erasure.erase_session(conn, session_id, "deleted")


async def _until_somebody_waits(world: World) -> None:
    waiting = """
        SELECT EXISTS (
            SELECT FROM pg_locks
            JOIN pg_stat_activity USING (pid)
            WHERE datname = current_database()
                AND NOT granted
        )
    """
    async with asyncio.timeout(5):
        while not await world.value(waiting):
            await asyncio.sleep(0.005)
