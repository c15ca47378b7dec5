"""One participant in a call: a peer, a stream that is listened to, and what its owner may say and read."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from uuid import UUID, uuid4

from db.tickets import Ticket
from media_server.call_clock import CallClock
from media_server.conversation.echo import EchoWatch
from media_server.conversation.media_clock import TrackClock
from media_server.conversation.microphone import MicrophoneState, MicrophoneWatch
from media_server.conversation.pace import Pace
from media_server.conversation.quality import QualityWindow
from media_server.conversation.types import SAMPLE_RATE_HZ, ms_to_samples, samples_to_ms
from media_server.conversation.usage import UsageMeter
from media_server.events import Hello, ParticipantJoined, Role, Source
from media_server.fanout import Reader
from media_server.pipeline.listen import Stream
from media_server.rtc.audio_input import AudioBlock
from media_server.rtc.mixer import Talker
from media_server.rtc.outbox import Outbox
from media_server.rtc.token_bucket import TokenBucket
from media_server.seats import Seat
from media_server.settings import Limits
from media_server.telemetry import PACKETS_DROPPED

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
        return ParticipantJoined(str(self.id), self.name, self.role, self.source, not self.is_consented)


class Inbox:
    """A participant's messages: a bucket of `per_s` that refills in a second; beyond it the newest is dropped."""

    def __init__(self, per_s: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._bucket = TokenBucket(per_s, per_s, self._loop.time())
        self._messages: asyncio.Queue[str | bytes] = asyncio.Queue(maxsize=per_s)
        self._dropped = 0
        self._overran = asyncio.Event()

    def put(self, raw: str | bytes) -> None:
        if self._messages.full() or not self._bucket.take(self._loop.time()):
            self._dropped += 1
            self._overran.set()
        else:
            self._messages.put_nowait(raw)

    async def get(self) -> str | bytes:
        return await self._messages.get()

    async def overrun(self) -> int:
        """Wait until something was dropped; how much since the last call of this."""
        await self._overran.wait()
        self._overran.clear()
        dropped, self._dropped = self._dropped, 0
        return dropped


class Participant:
    """Places the audio of one connection and knows whether it may be heard and listened to."""

    def __init__(self, guest: Guest, clock: CallClock, outbox: Outbox, limits: Limits) -> None:
        self.guest = guest
        self.key = uuid4().hex
        """This connection: the same person may come back on another."""
        self.reader = Reader(outbox, str(guest.id), guest.is_coached, guest.role)
        self.outbox = outbox
        self.inbox = Inbox(limits.messages_per_s)
        self.hellos: asyncio.Queue[Hello] = asyncio.Queue(maxsize=1)
        """The newest one that nobody has begun to answer."""
        self.seat = Seat(guest.joined())
        """The person's own in this call, once the call has admitted them."""
        self.is_leaving = False
        """Of their own accord."""
        self.is_replaced = False
        """The same person came on another connection: this one counts no more."""
        self.is_muted = False
        self.stream: Stream | None = None
        self.talker: Talker | None = None
        self.usage = UsageMeter()
        self.microphone = MicrophoneWatch()
        self.line = QualityWindow()
        self.here_since: float | None = None
        """Loop time; as long as they are here."""
        self.echo: EchoWatch | None = None
        self._told: MicrophoneState = "ok"
        self._told_changed_at = self._told_at = float("-inf")
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._placed = TrackClock(ms_to_samples(round(1000 * limits.audio_ahead_s)))
        self.pace = Pace(limits.audio_dropped_s)

    @property
    def is_heard(self) -> bool:
        """Somebody may hear this participant now."""
        return self.talker is not None and self.talker.is_wanted

    def microphone_news(self, now_s: float) -> MicrophoneState | None:
        """What to tell of the microphone: a change, and that it is still not well, or well again, every second."""
        state = self._microphone_state()
        if state != self._told:
            self._told, self._told_changed_at = state, now_s
        elif now_s - self._told_at < REMIND_EVERY_S or (
            state == "ok" and now_s - self._told_changed_at > REMIND_WELL_S
        ):
            return None
        self._told_at = now_s
        return state

    def judge_echo(self) -> None:
        """Compare what was sent with what came back, once there is a second of it."""
        if self.echo is None or self.stream is None or self.is_muted:
            return
        ahead = round(self._loop.time() * SAMPLE_RATE_HZ) - self._clock.now_samples()  # of the call's time
        if (span := self.echo.due(self.stream.end_sample + ahead)) is not None:
            self.echo.judge(self.stream.read(span[0] - ahead, span[1] - ahead))

    def _microphone_state(self) -> MicrophoneState:
        is_echoing = self.echo is not None and self.echo.is_echoing and not self.is_muted
        return "echoing" if is_echoing and self.microphone.state == "ok" else self.microphone.state

    def greet(self, hello: Hello) -> None:
        """Have this `hello` answered, instead of an earlier one that waits."""
        if self.hellos.full():
            self.hellos.get_nowait()
        self.hellos.put_nowait(hello)

    def mute(self, is_muted: bool) -> None:
        """From now on nothing of this connection is used, or it is again; speech in progress ends here."""
        if is_muted == self.is_muted:
            return
        self.is_muted = is_muted
        self.microphone.forget()
        self.usage.end()
        if is_muted and self.stream is not None:
            self.stream.finish()

    @property
    def is_audible(self) -> bool:
        """What comes may be used at all."""
        return self.guest.is_consented and not self.is_muted and not self.is_replaced

    def hear(self, block: AudioBlock, *, is_listening: bool, is_call_on_record: bool = True) -> None:
        """Take one block of audio. It is usage unless they went off the record themselves; a call's changes nothing."""
        if not self.guest.is_consented or self.is_replaced or not len(block.samples):
            return
        start = self._placed.place(block.pts, len(block.samples), self._clock.now_samples())
        if start is None:
            PACKETS_DROPPED.labels("pace").inc()
            self.pace.drop(len(block.samples), self._loop.time())
            return
        if self.is_muted:
            return
        self.microphone.hear(block.samples)
        if self.talker is not None:
            self.talker.write(block.pts, block.heard, self._loop.time())
        if self.stream is None or not is_listening or not self.seat.is_on_record:
            return
        if is_call_on_record:
            self.stream.write(start, block.samples)
        self.usage.add(samples_to_ms(start), samples_to_ms(start + len(block.samples)))
