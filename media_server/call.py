"""One live call: its participants, what is said and heard, and how it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from db.records import Lease, LogEntry
from media_server import events
from media_server.call_clock import CallClock
from media_server.conversation.lag import Lag
from media_server.conversation.types import ms_to_samples, samples_to_ms
from media_server.event_log import EventLog
from media_server.fanout import Fanout
from media_server.journal import Journal
from media_server.log_watch import watch_log
from media_server.participant import Guest, Participant
from media_server.pipeline.advise import Advisor
from media_server.pipeline.listen import Listener
from media_server.pipeline.transcribe import Transcriber
from media_server.recall import recall
from media_server.rtc.audio_input import AudioBlock
from media_server.rtc.mixer import Mixer
from media_server.rtc.peer import Peer, PeerCallbacks
from media_server.scribe import Scribe
from media_server.settings import Settings

log = logging.getLogger(__name__)

TICK_S = 0.1
ADVICE_MS = 250
ANNOUNCE_EVERY_S = 1.0
GOODBYES, GOODBYE_S = 3, 0.05
LATE_MS = 1_000
"""Audio that did not come by then is silence: a stalled line gets its second, a sender that stopped ends its speech."""


SessionHistory = Callable[[UUID, int, Sequence[str]], Awaitable[list[LogEntry]]]
"""Entries of a session after a seq, for these audiences, as far as Postgres has them."""


@dataclass(frozen=True, slots=True)
class CallParts:
    """What a node lends to each of its calls."""

    settings: Settings
    listener: Listener
    transcriber: Transcriber
    history: SessionHistory
    new_advisor: Callable[[str], Advisor]


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a call is over; it completes the session, or leaves it to come back."""

    reason: str
    completes: bool


