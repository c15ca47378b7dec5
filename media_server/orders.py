"""What whoever moderates a call from outside orders: mute, pause, off the record, guidance by hand.

Rules:
- An order is carried out and told to everybody, or not at all. What it came to is one word.
- An order may come again, when the node could not say in time that it had been carried out: it then changes nothing.
- Guidance by hand has the id of its order. In a later epoch the log is asked whether it was shown already.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

import orjson

from db.records import Command, LogEntry
from media_server.audio_switches import AudioSwitches
from media_server.call_clock import CallClock
from media_server.events import GuidanceShown, GuidanceType
from media_server.journal import Journal
from media_server.outcomes import DONE, NO_PARTICIPANT, NOT_KEPT, UNKNOWN
from media_server.seats import Seats

CUE = "by_hand"
SHOWN_MS = 60_000
Switch = Callable[[bool], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class OrderReach:
    """What of a call orders can reach."""

    journal: Journal
    switches: AudioSwitches
    seats: Seats
    clock: CallClock
    pause: Switch
    put_on_record: Switch
    past: Callable[[Sequence[str]], Awaitable[list[LogEntry]]]
    """What earlier epochs wrote for these audiences."""


class Orders:
    """Of one call."""

    def __init__(self, reach: OrderReach) -> None:
        self._reach = reach

    async def carry_out(self, command: Command) -> str:
        """What came of it, see `outcomes`."""
        match command.kind:
            case "mute" | "unmute":
                return await self._mute(str(command.payload.get("participant_id")), muted=command.kind == "mute")
            case "pause" | "unpause":
                return await self._reach.pause(command.kind == "pause")
            case "off_record" | "on_record":
                return await self._reach.put_on_record(command.kind == "on_record")
            case "guide":
                return await self._guide(command.id, command.payload)
        return UNKNOWN

    async def _mute(self, person: str, *, muted: bool) -> str:
        if person not in self._reach.seats:
            return NO_PARTICIPANT
        return await self._reach.switches.order(UUID(person), muted=muted)

    async def _guide(self, guidance_id: UUID, payload: dict[str, Any]) -> str:
        audience = str(payload["audience"])
        kind, _, whom = audience.partition(":")
        if kind == "role" and not self._reach.seats.has_role(whom):
            return NO_PARTICIPANT
        if kind == "participant" and whom not in self._reach.seats:
            return NO_PARTICIPANT
        if await self._was_shown(str(guidance_id), audience):
            return DONE
        shown = GuidanceShown(
            guidance_id=str(guidance_id),
            guidance_type=cast(GuidanceType, payload["guidance_type"]),
            priority=int(payload["priority"]),
            content=str(payload["content"]),
            evidence=[],
            cue=CUE,
            expires_at_ms=self._reach.clock.now_ms() + SHOWN_MS,
        )
        return DONE if await self._reach.journal.append(shown, audience=audience) else NOT_KEPT

    async def _was_shown(self, guidance_id: str, audience: str) -> bool:
        past = await self._reach.past((audience,))
        return any(
            entry.type == GuidanceShown.type and orjson.loads(entry.payload)["guidance_id"] == guidance_id
            for entry in past
        )
