"""From the spool into Postgres: each entry once with its row, whatever goes away meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from blockbuster import blockbuster_ctx

from db import guidance, session_log, sessions, transcripts
from db.live import Live
from db.pool import Pool, owner_connection, transaction
from db.records import LogEntry, Session, Transcript
from media_server import events
from media_server.event_log import EventLog
from media_server.recorder import Followers, Recorder
from media_server.spool import Spool
from tests.away_postgres import AwayPostgres
from tests.conftest import Database
from tests.log_entries import NoFollowers, final
from tests.people import connected, make_participant, make_people, make_session, start_call

IN_TIME_S = 10.0


@dataclass(frozen=True, slots=True)
class Node:
    """A node's way from its log to Postgres."""

    pool: Pool
    spool: Spool
    log: EventLog
    session: Session
    participant_id: UUID

    def final(self, number: int) -> events.TranscriptFinal:
        return final(number, namespace=self.session.id, participant_id=self.participant_id)

    async def spool_raw(self, entry: LogEntry) -> None:
        await self.spool.append(entry)

    async def transcripts(self) -> list[Transcript]:
        async with transaction(self.pool) as conn:
            return await transcripts.list_transcripts(conn, self.session.id, limit=10_000)

    async def entries(self) -> list[LogEntry]:
        audiences = [events.EVERYONE, events.COACHED, events.SERVER]
        async with transaction(self.pool) as conn:
            return await session_log.read(conn, self.session.id, after_seq=0, audiences=audiences, limit=10_000)

    async def stored_session(self) -> Session:
        async with transaction(self.pool) as conn:
            session = await sessions.find_session(conn, self.session.id)
        assert session is not None
        return session


@pytest.fixture
async def node(database: Database, tmp_path: Path) -> AsyncIterator[Node]:
    people = await make_people(database.owner_url)
    async with connected(database.api_url) as api, connected(database.media_url) as pool:
        session = await make_session(api, people.alice)
        host = await make_participant(api, people.alice, session)
        lease = await start_call(pool, session)
        spool = Spool(tmp_path / "spool" / "host-0")
        await spool.open()
        log = EventLog(
            spool, session.id, session.organization_id, lease.epoch, lease.first_seq, lease.last_seq, lambda: True
        )
        with blockbuster_ctx("media_server"):
            yield Node(pool, spool, log, session, host)
        await spool.aclose()


@asynccontextmanager
async def recording(node: Node, followers: Followers | None = None) -> AsyncIterator[Recorder]:
    recorder = Recorder(node.spool, node.pool, followers or NoFollowers())
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(recorder.run())
        yield recorder
        running.cancel()


async def record_all(node: Node) -> Recorder:
    async with recording(node) as recorder:
        assert await recorder.drain(IN_TIME_S)
    return recorder


async def test_a_final_becomes_a_transcript_and_an_entry(node: Node) -> None:
    entry = await node.log.append(node.final(1), at_ms=1800, row={"stt_provider": "whisper"})
    await record_all(node)
    [row] = await node.transcripts()
    assert (row.content, row.sequence_number, row.stt_provider) == ("sentence 1", entry.seq, "whisper")
    [stored] = await node.entries()
    assert orjson.loads(stored.payload) == orjson.loads(entry.payload)


async def test_recorded_entries_leave_the_spool(node: Node) -> None:
    await asyncio.gather(*(node.log.append(node.final(n), at_ms=0) for n in range(250)))
    await record_all(node)
    assert node.spool.size == 0
    assert [row.content for row in await node.transcripts()] == [f"sentence {n}" for n in range(250)]


@pytest.mark.parametrize(("is_away_first", "batches"), [(False, 3), (True, 7)])
async def test_much_that_waits_goes_in_large_batches_once_postgres_is_well(
    node: Node, is_away_first: bool, batches: int
) -> None:
    await asyncio.gather(*(node.log.append(node.final(n), at_ms=0) for n in range(1050)))
    postgres = AwayPostgres(node.pool, is_away=is_away_first)
    async with recording(replace(node, pool=postgres)) as recorder:  # type: ignore[arg-type]
        async with asyncio.timeout(IN_TIME_S):
            while is_away_first and not recorder.is_waiting:
                await asyncio.sleep(0.01)
        postgres.is_away = False
        assert await recorder.drain(IN_TIME_S)
    assert (len(await node.transcripts()), postgres.lent) == (1050, batches)


async def test_an_entry_recorded_twice_is_there_once(node: Node) -> None:
    await node.log.append(node.final(1), at_ms=0)
    [(_, spooled)] = await node.spool.oldest()
    await record_all(node)
    await node.spool_raw(spooled)
    await record_all(node)
    assert len(await node.transcripts()) == 1


