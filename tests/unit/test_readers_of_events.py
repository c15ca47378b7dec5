"""G2: every message of the data channels × every role: who gets it is decided here, also for the next new one."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any
from uuid import uuid4

import orjson
import pytest

from db.session_log import LogEntry
from media_server import events
from media_server.events import COACHED, EVERYONE, SERVER, Event
from media_server.fanout import Fanout, Reader
from tests.unit.test_fanout import Screen

EVENTS = [
    each for each in vars(events).values() if isinstance(each, type) and issubclass(each, Event) and each is not Event
]
PEOPLE = {"host": True, "supervisor": True, "granted": True, "participant": False, "customer": False}
"""Whether guidance is granted to them. `granted` is a participant."""
ALL, THE_COACHED, NOBODY = frozenset(PEOPLE), frozenset({"host", "supervisor", "granted"}), frozenset[str]()
READERS = {
    **dict.fromkeys(
        [
            "session.state", "session.ending", "participant.joined", "participant.left", "participant.connection",
            "participant.audio", "transcript.partial", "transcript.final", "transcript.revised", "pipeline.status",
            "recording.state", "call.recording", "error", "log.status", "microphone.state", "call.taken_over",
            "call.moved", "pong",
        ],
        ALL,
    ),
    **dict.fromkeys(
        ["guidance.shown", "guidance.withdrawn", "metrics.updated", "usage.warning", "quality.updated"], THE_COACHED
    ),
    **dict.fromkeys(["usage.recorded", "guidance.feedback"], NOBODY),
}  # fmt: skip
ADDRESSED = {
    "role:host": {"host"}, "role:supervisor": {"supervisor"}, "role:participant": {"granted"},
    "participant:customer": {"customer"}, SERVER: NOBODY, EVERYONE: ALL, COACHED: THE_COACHED,
}  # fmt: skip


class Call:
    """A fan-out with one reader of each kind."""

    def __init__(self) -> None:
        self.fanout = Fanout(self._nothing, lambda _seq: [])
        self.screens = {name: Screen() for name in PEOPLE}
        for name, is_coached in PEOPLE.items():
            role = "participant" if name == "granted" else name
            reader = Reader(self.screens[name], name, is_coached, role)
            reader.is_attached = True
            self.fanout.add(reader)

    async def _nothing(self, _after: int, _audiences: object) -> list[LogEntry]:
        return []

    def publish(self, event: type[Event], audience: str) -> set[str]:
        """Who got it."""
        entry = LogEntry(uuid4(), uuid4(), 1, 1, event.type, 0, audience, orjson.dumps(example(event)))
        self.fanout.publish(entry)
        return {name for name, screen in self.screens.items() if screen.events}

    def live(self, event: Event) -> set[str]:
        self.fanout.live(event, 0)
        return {name for name, screen in self.screens.items() if screen.live}


def example(event: type[Event]) -> Event:
    """With a value of each field's kind."""
    hints = typing.get_type_hints(event)
    return event(**{field.name: _value(hints[field.name]) for field in dataclasses.fields(event)})


def _value(hint: Any) -> Any:
    match typing.get_origin(hint):
        case typing.Literal:
            return typing.get_args(hint)[0]
        case types.UnionType | typing.Union:
            return None
        case origin:
            return (origin or hint)()


def test_every_message_has_its_readers_decided() -> None:
    assert READERS.keys() == {event.type for event in EVENTS}


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_it_is_sent_to_them_and_to_nobody_else(event: type[Event]) -> None:
    call = Call()
    sent = call.publish(event, event.audience) if event.channel == "events" else call.live(example(event))
    assert sent == READERS[event.type]


@pytest.mark.parametrize("audience", ADDRESSED)
def test_what_is_addressed_is_read_by_whom_it_names(audience: str) -> None:
    for event in EVENTS:
        if event.channel == "events":
            assert Call().publish(event, audience) == ADDRESSED[audience], event.type
