"""Log entries for tests: numbered finals, as a call would write them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID, uuid5

from db.records import LogEntry
from media_server.events import TranscriptFinal, Word

SESSION = UUID("11111111-1111-4111-8111-111111111111")
ORGANIZATION = UUID("22222222-2222-4222-8222-222222222222")
PARTICIPANT = UUID("33333333-3333-4333-8333-333333333333")


def entry(seq: int, *, session_id: UUID = SESSION, organization_id: UUID = ORGANIZATION, text: str = "") -> LogEntry:
    return LogEntry(
        session_id=session_id,
        organization_id=organization_id,
        seq=seq,
        epoch=1,
        type="pipeline.status",
        at_ms=seq * 100,
        audience="everyone",
        payload=(text or f'{{"lag_ms":{seq},"level":"full"}}').encode(),
    )


def final(number: int, *, namespace: UUID = SESSION, participant_id: UUID = PARTICIPANT) -> TranscriptFinal:
    """The same number always makes the same transcript id."""
    start_ms = number * 1000
    return TranscriptFinal(
        transcript_id=str(uuid5(namespace, f"transcript {number}")),
        utterance_id=f"u{number}",
        participant_id=str(participant_id),
        speaker="Ada",
        start_ms=start_ms,
        end_ms=start_ms + 800,
        text=f"sentence {number}",
        words=[Word("sentence", start_ms, start_ms + 400, 0.9), Word(str(number), start_ms + 400, start_ms + 800, 0.8)],
        confidence=0.85,
        language="en",
    )


class NoFollowers:
    """Stands in for Redis where nobody follows."""

    async def publish_entries(self, entries: Sequence[LogEntry]) -> None:
        pass


class MemorySpool:
    """Stands in for the spool where a test decides when, and whether, an entry becomes durable."""

    def __init__(self) -> None:
        self.waiting: list[tuple[LogEntry, asyncio.Future[None]]] = []
        self.trouble: str | None = None

    def append(self, entry: LogEntry) -> asyncio.Future[None]:
        durable = asyncio.get_running_loop().create_future()
        self.waiting.append((entry, durable))
        return durable

    def commit(self) -> None:
        for _, durable in self.waiting:
            durable.set_result(None)
        self.waiting.clear()