async def test_usage_counts_once_however_often_it_is_delivered(node: Node) -> None:
    usage = events.UsageRecorded(str(node.participant_id), 0, 20_000)
    await node.log.append(usage, at_ms=0)
    [(_, spooled)] = await node.spool.oldest()
    await node.spool_raw(spooled)
    await node.spool_raw(replace(spooled, seq=spooled.seq + 1))
    await record_all(node)
    assert (await node.stored_session()).recording_duration_seconds == 20


async def test_a_call_from_start_to_end_fills_the_session(node: Node) -> None:
    person = (str(node.participant_id), "Host", "host", "browser")
    started_at = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
    ended_at = datetime(2026, 11, 22, 9, 31, tzinfo=UTC)
    log = node.log
    await log.append(events.ParticipantJoined(*person), at_ms=0)  # type: ignore[arg-type]
    await log.append(events.SessionStateChanged("active"), at_ms=0, row={"started_at": started_at.isoformat()})
    await log.append(node.final(1), at_ms=1800)
    await log.append(events.SessionStateChanged("finalizing"), at_ms=9000, row={"ended_at": ended_at.isoformat()})
    await log.append(events.ParticipantLeft(*person), at_ms=9000)  # type: ignore[arg-type]
    await record_all(node)
    session = await node.stored_session()
    assert (session.status, session.recording_started_at, session.recording_ended_at) == (
        "completed",
        started_at,
        ended_at,
    )
    assert session.total_words_spoken == 2
    async with transaction(node.pool) as conn:
        [host] = await sessions.list_participants(conn, node.session.id)
    assert host.joined_at is not None
    assert host.left_at is not None


async def test_guidance_and_what_was_done_with_it_are_stored(node: Node) -> None:
    said = node.final(1)
    await node.log.append(said, at_ms=0)
    guidance_id = uuid4()
    evidence = [events.Evidence(said.transcript_id, "sentence")]
    shown = events.GuidanceShown(str(guidance_id), "ask", 1, "Ask back.", evidence, "question", 9000)
    await node.log.append(shown, at_ms=2000)
    await node.log.append(events.GuidanceFeedback(str(guidance_id), str(node.participant_id), "helpful"), at_ms=3000)
    await record_all(node)
    async with transaction(node.pool) as conn:
        [row] = await guidance.list_guidance(conn, node.session.id, audiences=["coached"])
    assert (row.id, row.user_feedback, str(row.triggered_by_transcript_id)) == (
        guidance_id,
        "helpful",
        said.transcript_id,
    )


async def test_a_pause_is_remembered_by_the_call(node: Node) -> None:
    await node.log.append(events.SessionStateChanged("paused"), at_ms=0)
    await record_all(node)
    async with transaction(node.pool) as conn:
        assert await conn.fetchval("SELECT paused FROM calls WHERE session_id = $1", node.session.id)


async def test_a_step_after_the_end_is_logged_and_changes_nothing(node: Node) -> None:
    async with transaction(node.pool) as conn:
        await sessions.activate_session(conn, node.session.id, datetime.now(UTC))
        await sessions.complete_session(conn, node.session.id, datetime.now(UTC))
    await node.log.append(events.SessionStateChanged("active"), at_ms=0)
    await record_all(node)
    assert (await node.stored_session()).status == "completed"
    assert len(await node.entries()) == 1


async def test_a_poison_entry_is_set_aside_and_the_rest_goes_on(node: Node) -> None:
    for number in range(30):
        await node.log.append(node.final(number), at_ms=0)
    poison = replace(node.final(99), transcript_id="no uuid at all")
    await node.log.append(poison, at_ms=0)
    too_sure = replace(node.final(98), confidence=7.0)
    await node.log.append(too_sure, at_ms=0)
    for number in range(30, 60):
        await node.log.append(node.final(number), at_ms=0)
    recorder = await record_all(node)
    assert [row.content for row in await node.transcripts()] == [f"sentence {n}" for n in range(60)]
    assert [reason for _, reason in await node.spool.refused()] == [
        "entry_invalid",
        "transcripts_confidence_score_check",
    ]
    assert recorder.refused == 2


