"""What one participant alone is told: answers, warnings, and the last word on a connection.

Rules:
- What must arrive is logged for that participant, so that it is replayed; what only counts now is live and may be lost.
- A connection that ends is given a moment for its last message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from media_server import events
from media_server.journal import Journal
from media_server.participant import Participant

GOODBYES, GOODBYE_S = 3, 0.05


class Notices:
    """Of one call."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def tell(self, participant: Participant, code: str, message: str, *, fatal: bool = False) -> None:
        """An error of theirs, kept."""
        error = events.Error(code, message, fatal)
        await self._journal.append(error, audience=f"participant:{participant.guest.id}")

    async def tell_last(self, participant: Participant, code: str, message: str) -> None:
        """Before the connection is closed; whoever does not get it has it replayed."""
        await self.tell(participant, code, message, fatal=True)
        await asyncio.sleep(GOODBYE_S)

    def send_live(self, participant: Participant, event: events.Event) -> None:
        """Not kept."""
        participant.outbox.send_live(self._journal.stamped(event), event.place)

    async def say_last(self, participants: Sequence[Participant], event: events.Event) -> None:
        """A few times, because the channel may lose."""
        for _ in range(GOODBYES):
            for participant in participants:
                self.send_live(participant, event)
            await asyncio.sleep(GOODBYE_S)
