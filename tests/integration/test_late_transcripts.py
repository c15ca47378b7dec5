"""Words that reach Postgres after their session was completed: they count, and the summary is written with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from control_api.summaries.finalize import Finalizer, LateWordsError
from db import sessions, summaries, transcripts
from db.pool import Pool, transaction
from db.records import Session, Summary
from media_server.events import PipelineStatus
from tests.conftest import Database
from tests.people import Person, connected, make_people
from tests.recording_node import RecordingNode, recording_node


@dataclass(frozen=True, slots=True)
class World:
    alice: Person
    api: Pool
    jobs: Pool
    node: RecordingNode

    async def say(self) -> None:
        await self.node.say()
        await self.node.record_everything()

    async def complete(self) -> None:
        async with transaction(self.api, user_id=self.alice.user_id) as conn:
            await sessions.complete_session(conn, self.node.session.id, datetime.now(UTC))

    async def run_job(self) -> str:
        """What the worker does; the queue is not asked."""
        return await Finalizer(self.jobs, None).finalize(self.node.session.id)

    async def session(self) -> Session:
        async with transaction(self.jobs) as conn:
            session = await sessions.find_session(conn, self.node.session.id)
        assert session is not None
        return session

    async def summary(self) -> Summary:
        async with transaction(self.jobs) as conn:
            summary = await summaries.get(conn, self.node.session.id)
        assert summary is not None
        return summary

    async def empty_queue(self) -> int:
        async with transaction(self.jobs) as conn:
            return len(await conn.fetch("DELETE FROM pgqueuer RETURNING id"))


@pytest.fixture
async def world(database: Database, tmp_path: Path) -> AsyncIterator[World]:
    alice = (await make_people(database.owner_url)).alice
    async with (
        connected(database.api_url) as api,
        connected(database.jobs_url) as jobs,
        recording_node(api, database.media_url, alice, tmp_path) as node,
    ):
        async with connected(database.media_url) as media, transaction(media) as conn:
            await sessions.activate_session(conn, node.session.id, datetime.now(UTC))
        yield World(alice, api, jobs, node)


async def test_late_words_count(world: World) -> None:
    await world.say()
    await world.complete()
    assert (await world.session()).total_words_spoken == 2
    await world.say()
    assert (await world.session()).total_words_spoken == 4


async def test_late_words_have_the_summary_written_again(world: World) -> None:
    await world.say()
    await world.complete()
    assert await world.run_job() == "completed"
    assert await world.empty_queue() == 1
    await world.say()
    assert (await world.summary()).generation_status == "pending"
    assert await world.empty_queue() == 1
    assert await world.run_job() == "completed"
    assert "sentence 2" in str((await world.summary()).full_transcript)


async def test_a_summary_that_is_not_written_yet_is_asked_for_once(world: World) -> None:
    await world.say()
    await world.complete()
    await world.say()
    await world.say()
    assert (await world.summary()).generation_status == "pending"
    assert await world.empty_queue() == 1


async def test_a_late_entry_without_words_changes_nothing(world: World) -> None:
    await world.say()
    await world.complete()
    await world.run_job()
    await world.empty_queue()
    await world.node.log.append(PipelineStatus(1, "full"), at_ms=0)
    await world.node.record_everything()
    assert (await world.summary()).generation_status == "completed"
    assert await world.empty_queue() == 0


async def test_words_that_are_delivered_again_change_nothing(world: World) -> None:
    await world.say()
    [said] = world.node.log.entries_after(0)
    await world.complete()
    await world.run_job()
    await world.empty_queue()
    await world.node.spool.append(said)
    await world.node.record_everything()
    assert (await world.summary()).generation_status == "completed"
    assert await world.empty_queue() == 0


async def test_late_words_of_a_deleted_session_are_kept_and_nothing_is_written(world: World) -> None:
    await world.say()
    await world.complete()
    async with transaction(world.api, user_id=world.alice.user_id) as conn:
        await conn.execute("UPDATE sessions SET deleted_at = now() WHERE id = $1", world.node.session.id)
    await world.empty_queue()
    await world.say()
    assert await world.empty_queue() == 0


async def test_words_that_come_while_the_summary_is_written_are_not_left_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.say()
    await world.complete()
    write = Finalizer._write

    async def interrupted(self: Finalizer, *args: Any) -> Any:
        await world.say()
        return await write(self, *args)

    monkeypatch.setattr(Finalizer, "_write", interrupted)
    with pytest.raises(LateWordsError):
        await world.run_job()
    monkeypatch.undo()
    assert await world.run_job() == "completed"
    assert "sentence 2" in str((await world.summary()).full_transcript)


async def test_no_words_come_between_the_last_look_at_them_and_the_end_of_the_transaction(world: World) -> None:
    await world.say()
    async with transaction(world.jobs) as conn:
        assert await transcripts.hold_finals(conn, world.node.session.id) == 1
        saying = asyncio.ensure_future(world.say())
        async with asyncio.timeout(10):
            while not await conn.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
                await asyncio.sleep(0.01)
        assert not saying.done()
    await saying