async def test_a_refused_entry_puts_no_speech_into_the_logs(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    await node.log.append(replace(node.final(99), confidence=7.0), at_ms=0)
    await record_all(node)
    assert "an entry was refused" in caplog.text
    assert "sentence" not in caplog.text


async def test_an_entry_without_a_place_in_the_log_is_set_aside_and_counted(node: Node) -> None:
    await node.log.append(node.final(1), at_ms=0)
    [(_, known)] = await node.spool.oldest()
    await node.spool_raw(replace(known, seq=2, session_id=uuid4()))
    await node.spool_raw(replace(known, seq=3, epoch=9))
    recorder = await record_all(node)
    assert [reason for _, reason in await node.spool.refused()] == ["session_unknown", "epoch_unknown"]
    assert (recorder.recorded, recorder.refused) == (1, 2)


async def test_two_entries_with_one_number_are_not_taken_for_one(node: Node) -> None:
    await node.log.append(node.final(1), at_ms=0)
    [(_, first)] = await node.spool.oldest()
    await node.spool_raw(replace(first, payload=orjson.dumps(node.final(2))))
    await record_all(node)
    assert [row.content for row in await node.transcripts()] == ["sentence 1"]
    assert [(orjson.loads(kept.payload)["text"], reason) for kept, reason in await node.spool.refused()] == [
        ("sentence 2", "seq_taken")
    ]


async def test_what_comes_for_an_erased_session_is_not_even_kept_on_disk(node: Node, database: Database) -> None:
    async with owner_connection(database.owner_url) as conn:
        await conn.execute("UPDATE sessions SET deleted_at = now(), erased_at = now() WHERE id = $1", node.session.id)
    await node.log.append(node.final(1), at_ms=0)
    await record_all(node)
    for _ in range(2):  # nor is it offered again
        assert [(kept.payload, reason) for kept, reason in await node.spool.refused()] == [(b"", "session_erased")]
        assert node.spool.size == 0
        await node.spool.aclose()
        await node.spool.open()
    assert await node.entries() == []


async def test_a_spool_left_behind_is_delivered_first(node: Node) -> None:
    await node.log.append(node.final(1), at_ms=0)
    await node.spool.aclose()
    await node.spool.open()
    await node.log.append(node.final(2), at_ms=0)
    await record_all(node)
    assert [row.content for row in await node.transcripts()] == ["sentence 1", "sentence 2"]


async def test_the_spool_of_a_dead_node_is_delivered(node: Node, tmp_path: Path) -> None:
    dead = Spool(tmp_path / "spool" / "host-1")
    await dead.open()
    dead_log = EventLog(dead, node.session.id, node.session.organization_id, 1, 5000, 6000, lambda: True)
    await dead_log.append(node.final(1), at_ms=0)
    await dead.aclose()
    async with recording(node) as recorder:
        async with asyncio.timeout(IN_TIME_S):
            while (tmp_path / "spool" / "host-1").exists():
                await asyncio.sleep(0.01)
        assert await recorder.drain(IN_TIME_S)
    assert [row.content for row in await node.transcripts()] == ["sentence 1"]


async def test_the_spool_of_a_dead_node_is_taken_over_while_postgres_is_away(node: Node, tmp_path: Path) -> None:
    dead = Spool(tmp_path / "spool" / "host-1")
    await dead.open()
    dead_log = EventLog(dead, node.session.id, node.session.organization_id, 1, 5000, 6000, lambda: True)
    await dead_log.append(node.final(1), at_ms=0)
    await dead.aclose()
    postgres = AwayPostgres(node.pool)
    async with recording(replace(node, pool=postgres)) as recorder:  # type: ignore[arg-type]
        async with asyncio.timeout(IN_TIME_S):
            while (tmp_path / "spool" / "host-1").exists() or not recorder.is_waiting:
                await asyncio.sleep(0.01)
        assert node.spool.size == 1
        postgres.is_away = False
        assert await recorder.drain(IN_TIME_S)
    assert [row.content for row in await node.transcripts()] == ["sentence 1"]


async def test_committed_entries_reach_followers_without_their_row(node: Node) -> None:
    told: list[LogEntry] = []
    heard = asyncio.Event()

    class Listening:
        async def publish_entries(self, entries: Sequence[LogEntry]) -> None:
            told.extend(entries)
            heard.set()

    entry = await node.log.append(node.final(1), at_ms=0, row={"stt_provider": "whisper"})
    async with recording(node, Listening()), asyncio.timeout(IN_TIME_S):
        await heard.wait()
    assert [(follower.seq, orjson.loads(follower.payload)) for follower in told] == [
        (entry.seq, orjson.loads(entry.payload))
    ]


@pytest.mark.parametrize("trouble", ["hangs", "raises"])
async def test_followers_in_trouble_delay_nothing(node: Node, trouble: str) -> None:
    class Troubled:
        async def publish_entries(self, entries: Sequence[LogEntry]) -> Any:
            if trouble == "raises":
                raise ValueError(entries)
            await asyncio.Event().wait()

    async with recording(node, Troubled()) as recorder:
        for number in range(3):
            await node.log.append(node.final(number), at_ms=0)
            assert await recorder.drain(IN_TIME_S)
    assert len(await node.transcripts()) == 3


async def test_redis_being_away_delays_nothing(node: Node) -> None:
    live = Live("redis://127.0.0.1:1/0")
    async with recording(node, live) as recorder:
        await node.log.append(node.final(1), at_ms=0)
        assert await recorder.drain(IN_TIME_S)
    await live.aclose()
    assert len(await node.transcripts()) == 1


async def test_draining_says_when_postgres_did_not_take_everything(node: Node) -> None:
    await node.log.append(node.final(1), at_ms=0)
    recorder = Recorder(node.spool, node.pool, NoFollowers())
    assert not await recorder.drain(0.01)
