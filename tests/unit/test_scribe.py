"""What is made of a final that is not believed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from media_server import telemetry
from media_server.events import TranscriptPartial
from media_server.pipeline.track import Final
from media_server.scribe import MAX_DROPPED, Scribe


class Journal:
    """Of a call; only what goes out live is kept."""

    def __init__(self) -> None:
        self.shown: list[Any] = []

    def live(self, message: Any) -> None:
        self.shown.append(message)


def scribe(journal: Journal) -> Scribe:
    guest = SimpleNamespace(id=uuid4(), speaker="Ada")
    listener = SimpleNamespace(add_stream=lambda on_speech: None)
    transcriber = SimpleNamespace(track=lambda *arguments, **more: None)
    return Scribe(guest, journal, None, listener, transcriber)  # type: ignore[arg-type]


def dropped(number: int) -> Final:
    return Final(
        str(number), 0, 900, "", (), 0.0, "en", "test", 1, dropped="known_phrase", dropped_text="Thanks for watching!"
    )


async def test_what_is_dropped_is_counted_and_kept_and_its_partials_are_taken_back() -> None:
    journal = Journal()
    keeper = scribe(journal)
    counter = telemetry.FINALS_DROPPED.labels("known_phrase")
    before = counter._value.get()
    for number in range(MAX_DROPPED + 1):
        await keeper._keep(dropped(number))
    assert counter._value.get() == before + MAX_DROPPED + 1
    assert [final.utterance_id for final in keeper.dropped] == [str(number) for number in range(1, MAX_DROPPED + 1)]
    assert all(isinstance(one, TranscriptPartial) and one.stable == one.unstable == "" for one in journal.shown)
