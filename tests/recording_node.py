"""A media node's road from its log to Postgres, inside a test: finals are published, spooled and recorded."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import orjson

from db.pool import Pool, transaction
from db.records import LogEntry, Session
from media_server.event_log import EventLog
from media_server.recorder import Recorder
from media_server.spool import Spool
from tests.log_entries import NoFollowers, final
from tests.people import Person, connected, make_participant, make_session, start_call

IN_TIME_S = 60.0
PAUSE_S = 0.005

Said = tuple[int, str]
"""The seq of a final and its text."""


@dataclass(slots=True)
class RecordingNode:
    session: Session
    participant_id: UUID
    spool: Spool
    log: EventLog
    recorder: Recorder
    published: list[Said] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def say(self) -> None:
        number = next(self._numbers)
        event = final(number, namespace=self.session.id, participant_id=self.participant_id)
        await self.log.append(event, at_ms=event.end_ms)

    async def keep_talking(self) -> None:
        """Until cancelled."""
        while True:
            await self.say()
            await asyncio.sleep(PAUSE_S)

    async def publish_more(self, count: int) -> None:
        """Wait until so many more were published by whoever talks."""
        wanted = len(self.published) + count
        async with asyncio.timeout(IN_TIME_S):
            while len(self.published) < wanted:
                await asyncio.sleep(PAUSE_S)

    async def record_everything(self) -> None:
        assert await self.recorder.drain(IN_TIME_S)
        assert await self.spool.refused() == []

    def _note(self, entry: LogEntry) -> None:
        self.published.append((entry.seq, orjson.loads(entry.payload)["text"]))


@asynccontextmanager
async def recording_node(api: Pool, media_url: str, person: Person, folder: Path) -> AsyncIterator[RecordingNode]:
    """A node that reaches Postgres by `media_url`; its session is made through `api`."""
    session = await make_session(api, person)
    participant_id = await make_participant(api, person, session)
    async with connected(media_url) as pool:
        lease = await start_call(pool, session)
        spool = Spool(folder / "spool" / f"{session.id}")
        await spool.open()
        log = EventLog(
            spool, session.id, session.organization_id, lease.epoch, lease.first_seq, lease.last_seq, lambda: True
        )
        node = RecordingNode(session, participant_id, spool, log, Recorder(spool, pool, NoFollowers()))
        log.subscribe(node._note)
        try:
            async with asyncio.TaskGroup() as tasks:
                recording = tasks.create_task(node.recorder.run())
                yield node
                recording.cancel()
        finally:
            await spool.aclose()


@asynccontextmanager
async def talking(*nodes: RecordingNode) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        mouths = [tasks.create_task(node.keep_talking()) for node in nodes]
        yield
        for mouth in mouths:
            mouth.cancel()


async def stored(pool: Pool, session_id: UUID) -> tuple[list[Said], list[Said]]:
    """What Postgres has of a session: its transcripts, and the finals of its log; each in their order."""
    async with transaction(pool, timeout_s=30) as conn:
        rows = await conn.fetch(
            "SELECT sequence_number, content FROM transcripts WHERE session_id = $1 ORDER BY sequence_number",
            session_id,
        )
        entries = await conn.fetch(
            """
            SELECT seq, payload
            FROM session_events
            WHERE session_id = $1
                AND type = 'transcript.final'
            ORDER BY seq
            """,
            session_id,
        )
    return [tuple(row) for row in rows], [(seq, orjson.loads(payload)["text"]) for seq, payload in entries]


def losses(published: Sequence[Said], kept: Sequence[Said]) -> dict[str, int]:
    """What happened to what people saw: how much of it is gone, doubled, or out of its order."""
    known = set(kept)
    seen = set(published)
    in_order = [said for said in kept if said in seen]
    return {
        "lost": sum(said not in known for said in published),
        "doubled": len(kept) - len({seq for seq, _ in kept}),
        "out_of_order": sum(one != other for one, other in zip(in_order, published, strict=False)),
    }


UNHARMED = {"lost": 0, "doubled": 0, "out_of_order": 0}
