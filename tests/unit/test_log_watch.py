"""What people are told of whether their words are kept: at once, again and again, and when it is over."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from media_server.event_log import EventLog
from media_server.events import Error, Event, LogState, LogStatus, PipelineStatus
from media_server.fanout import Fanout
from media_server.journal import Journal
from media_server.log_watch import REPEAT_S, RETOLD_FOR_S, LogNews, watch_log
from media_server.spool_errors import SpoolFullError
from tests.log_entries import ORGANIZATION, SESSION, MemorySpool, final


def told(looks: list[tuple[str | None, float]]) -> list[LogState]:
    news = LogNews()
    return [status.state for trouble, now_s in looks if (status := news.look(trouble, now_s)) is not None]


def test_while_all_is_well_nothing_is_said() -> None:
    assert told([(None, now / 10) for now in range(100)]) == []


@pytest.mark.parametrize(
    ("trouble", "state"),
    [("spool_full", "full"), ("spool_stalled", "late"), ("spool_failed", "failed"), ("spool_damaged", "failed")],
)
def test_trouble_is_told_at_the_first_look(trouble: str, state: LogState) -> None:
    assert told([(None, 0.0), (trouble, 0.1)]) == [state]


def test_trouble_is_told_every_second() -> None:
    assert told([("spool_full", now / 8) for now in range(25)]) == ["full"] * 4


def test_the_end_of_it_is_told_for_a_while() -> None:
    looks = [("spool_full", 0.0), *((None, now / 8) for now in range(1, 200))]
    assert told(looks) == ["full", *["kept"] * (1 + int(RETOLD_FOR_S / REPEAT_S))]


class FullSpool(MemorySpool):
    def append(self, entry: object) -> asyncio.Future[None]:
        raise SpoolFullError


class Clock:
    """Media time that stands still."""

    def now_ms(self) -> int:
        return 7

    def wall(self) -> datetime:
        return datetime.now(UTC)


def journal_on(spool: MemorySpool) -> Journal:
    log = EventLog(spool, SESSION, ORGANIZATION, 1, 1, 100, lambda: True)
    return Journal(log, Fanout(None, log.entries_after), Clock(), lambda: None)  # type: ignore[arg-type]


async def test_a_final_that_cannot_be_kept_is_missed_and_nothing_else_is() -> None:
    journal = journal_on(FullSpool())
    assert not await journal.append(PipelineStatus(1, "full"))
    assert journal.missed_ms is None
    for number in (3, 2, 5):
        assert not await journal.append(final(number))
    assert journal.missed_ms == (2000, 5800)


@dataclass
class ScriptedJournal:
    """In trouble for three looks; its first attempt to write that something was missed fails."""

    looks: int = 0
    attempts: int = 0
    missed_ms: tuple[int, int] | None = (130_000, 185_500)
    said: list[Event] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def trouble(self) -> str | None:
        self.looks += 1
        return "spool_full" if self.looks <= 3 else None

    def live(self, event: Event) -> None:
        self.said.append(event)

    async def append(self, event: Event) -> bool:
        self.attempts += 1
        if self.attempts == 2:
            self.said.append(event)
        return self.attempts == 2

    def forget_missed(self) -> None:
        self.missed_ms = None
        self.done.set()


async def test_what_was_missed_is_written_down_once_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media_server.log_watch.LOOK_EVERY_S", 0.0)
    journal = ScriptedJournal()
    watching = asyncio.ensure_future(watch_log(journal))
    async with asyncio.timeout(5):
        await journal.done.wait()
    watching.cancel()
    full, kept, error = journal.said
    assert (full, kept) == (LogStatus("full"), LogStatus("kept"))
    assert isinstance(error, Error)
    assert error.code == "text_not_kept"
    assert "between 2:10 and 3:05" in error.message
