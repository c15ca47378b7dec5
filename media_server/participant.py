"""One participant in a call: a peer, a stream that is listened to, and what its owner may say and read."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from uuid import UUID, uuid4

from db.tickets import Ticket
from media_server.call_clock import CallClock
from media_server.conversation.media_clock import TrackClock
from media_server.conversation.microphone import MicrophoneState, MicrophoneWatch
from media_server.conversation.types import samples_to_ms
from media_server.conversation.usage import UsageMeter
from media_server.events import ParticipantJoined, ParticipantLeft, Role, Source
from media_server.fanout import Reader
from media_server.pipeline.listen import Stream
from media_server.rtc.audio_input import AudioBlock
from media_server.rtc.mixer import Talker
from media_server.rtc.outbox import Outbox
from media_server.rtc.token_bucket import TokenBucket

SPEAKER_CHARS = 50
"""Width of `transcripts.speaker`."""
UNKNOWN_SPEAKER = "unknown"
REMIND_EVERY_S, REMIND_WELL_S = 1.0, 3.0


@dataclass(frozen=True, slots=True)
class Guest:
    """Who takes part, as the ticket says."""

    id: UUID
    name: str
    role: Role
    source: Source
    shared_mic: bool
    is_coached: bool
    is_consented: bool
    """Without consent one listens only: nothing of this person is heard or transcribed."""

    @classmethod
    def from_ticket(cls, ticket: Ticket) -> Guest:
        return cls(
            id=ticket.participant_id,
            name=ticket.name,
            role=ticket.role,  # type: ignore[arg-type]  # a CHECK holds the set
            source=ticket.source,  # type: ignore[arg-type]
            shared_mic=ticket.shared_mic,
            is_coached=ticket.coached,
            is_consented=ticket.consented,
        )

    @property
    def speaker(self) -> str:
        return UNKNOWN_SPEAKER if self.shared_mic else self.name[:SPEAKER_CHARS]

    def joined(self) -> ParticipantJoined:
        return ParticipantJoined(str(self.id), self.name, self.role, self.source)

    def left(self) -> ParticipantLeft:
        return ParticipantLeft(str(self.id), self.name, self.role, self.source)


class Inbox:
    """A participant's messages: a bucket of `per_s` that refills in a second; beyond it the newest is dropped."""

    def __init__(self, per_s: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._bucket = TokenBucket(per_s, per_s, self._loop.time())
        self._messages: asyncio.Queue[str | bytes] = asyncio.Queue(maxsize=per_s)
        self.dropped = 0

    def put(self, raw: str | bytes) -> None:
        if self._messages.full() or not self._bucket.take(self._loop.time()):
            self.dropped += 1
        else:
            self._messages.put_nowait(raw)

    def take_dropped(self) -> int:
        """How many were dropped since the last call of this."""
        dropped, self.dropped = self.dropped, 0
        return dropped

    async def get(self) -> str | bytes:
        return await self._messages.get()


class Participant:
    """Places the audio of one connection and knows whether it may be heard and listened to."""

    def __init__(self, guest: Guest, clock: CallClock, outbox: Outbox, messages_per_s: int) -> None:
        self.guest = guest
        self.key = uuid4().hex
        """This connection: the same person may come back on another."""
        self.reader = Reader(outbox, str(guest.id), guest.is_coached)
        self.outbox = outbox
        self.inbox = Inbox(messages_per_s)
        self.is_here = False
        """Connected once, and announced."""
        self.is_replaced = False
        """The same person came on another connection: this one counts no more."""
        self.replaces: list[Participant] = []
        """The connections that this one takes over from."""
        self.is_gone = False
        """Announced to have left."""
        self.parted = asyncio.Event()
        """That is written."""
        self.is_on_record = True
        self.stream: Stream | None = None
        self.talker: Talker | None = None
        self.usage = UsageMeter()
        self.microphone = MicrophoneWatch()
        self._told: MicrophoneState = "ok"
        self._told_changed_at = self._told_at = float("-inf")
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._placed = TrackClock()

    @property
    def is_heard(self) -> bool:
        """Somebody may hear this participant now."""
        return self.talker is not None and self.talker.is_wanted

    def microphone_news(self, now_s: float) -> MicrophoneState | None:
        """What to tell of the microphone: a change, and that it is still not well, or well again, every second."""
        state = self.microphone.state
        if state != self._told:
            self._told, self._told_changed_at = state, now_s
        elif now_s - self._told_at < REMIND_EVERY_S or (
            state == "ok" and now_s - self._told_changed_at > REMIND_WELL_S
        ):
            return None
        self._told_at = now_s
        return state

    def hear(self, block: AudioBlock, *, is_listening: bool) -> None:
        """Take one block of audio; what goes on the record is metered."""
        if not self.guest.is_consented or self.is_replaced or not len(block.samples):
            return
        self.microphone.hear(block.samples)
        if self.talker is not None:
            self.talker.write(block.pts, block.heard, self._loop.time())
        start = self._placed.place(block.pts, len(block.samples), self._clock.now_samples())
        if self.stream is None or not is_listening or not self.is_on_record:
            return
        self.stream.write(start, block.samples)
        self.usage.add(samples_to_ms(start), samples_to_ms(start + len(block.samples)))
