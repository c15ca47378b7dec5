"""How transcripts went wrong before, each held off by a test that carries its number of the list of failure modes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import orjson
import pytest

from control_api.summaries.finalize import Finalizer
from db import sessions, summaries, transcripts
from db.pool import Pool, transaction
from db.records import LogEntry, Session, Transcript
from media_server.event_log import EventLog
from media_server.events import TranscriptFinal
from media_server.recorder import Recorder
from media_server.spool import Spool
from tests.conftest import Database
from tests.log_entries import NoFollowers, final
from tests.people import Person, connected, make_participant, make_people, make_session, start_call

IN_TIME_S = 20.0


@dataclass(frozen=True, slots=True)
class World:
    alice: Person
    api: Pool
    media: Pool
    jobs: Pool
    folder: Path
    session: Session
    participant_id: UUID

    @asynccontextmanager
    async def node(self, name: str = "host-0") -> AsyncIterator[Node]:
        """A node that has taken the session over, in an epoch of its own."""
        lease = await start_call(self.media, self.session)
        spool = Spool(self.folder / "spool" / name)
        await spool.open()
        log = EventLog(
            spool, lease.session_id, lease.organization_id, lease.epoch, lease.first_seq, lease.last_seq, lambda: True
        )
        recorder = Recorder(spool, self.media, NoFollowers())
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(recorder.run())
            yield Node(self, spool, log, recorder)
            running.cancel()
        await spool.aclose()

    async def lines(self) -> list[Transcript]:
        async with transaction(self.api, user_id=self.alice.user_id) as conn:
            return await transcripts.list_transcripts(conn, self.session.id, limit=1000)

    async def complete(self) -> Session:
        async with transaction(self.api, user_id=self.alice.user_id) as conn:
            await sessions.complete_session(conn, self.session.id, datetime.now(UTC))
        return await self.stored()

    async def stored(self) -> Session:
        async with transaction(self.jobs) as conn:
            session = await sessions.find_session(conn, self.session.id)
        assert session is not None
        return session


@dataclass(frozen=True, slots=True)
class Node:
    world: World
    spool: Spool
    log: EventLog
    recorder: Recorder

    def line(self, number: int, text: str = "") -> TranscriptFinal:
        said = final(number, namespace=self.world.session.id, participant_id=self.world.participant_id)
        return replace(said, text=text) if text else said

    async def say(self, *lines: TranscriptFinal) -> list[LogEntry]:
        """Publish, and wait until Postgres has it."""
        entries = [await self.log.append(line, at_ms=line.end_ms) for line in lines]
        assert await self.recorder.drain(IN_TIME_S)
        return entries

    async def deliver(self, *entries: LogEntry) -> list[str]:
        """Bring entries as they are, and wait; with which reasons some were set aside."""
        for entry in entries:
            await self.spool.append(entry)
        assert await self.recorder.drain(IN_TIME_S)
        return [reason for _, reason in await self.spool.refused()]


@pytest.fixture
async def world(database: Database, tmp_path: Path) -> AsyncIterator[World]:
    alice = (await make_people(database.owner_url)).alice
    async with (
        connected(database.api_url) as api,
        connected(database.media_url) as media,
        connected(database.jobs_url) as jobs,
    ):
        session = await make_session(api, alice)
        async with transaction(media) as conn:
            await start_call(media, session)
            await sessions.activate_session(conn, session.id, datetime.now(UTC))
        yield World(alice, api, media, jobs, tmp_path, session, await make_participant(api, alice, session))


def texts(lines: Sequence[Transcript]) -> list[str]:
    return [line.content for line in lines]


async def test_lines_that_are_saved_again_are_there_once(world: World) -> None:
    """Failure mode 1: lines were doubled when a page saved again, or was loaded again."""
    async with world.node() as node:
        entries = await node.say(*(node.line(number) for number in range(5)))
    async with world.node("host-1") as other:
        assert await other.deliver(*entries, *entries) == []
    assert texts(await world.lines()) == [f"sentence {number}" for number in range(5)]


async def test_lines_that_begin_at_the_same_time_are_all_kept(world: World) -> None:
    """Failure mode 2: a key over the start time dropped all but one, and start times were made up."""
    async with world.node() as node:
        at_once = [replace(node.line(number), start_ms=1234, end_ms=2345) for number in range(3)]
        await node.say(*at_once)
    assert [(line.content, float(line.start_time_seconds)) for line in await world.lines()] == [
        ("sentence 0", 1.234),
        ("sentence 1", 1.234),
        ("sentence 2", 1.234),
    ]


async def test_a_number_that_is_taken_is_never_overwritten(world: World) -> None:
    """Failure mode 3: while a batch was under way others got the same numbers, and saved lines were overwritten."""
    async with world.node() as node:
        [first] = await node.say(node.line(1))
        other = replace(first, payload=orjson.dumps(node.line(2)))
        assert await node.deliver(other) == ["seq_taken"]
        [(kept, _)] = await node.spool.refused()
    assert texts(await world.lines()) == ["sentence 1"]
    assert orjson.loads(kept.payload)["text"] == "sentence 2"


async def test_two_nodes_of_one_session_have_numbers_of_their_own(world: World) -> None:
    """Failure mode 3: two tabs of one session overwrote each other."""
    async with world.node() as one, world.node("host-1") as other:
        await asyncio.gather(
            *(node.say(*(node.line(n) for n in ns)) for node, ns in ((one, range(9)), (other, range(9, 18))))
        )
    lines = await world.lines()
    assert sorted(texts(lines)) == sorted(f"sentence {number}" for number in range(18))
    assert len({line.sequence_number for line in lines}) == 18


async def test_repeats_short_words_and_unsure_ones_are_kept(world: World) -> None:
    """Failure mode 4: lines with known text, of one letter, or with low confidence were dropped."""
    said = ["Yes.", "Yes.", "okay", "okay", "I", "a", "Yes."]
    async with world.node() as node:
        await node.say(*(replace(node.line(n, text), confidence=0.01) for n, text in enumerate(said)))
    assert texts(await world.lines()) == said


async def test_the_summary_reads_in_the_order_of_the_page(world: World) -> None:
    """Failure mode 10: the page was ordered by number and the summary by start time."""
    async with world.node() as node:
        await node.say(*(replace(node.line(n), start_ms=9000 - n * 1000, end_ms=20_000) for n in range(5)))
    await world.complete()
    assert await Finalizer(world.jobs, None).finalize(world.session.id) == "completed"
    async with transaction(world.jobs) as conn:
        summary = await summaries.get(conn, world.session.id)
    assert summary is not None
    assert summary.full_transcript is not None
    places = [summary.full_transcript.index(text) for text in texts(await world.lines())]
    assert places == sorted(places)


async def test_a_line_goes_to_the_session_of_its_call_whatever_it_says_itself(world: World) -> None:
    """Failure mode 11: a batch trusted the session that each line named, and wrote into others of the organization."""
    other = await make_session(world.api, world.alice)
    async with world.node() as node:
        [entry] = await node.say(node.line(1))
        lying = orjson.dumps(orjson.loads(orjson.dumps(node.line(2))) | {"session_id": str(other.id)})
        elsewhere = replace(entry, session_id=other.id)
        stranger = await make_participant(world.api, world.alice, other)
        strangers = orjson.dumps(replace(node.line(3), participant_id=str(stranger)))
        reasons = await node.deliver(
            replace(entry, seq=entry.seq + 10, payload=lying),
            elsewhere,
            replace(entry, seq=entry.seq + 11, payload=strangers),
        )
    assert reasons == ["epoch_unknown", "transcripts_participant_id_fkey"]
    assert texts(await world.lines()) == ["sentence 1", "sentence 2"]
    async with transaction(world.jobs) as conn:
        assert await transcripts.list_transcripts(conn, other.id) == []


async def test_words_are_counted_once_however_often_and_from_wherever_they_come(world: World) -> None:
    """Failure mode 12: counts were read, changed and written by concurrent and repeated saves."""
    async with world.node() as one, world.node("host-1") as other:
        entries = await one.say(*(one.line(number) for number in range(20)))
        later = [replace(entry, seq=entry.seq + 100, payload=_another(entry)) for entry in entries]
        await asyncio.gather(
            one.deliver(*later, *entries), other.deliver(*entries, *later), world.complete(), world.complete()
        )
    assert (
        (await world.stored()).total_words_spoken == sum(len(text.split()) for text in texts(await world.lines())) == 80
    )


def _another(entry: LogEntry) -> bytes:
    return orjson.dumps(orjson.loads(entry.payload) | {"transcript_id": str(uuid4())})