class Call:
    """States: waiting (no audio yet) → active ⇄ paused → over."""

    def __init__(self, lease: Lease, event_log: EventLog, parts: CallParts) -> None:
        loop = asyncio.get_running_loop()
        self.lease = lease
        self.participants: dict[str, Participant] = {}
        self.empty_since: float | None = loop.time()
        self.joining = 0
        """Offers that are being answered; a call is not given up meanwhile."""
        self.was_used = False
        self.gone = asyncio.Event()
        """Nothing of the call is left; its lease is released."""
        self._loop = loop
        self._parts = parts
        self._limits = parts.settings.limits
        self._clock = CallClock(loop.time, lease.now, lease.recording_started_at)
        self._fanout = Fanout(partial(parts.history, lease.session_id), event_log.entries_after)
        self._journal = Journal(event_log, self._fanout, self._clock, lambda: self.end("lease lost", completes=False))
        self._mixer = Mixer()
        self._advisor = parts.new_advisor(lease.conversation_type or "")
        self._lag = Lag()
        self._peers: dict[str, Peer] = {}
        self._is_paused = lease.paused
        self._ending: Ending | None = None
        self._over = asyncio.Event()
        self._started = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None
        event_log.subscribe(self._fanout.publish)

    # life

    async def run(self) -> None:
        """Live until the call is over."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            await self._recall()
            background = [
                tasks.create_task(self._mixer.run()),
                tasks.create_task(self._tick_often()),
                tasks.create_task(watch_log(self._journal)),
            ]
            self._started.set()
            await self._over.wait()
            await self._wind_up()
            for task in background:
                task.cancel()

    async def _recall(self) -> None:
        """In a later epoch: take up what the log knows, and say goodbye to those whom the earlier one lost."""
        if self.lease.epoch == 1:
            return
        here = recall(await self._parts.history(self.lease.session_id, 0, (events.EVERYONE,)), self._advisor)
        for left in here.values():
            await self._journal.append(left)

    def end(self, reason: str, *, completes: bool = True) -> None:
        """Begin to end the call; the first reason counts."""
        if self._ending is None:
            self._ending = Ending(reason, completes)
            self._over.set()

    @property
    def is_over(self) -> bool:
        return self._ending is not None

    def has(self, guest: Guest) -> bool:
        """Whether they are here, on another connection."""
        return any(one.guest.id == guest.id for one in self.participants.values())

    async def answer(self, guest: Guest, offer: str) -> tuple[Participant, Peer, str]:
        """Answer one offer; nothing of it is part of the call until `admit`."""
        await self._started.wait()
        pending: list[Participant] = []
        peer = Peer(
            self._limits,
            PeerCallbacks(
                on_audio=lambda block: self._hear(pending[0], block),
                on_message=lambda raw: pending[0].inbox.put(raw),  # noqa: PLW0108 - filled below
                is_heard=lambda: pending[0].is_heard,
            ),
        )
        participant = Participant(guest, self._clock, peer.outbox, self._limits.messages_per_s)
        pending.append(participant)
        try:
            answer = await peer.answer(offer, self._mixer.add_listener(participant.key))
        except BaseException:
            self._mixer.remove(participant.key)
            await peer.close()
            raise
        return participant, peer, answer

    async def refuse(self, participant: Participant, peer: Peer) -> None:
        """Take back an answer that nobody may have."""
        self._mixer.remove(participant.key)
        await peer.close()

    def admit(self, participant: Participant, peer: Peer) -> None:
        """Make an answered participant part of the call."""
        assert self._tasks is not None  # noqa: S101 - `answer` waited for it
        participant.replaces = [one for one in self.participants.values() if one.guest.id == participant.guest.id]
        for older in participant.replaces:
            self._replace(older, self._tasks)
        self.participants[participant.key] = participant
        self._peers[participant.key] = peer
        self.empty_since = None
        self.was_used = True
        self._tasks.create_task(self._host(participant, peer))

    def _replace(self, older: Participant, tasks: asyncio.TaskGroup) -> None:
        """The newest connection of a person counts: from here on an older one is not heard."""
        if older.is_replaced:
            return
        older.is_replaced = True
        if older.stream is not None:
            self._parts.listener.remove_stream(older.stream)
            older.stream = None
        tasks.create_task(self._send_away(older, self._peers[older.key]))

    async def _send_away(self, older: Participant, peer: Peer) -> None:
        """Who is not told comes back, and takes over in turn: so a few times, because the channel may lose."""
        await self._say_goodbye(older)
        waits = int(self._limits.close_s / GOODBYE_S)
        while waits and older.outbox.is_opening:
            waits -= 1
            await asyncio.sleep(GOODBYE_S)
        for _ in range(GOODBYES):
            older.outbox.send_live(events.encode(events.TakenOver.type, {}, self._clock.now_ms()))
            await asyncio.sleep(GOODBYE_S)
        peer.leave()

    def remove(self, key: str) -> None:
        """Make one participant leave."""
        if key in self._peers:
            self._peers[key].leave()

    async def _host(self, participant: Participant, peer: Peer) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(peer.run())
                reading = tasks.create_task(self._read_messages(participant))
                if await peer.connected():
                    await self._welcome(participant)
                await running
                reading.cancel()
        except* Exception as failure:
            for error in failure.exceptions:
                kind = type(error).__name__
                log.error("participant failed session=%s kind=%s", self.lease.session_id, kind, exc_info=error)
        finally:
            await self._part_with(participant, peer)

    async def _welcome(self, participant: Participant) -> None:
        guest = participant.guest
        await self._see_off([older for older in participant.replaces if older.is_here])
        if participant.is_replaced:
            return
        participant.is_here = True
        self._fanout.add(participant.reader)
        self._advisor.participant_joined(str(guest.id), guest.name, guest.role)
        await self._journal.append(guest.joined())
        if not guest.is_consented or participant.is_replaced:
            return
        participant.talker = self._mixer.add_talker(participant.key)
        scribe = Scribe(guest, self._journal, self._advisor, self._parts.listener, self._parts.transcriber)
        participant.stream = scribe.stream

    async def _see_off(self, older: Sequence[Participant]) -> None:
        """The log says that a person left before it says that they are back."""
        try:
            async with asyncio.timeout(self._limits.close_s):
                for one in older:
                    await one.parted.wait()
        except TimeoutError:
            log.warning("an older connection was not closed in time session=%s", self.lease.session_id)

    async def _part_with(self, participant: Participant, peer: Peer) -> None:
        self._mixer.remove(participant.key)
        self._fanout.remove(participant.reader)
        if participant.stream is not None:
            self._parts.listener.remove_stream(participant.stream)
        self.participants.pop(participant.key, None)
        self._peers.pop(participant.key, None)
        if not self.participants:
            self.empty_since = self._loop.time()
        try:
            await self._say_goodbye(participant)
        finally:
            await peer.close()

    async def _say_goodbye(self, participant: Participant) -> None:
        """Once, and only of somebody who was announced."""
        if not participant.is_here or participant.is_gone:
            return
        participant.is_gone = True
        try:
            self._advisor.participant_left(str(participant.guest.id))
            await self._end_usage(participant)
            await self._journal.append(participant.guest.left())
        finally:
            participant.parted.set()

    # what is said

    def _hear(self, participant: Participant, block: AudioBlock) -> None:
        if not self._clock.is_started and participant.guest.is_consented:
            self._begin(len(block.samples))
        participant.hear(block, is_listening=not self._is_paused and not self.is_over)

    def _begin(self, samples: int) -> None:
        self._clock.start(ago_ms=samples_to_ms(samples))
        if self._tasks is not None:
            self._tasks.create_task(self._announce_start())

    async def _announce_start(self) -> None:
        """Until it is kept: without it the session would stay a draft."""
        started = events.SessionStateChanged("active", "recording")
        row = {"started_at": self._clock.started_at().isoformat()}
        while True:
            if await self._journal.append(started, row=row) or self.is_over:
                return
            await asyncio.sleep(ANNOUNCE_EVERY_S)

    # what time brings

    async def _tick_often(self) -> None:
        next_advice_ms = 0
        while True:
            await asyncio.sleep(TICK_S)
            now_ms = self._clock.now_ms()
            if not self._clock.is_started:
                continue
            for participant in self.participants.values():
                if participant.stream is not None:
                    participant.stream.advance(ms_to_samples(max(0, now_ms - LATE_MS)))
            for participant in list(self.participants.values()):
                self._tell_microphone(participant)
                await self._tell_usage(participant)
            lag_ms = self._parts.transcriber.lag_ms
            if self._lag.is_news(lag_ms):
                await self._journal.append(events.PipelineStatus(lag_ms, "full"))
            if now_ms >= next_advice_ms and not self._is_paused:
                next_advice_ms = now_ms + ADVICE_MS
                await self._advise(now_ms)

    def _tell_microphone(self, participant: Participant) -> None:
        """To its owner alone, and more than once, since the channel may lose."""
        state = participant.microphone_news(self._loop.time())
        if state is not None:
            participant.outbox.send_live(
                events.encode(events.MicrophoneStateChanged.type, {"state": state}, self._clock.now_ms())
            )

    async def _advise(self, now_ms: int) -> None:
        for event in self._advisor.tick(now_ms):
            if event.channel == "live":
                self._journal.live(event)
            else:
                await self._journal.append(event)

    # what is charged

    async def _tell_usage(self, participant: Participant) -> None:
        for interval in participant.usage.take():
            await self._journal.append(
                events.UsageRecorded(str(participant.guest.id), interval.from_ms, interval.to_ms)
            )

    async def _end_usage(self, participant: Participant) -> None:
        participant.usage.end()
        await self._tell_usage(participant)

    async def _end_everybodys_usage(self) -> None:
        for participant in list(self.participants.values()):
            await self._end_usage(participant)

    # what participants ask for

    async def _read_messages(self, participant: Participant) -> None:
        while True:
            raw = await participant.inbox.get()
            try:
                await self._obey(participant, events.decode_client_message(raw))
            except events.BadMessageError as error:
                await self._tell(participant, error.code, str(error))
            if dropped := participant.inbox.take_dropped():
                await self._tell(participant, "too_many_messages", f"{dropped} messages were dropped; send fewer.")

    async def _obey(self, participant: Participant, message: events.ClientMessage) -> None:
        guest = participant.guest
        match message:
            case events.Hello(last_seq):
                await self._fanout.attach(participant.reader, last_seq)
            case events.Ping():
                participant.outbox.send_live(events.encode(events.Pong.type, {}, self._clock.now_ms()))
            case events.SetRecording(on_record):
                participant.is_on_record = on_record
                if not on_record:
                    await self._end_usage(participant)
                state: events.RecordingState = "on_record" if on_record else "off_record"
                await self._journal.append(events.RecordingStateChanged(state, str(guest.id)))
            case events.SendGuidanceFeedback(guidance_id) if not _is_uuid(guidance_id):
                await self._tell(participant, "message_invalid", "The field guidance_id is no id.")
            case events.SendGuidanceFeedback(guidance_id, action) if guest.is_coached:
                await self._journal.append(events.GuidanceFeedback(guidance_id, str(guest.id), action))
                if action in ("dismissed", "irrelevant"):
                    self._advisor.dismissed(guidance_id)
            case events.PauseSession() if guest.role == "host":
                await self._pause(True)
            case events.UnpauseSession() if guest.role == "host":
                await self._pause(False)
            case events.EndSession() if guest.role == "host":
                self.end("ended by host")
            case _:
                await self._tell(participant, "forbidden", "Your role in this call does not allow that.")

    async def _pause(self, is_paused: bool) -> None:
        if is_paused == self._is_paused or not self._clock.is_started:
            return
        self._is_paused = is_paused
        await self._end_everybodys_usage()
        if not await self._journal.append(events.SessionStateChanged("paused" if is_paused else "active", "by host")):
            self._is_paused = not is_paused  # nobody was told

    async def _tell(self, participant: Participant, code: str, message: str) -> None:
        await self._journal.append(events.Error(code, message), audience=f"participant:{participant.guest.id}")

    # the end

    async def _wind_up(self) -> None:
        """Everything that was said becomes final before anybody is told that it is over."""
        assert self._ending is not None  # noqa: S101 - `run` waited for it
        await self._end_everybodys_usage()
        for participant in self.participants.values():
            if participant.stream is not None:
                self._parts.listener.remove_stream(participant.stream)
        await self._parts.transcriber.drain(self._limits.drain_s if self._ending.completes else self._limits.settle_s)
        if self._ending.completes:
            await self._finalize(self._ending.reason)
        await self._flush_outboxes()
        for peer in list(self._peers.values()):
            peer.leave()

    async def _finalize(self, reason: str) -> None:
        if not self._clock.is_started:
            # Nothing was recorded, so nothing is completed: whoever comes again finds the session as it was.
            await self._journal.append(events.SessionStateChanged("draft", reason))
            return
        await self._advise(self._clock.now_ms())
        await self._journal.append(
            events.SessionStateChanged("finalizing", reason), row={"ended_at": self._clock.wall().isoformat()}
        )

    async def _flush_outboxes(self) -> None:
        """Give the last messages half a second to leave."""
        for _ in range(10):
            if not any(participant.outbox.buffered_bytes for participant in self.participants.values()):
                break
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.05)


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
