"""What somebody switches off counts at once, on every connection of theirs; what nobody can be told does not count."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from media_server.audio_switches import AudioSwitches
from media_server.call_clock import CallClock
from media_server.conversation.audibility import AudioState
from media_server.participant import Guest, Participant
from media_server.rtc.mixer import Mixer
from media_server.settings import Limits

ANN, BOB = uuid4(), uuid4()


class Journal:
    """A log that keeps what it is given, or refuses it."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.is_kept = True

    async def append(self, event: Any) -> bool:
        self.told.append((event.participant_id, event.muted, event.deafened, event.by))
        await asyncio.sleep(0)
        return self.is_kept


class Room:
    def __init__(self) -> None:
        self.journal, self.mixer = Journal(), Mixer()
        self.participants: dict[str, Participant] = {}
        self.switches = AudioSwitches(self.participants, self.mixer, self.journal)  # type: ignore[arg-type]

    def join(self, person: Any) -> Participant:
        loop = asyncio.get_running_loop()
        guest = Guest(person, "A", "host", "browser", shared_mic=False, is_coached=False, is_consented=True)
        clock = CallClock(loop.time, datetime.now(UTC), None)
        one = Participant(guest, clock, outbox=None, limits=Limits())  # type: ignore[arg-type]
        self.participants[one.key] = one
        one.talker = self.mixer.add_talker(one.key)
        self.mixer.add_listener(one.key, lambda payload, pts: None)
        self.switches.apply(one)
        return one

    async def switch(self, person: Any, muted: bool | None = None, deafened: bool | None = None) -> None:
        await self.switches.switch(person, muted=muted, deafened=deafened, by=person)


async def test_muting_counts_in_the_mix_before_anybody_is_told() -> None:
    room = Room()
    ann, bob = room.join(ANN), room.join(BOB)
    assert bob.is_heard
    switching = asyncio.create_task(room.switch(BOB, muted=True))
    await asyncio.sleep(0)
    assert not switching.done()
    assert (bob.is_muted, bob.is_heard) == (True, False)
    assert not room.mixer.audibility.may_hear(ann.key, bob.key)
    assert room.mixer.audibility.may_hear(bob.key, ann.key)
    await switching


async def test_who_is_deafened_hears_nobody() -> None:
    room = Room()
    ann, bob = room.join(ANN), room.join(BOB)
    await room.switch(BOB, deafened=True)
    assert not room.mixer.audibility.may_hear(bob.key, ann.key)
    assert room.mixer.audibility.may_hear(ann.key, bob.key)


async def test_a_change_is_told_and_nothing_else_is() -> None:
    room = Room()
    room.join(BOB)
    await room.switch(BOB, muted=False)
    await room.switch(BOB)
    await room.switch(BOB, muted=True)
    await room.switch(BOB, deafened=True)
    await room.switch(BOB, muted=True, deafened=True)
    assert room.journal.told == [(str(BOB), True, False, str(BOB)), (str(BOB), True, True, str(BOB))]


async def test_every_connection_of_a_person_is_switched_and_so_is_the_next_one() -> None:
    room = Room()
    before = room.join(BOB)
    await room.switch(BOB, muted=True)
    after = room.join(BOB)
    assert (before.is_muted, after.is_muted) == (True, True)
    await room.switch(BOB, muted=False)
    assert (before.is_muted, after.is_muted) == (False, False)


async def test_who_cannot_be_told_of_stays_muted_and_is_muted_all_the_same() -> None:
    room = Room()
    bob = room.join(BOB)
    room.journal.is_kept = False
    await room.switch(BOB, muted=True)
    assert bob.is_muted
    await room.switch(BOB, muted=False)
    assert (bob.is_muted, bob.is_heard) == (True, False)


async def test_an_earlier_epochs_switches_are_taken_up() -> None:
    room = Room()
    room.join(ANN)
    room.switches.take_up({BOB: AudioState(muted=True), ANN: AudioState(deafened=True)})
    assert room.join(BOB).is_muted
    assert room.mixer.audibility.deafened == {key for key, one in room.participants.items() if one.guest.id == ANN}
