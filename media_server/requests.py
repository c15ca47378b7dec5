"""What participants ask for through their data channels: each message is decoded, allowed or refused, and done.

Rules:
- A message that is malformed, or that a role does not allow, is answered with a stable code and changes nothing.
- `hello` is answered beside everything else: a long replay waits for its reader, and for nobody else's messages.
- What came too fast was dropped; its sender is told once a second, and loses the connection if that goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from media_server import events
from media_server.audio_switches import AudioSwitches
from media_server.charging import Charging
from media_server.fanout import Fanout
from media_server.journal import Journal
from media_server.notices import Notices
from media_server.participant import Participant
from media_server.pipeline.advise import Advisor
from media_server.rtc.peer import Peer
from media_server.seats import Seats
from media_server.settings import Limits

OVERRUN_S = 1.0
FORBIDDEN = "forbidden"
TOO_MANY_MESSAGES = "too_many_messages"


@dataclass(frozen=True, slots=True)
class Reach:
    """What of a call requests can reach."""

    journal: Journal
    fanout: Fanout
    notices: Notices
    charging: Charging
    switches: AudioSwitches
    advisor: Advisor
    seats: Seats
    pause: Callable[[bool], Awaitable[object]]
    end: Callable[[str], None]


class Requests:
    """Of one call."""

    def __init__(self, reach: Reach, limits: Limits) -> None:
        self._reach = reach
        self._limits = limits
        self._notices = reach.notices

    async def read(self, participant: Participant) -> None:
        """Obey one message after the other, until cancelled."""
        while True:
            raw = await participant.inbox.get()
            try:
                await self._obey(participant, events.decode_client_message(raw))
            except events.BadMessageError as error:
                await self._notices.tell(participant, error.code, str(error))

    async def catch_up(self, participant: Participant) -> None:
        """Answer each `hello`, until cancelled."""
        while True:
            hello = await participant.hellos.get()
            await self._reach.fanout.attach(participant.reader, hello.last_seq)

    async def watch_overruns(self, participant: Participant, peer: Peer) -> None:
        """Tell at most once a second what was dropped, and close whoever floods for long."""
        flooded_s = 0
        while flooded_s < self._limits.flood_messages_s:
            dropped = await participant.inbox.overrun()
            flooded_s = flooded_s + 1 if dropped > self._limits.flood_messages_per_s else 0
            await self._notices.tell(participant, TOO_MANY_MESSAGES, f"{dropped} messages were dropped; send fewer.")
            await asyncio.sleep(OVERRUN_S)
        await self._notices.tell_last(
            participant, TOO_MANY_MESSAGES, "You were disconnected for the messages you sent."
        )
        peer.leave()

    async def _obey(self, participant: Participant, message: events.ClientMessage) -> None:
        guest, reach = participant.guest, self._reach
        match message:
            case events.Hello():
                participant.greet(message)
            case events.Ping():
                self._notices.send_live(participant, events.Pong())
            case events.SetRecording(on_record):
                participant.seat.is_on_record = on_record
                if not on_record:
                    await reach.charging.end([participant])
                state: events.RecordingState = "on_record" if on_record else "off_record"
                await reach.journal.append(events.RecordingStateChanged(state, str(guest.id)))
            case events.SetAudio() | events.MuteParticipant():
                await self._switch_audio(participant, message)
            case events.SendGuidanceFeedback(guidance_id) if not _is_uuid(guidance_id):
                await self._notices.tell(participant, "message_invalid", "The field guidance_id is no id.")
            case events.SendGuidanceFeedback(guidance_id, action) if guest.is_coached:
                await reach.journal.append(events.GuidanceFeedback(guidance_id, str(guest.id), action))
                if action in ("dismissed", "irrelevant"):
                    reach.advisor.dismissed(guidance_id)
            case events.PauseSession() if guest.role == "host":
                await reach.pause(True)
            case events.UnpauseSession() if guest.role == "host":
                await reach.pause(False)
            case events.EndSession() if guest.role == "host":
                reach.end("ended by host")
            case _:
                await self._notices.tell(participant, FORBIDDEN, "Your role in this call does not allow that.")

    async def _switch_audio(self, participant: Participant, message: events.SetAudio | events.MuteParticipant) -> None:
        by, switches = participant.guest, self._reach.switches
        match message:
            case events.SetAudio(muted, deafened):
                await switches.switch(by.id, muted=muted, deafened=deafened, by=by.id)
            case events.MuteParticipant() if by.role != "host":
                await self._notices.tell(participant, FORBIDDEN, "Only the host mutes others.")
            case events.MuteParticipant(person) if person in self._reach.seats:
                await switches.switch(UUID(person), muted=True, deafened=None, by=by.id)
            case _:
                await self._notices.tell(participant, "participant_unknown", "Nobody in this call has that id.")


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
