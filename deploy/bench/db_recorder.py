"""How fast final transcripts get from a node's spool into Postgres, beside a bare insert of the same rows.

Rows a second are those of the recorder's whole way with a batch: entries read, log appended, rows made and written, one
commit. Beside the peers stands its part in the database, so that on neither side rows are made: the peers write them by
a role without policies into the same tables with the same indexes, foreign keys, triggers and commits, as one multi-row
INSERT a table, and by COPY. All take turns.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from itertools import count
from uuid import uuid4

import orjson

from db import session_log, transcripts
from db.pool import Pool, transaction
from db.records import LogEntry, NewTranscript
from deploy.bench.db_sample import Sample
from deploy.bench.rows import Row, percentile
from deploy.errors import DeployError
from media_server.event_log import ROW
from media_server.events import TranscriptFinal, Word
from media_server.rows import rows_of, without_row

SESSIONS_AT_ONCE = 8
WARM_UP = 10
GOAL_ROWS_PER_S = 5000
GOAL_RATIO = 1.5
BATCHES = {100: 150, 500: 50}
"""Rows in a batch, and how many batches."""

_WHOLE, _OURS = "whole", "ours"
_SENTENCE = "sentence about the price the contract and what happens next week"
_EVENTS = {
    "session_id": "uuid",
    "organization_id": "uuid",
    "seq": "bigint",
    "epoch": "integer",
    "type": "text",
    "at_ms": "bigint",
    "audience": "text",
    "payload": "jsonb",
}
_TRANSCRIPTS = {
    "id": "uuid",
    "session_id": "uuid",
    "organization_id": "uuid",
    "content": "text",
    "speaker": "text",
    "sequence_number": "integer",
    "start_time_seconds": "numeric",
    "end_time_seconds": "numeric",
    "confidence_score": "numeric",
    "stt_provider": "text",
    "participant_id": "uuid",
    "utterance_id": "text",
    "words": "jsonb",
    "language": "text",
    "created_at": "timestamptz",
    "client_id": "text",
    "is_final": "boolean",
}


@dataclass(frozen=True, slots=True)
class Batch:
    entries: list[LogEntry]
    """As they come out of the spool."""
    wire: list[LogEntry]
    """As they are stored."""
    transcripts: list[NewTranscript]
    event_rows: list[tuple[object, ...]]
    """The same for the peers."""
    transcript_rows: list[tuple[object, ...]]


async def recorder_rows(media: Pool, unguarded: Pool, samples: Sequence[Sample]) -> list[Row]:
    """Rows a second, and microseconds a row beside each peer."""
    live = list({sample.live_session_id: sample for sample in samples}.values())[:SESSIONS_AT_ONCE]
    numbers = count(2_000_000)
    rows = []
    for size, batches in BATCHES.items():
        sides: dict[str, Callable[[Batch], Awaitable[None]]] = {
            _WHOLE: lambda batch: _record(media, batch),
            _OURS: lambda batch: _store(media, batch),
            "one INSERT a table": lambda batch: _insert(unguarded, batch),
            "COPY": lambda batch: _copy(unguarded, batch),
        }
        durations: dict[str, list[float]] = {name: [] for name in sides}
        for number in range(WARM_UP + batches):
            for name, write in sides.items():
                batch = _batch(live, numbers, size)
                began_s = time.perf_counter()
                await write(batch)
                if number >= WARM_UP:
                    durations[name].append(time.perf_counter() - began_s)
        rows += _rows(size, durations)
    return rows


def _rows(size: int, durations: dict[str, list[float]]) -> list[Row]:
    whole, ours = durations.pop(_WHOLE), durations.pop(_OURS)
    conditions = f"batches of {size}, 1 connection, media; each row also a log entry"
    return [
        Row(
            f"recorder_rows_per_s {size}", "rows/s", size * len(whole) / sum(whole), len(whole),
            f"{conditions}; goal {GOAL_ROWS_PER_S} or more",
        ),
        *(
            Row(
                f"recorder_us_per_row {size}", "µs p50", _us_per_row(ours, size), len(ours),
                f"{conditions}; goal ratio {GOAL_RATIO:g}", _us_per_row(took, size), f"{name}, without policies",
            )
            for name, took in durations.items()
        ),
    ]  # fmt: skip


def _us_per_row(durations: Sequence[float], size: int) -> float:
    return 1e6 * (percentile(durations, 50) or 0.0) / size


async def _record(pool: Pool, batch: Batch) -> None:
    wire = [without_row(entry) for entry in batch.entries]
    async with transaction(pool) as conn:
        appended = await session_log.append(conn, wire)
        new = [entry for entry in batch.entries if (entry.session_id, entry.seq) in appended.new]
        await transcripts.insert_transcripts(conn, rows_of(new).transcripts)
    if len(new) != len(batch.entries):
        raise DeployError(f"only {len(new)} of {len(batch.entries)} entries were recorded")


async def _store(pool: Pool, batch: Batch) -> None:
    async with transaction(pool) as conn:
        await session_log.append(conn, batch.wire)
        await transcripts.insert_transcripts(conn, batch.transcripts)


async def _insert(pool: Pool, batch: Batch) -> None:
    async with transaction(pool) as conn:
        await conn.execute(_statement("session_events", _EVENTS), *zip(*batch.event_rows, strict=True))
        await conn.execute(_statement("transcripts", _TRANSCRIPTS), *zip(*batch.transcript_rows, strict=True))


async def _copy(pool: Pool, batch: Batch) -> None:
    async with transaction(pool) as conn:
        await conn.copy_records_to_table("session_events", records=batch.event_rows, columns=list(_EVENTS))
        await conn.copy_records_to_table("transcripts", records=batch.transcript_rows, columns=list(_TRANSCRIPTS))


def _statement(table: str, columns: dict[str, str]) -> str:
    arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(columns.values(), 1))
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM unnest({arrays})"  # noqa: S608  no input


def _batch(live: Sequence[Sample], numbers: count[int], size: int) -> Batch:
    entries = [_entry(live[place % len(live)], next(numbers)) for place in range(size)]
    wire = [without_row(entry) for entry in entries]
    rows = rows_of(entries).transcripts
    return Batch(entries, wire, rows, [_event_row(entry) for entry in wire], [_transcript_row(row) for row in rows])


def _entry(sample: Sample, seq: int) -> LogEntry:
    words = [Word(word, place * 300, place * 300 + 250, 0.9) for place, word in enumerate(_SENTENCE.split())]
    final = TranscriptFinal(
        transcript_id=str(uuid4()),
        utterance_id=f"u{seq}",
        participant_id=str(sample.live_participant_id),
        speaker="Host",
        start_ms=words[0].start_ms,
        end_ms=words[-1].end_ms,
        text=_SENTENCE,
        words=words,
        confidence=0.87,
        language="en",
    )
    row = {"stt_provider": "whisper", "at": datetime.now(UTC)}
    return LogEntry(
        session_id=sample.live_session_id,
        organization_id=sample.live_organization_id,
        seq=seq,
        epoch=sample.live_epoch,
        type=final.type,
        at_ms=seq,
        audience=final.audience,
        payload=orjson.dumps(orjson.loads(orjson.dumps(final)) | {ROW: row}),
    )


def _event_row(entry: LogEntry) -> tuple[object, ...]:
    *others, payload = astuple(entry)
    return *others, payload.decode()


def _transcript_row(row: NewTranscript) -> tuple[object, ...]:
    values = {name: getattr(row, name) for name in _TRANSCRIPTS if hasattr(row, name)}
    words = None if row.words is None else row.words.decode()
    values |= {"words": words, "client_id": str(row.participant_id), "is_final": True}
    return tuple(values[name] for name in _TRANSCRIPTS)
