"""What is charged of a call: each participant's runs of audio, as they end."""

from __future__ import annotations

from collections.abc import Iterable

from media_server import events
from media_server.journal import Journal
from media_server.participant import Participant


class Charging:
    """Of one call."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def tell(self, participant: Participant) -> None:
        """Report the runs that are complete."""
        for interval in participant.usage.take():
            await self._journal.append(
                events.UsageRecorded(str(participant.guest.id), interval.from_ms, interval.to_ms)
            )

    async def end(self, participants: Iterable[Participant]) -> None:
        """End the runs in progress, and report them."""
        for participant in list(participants):
            participant.usage.end()
            await self.tell(participant)
