"""One live call: its participants, what is said and heard, and how it ends."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from db.records import Command, Lease, LogEntry
from media_server import events
from media_server.audio_switches import AudioSwitches
from media_server.call_clock import CallClock
from media_server.call_watch import CallWatch
from media_server.charging import Charging
from media_server.conversation.pipeline_news import PipelineNews
from media_server.conversation.types import ms_to_samples, samples_to_ms
from media_server.event_log import EventLog
from media_server.fanout import Fanout
from media_server.journal import Journal
from media_server.log_watch import watch_log
from media_server.notices import GOODBYE_S, Notices
from media_server.orders import OrderReach, Orders
from media_server.outcomes import DONE, NOT_KEPT, NOT_STARTED
from media_server.participant import Guest, Participant
from media_server.pipeline.advise import Advisor
from media_server.pipeline.listen import Listener
from media_server.pipeline.transcribe import Transcriber
from media_server.quality_watch import QualityWatch
from media_server.recall import recall, recall_audio, recall_imposed, recall_level, recall_record
from media_server.requests import Reach, Requests
from media_server.rtc.audio_input import AudioBlock
from media_server.rtc.mixer import Mixer
from media_server.rtc.peer import Peer, PeerCallbacks
from media_server.scribe import Scribe
from media_server.seats import Seats
from media_server.settings import Settings

log = logging.getLogger(__name__)

TICK_S = 0.1
ADVICE_MS = 250
ANNOUNCE_EVERY_S = 1.0
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
    hand_over: Callable[[UUID], Awaitable[None]]
    """Lets any node have the session, with all that was said."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a call is over; it completes the session, or leaves it to come back."""

    reason: str
    completes: bool
    within_ms: int | None = None
    """In which time people are to join the next node; None: the call is not moved."""


class Call:
    """States: waiting (no audio yet) → active ⇄ paused → over."""

    def __init__(self, lease: Lease, event_log: EventLog, parts: CallParts) -> None:
        loop = asyncio.get_running_loop()
        self.lease = lease
        self.participants: dict[str, Participant] = {}
        """Connections, by key."""
        self.seats = Seats(parts.settings.reconnect_s)
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
        self._switches = AudioSwitches(self.participants, self._mixer, self._journal)
        self._advisor = parts.new_advisor(lease.conversation_type or "")
        self._pipeline_news = PipelineNews()
        self._peers: dict[str, Peer] = {}
        self._notices = Notices(self._journal)
        self._charging = Charging(self._journal)
        self._quality = QualityWatch(self._journal, self.participants, self._peers, lease.session_id)
        self._watch = CallWatch(
            parts.settings,
            journal=self._journal,
            notices=self._notices,
            charging=self._charging,
            advisor=self._advisor,
            participants=self.participants,
            peers=self._peers,
            end=self.end,
        )
        self._requests = Requests(
            Reach(
                journal=self._journal,
                fanout=self._fanout,
                notices=self._notices,
                charging=self._charging,
                switches=self._switches,
                advisor=self._advisor,
                seats=self.seats,
                pause=self._pause,
                end=self.end,
            ),
            self._limits,
        )
        self._orders = Orders(
            OrderReach(
                journal=self._journal,
                switches=self._switches,
                seats=self.seats,
                clock=self._clock,
                pause=partial(self._pause, reason="ordered"),
                put_on_record=self._put_on_record,
                past=self._past,
            )
        )
        self._is_paused = lease.paused
        self._is_on_record = True
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
                tasks.create_task(self._quality.run()),
                tasks.create_task(watch_log(self._journal)),
            ]
            self._started.set()
            await self._over.wait()
            await self._wind_up()
            for task in background:
                task.cancel()

    async def _recall(self) -> None:
        """In a later epoch: take up what the log knows, and keep the places of those whom the earlier one lost."""
        if self.lease.epoch == 1:
            return
        past = await self._parts.history(self.lease.session_id, 0, (events.EVERYONE,))
        self._switches.take_up(recall_audio(past), recall_imposed(past))
        self._is_on_record = recall_record(past)
        self._pipeline_news.recall(recall_level(past))
        for participant_id, known in recall(past, self._advisor).items():
            self.seats.keep(known.joined, is_on_record=known.is_on_record, now=self._loop.time())
            if not known.is_away:
                await self._journal.append(events.ParticipantConnection(participant_id, "reconnecting"))

    def end(self, reason: str, *, completes: bool = True) -> None:
        """Begin to end the call; the first reason counts."""
        if self._ending is None:
            self._ending = Ending(reason, completes)
            self._over.set()

    def move(self, within_ms: int) -> None:
        """End the call here, so that it goes on wherever its people join again."""
        if self._ending is None:
            self._ending = Ending("moved", completes=False, within_ms=within_ms)
            self._over.set()

    @property
    def is_over(self) -> bool:
        return self._ending is not None

    def has(self, guest: Guest) -> bool:
        """Whether they have a place, on another connection or while they are away."""
        return str(guest.id) in self.seats

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
        participant = Participant(guest, self._clock, peer.outbox, self._limits)
        pending.append(participant)
        self._mixer.add_listener(participant.key, peer.sender.send, peer.sender.lost)
        try:
            answer = await peer.answer(offer)
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
        for older in self.participants.values():
            if older.guest.id == participant.guest.id:
                self._replace(older, self._tasks)
        is_new = not self.has(participant.guest)
        participant.seat = self.seats.take(participant.guest.joined(), participant.key)
        self.participants[participant.key] = participant
        self._peers[participant.key] = peer
        self._switches.apply(participant)
        if is_new and not participant.outbox.has_channels:
            self._tasks.create_task(self._switches.begin_anew(participant.guest.id))
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
        """Who is not told comes back, and takes over in turn."""
        await self._charging.end([older])
        waits = int(self._limits.close_s / GOODBYE_S)
        while waits and older.outbox.is_opening:
            waits -= 1
            await asyncio.sleep(GOODBYE_S)
        await self._notices.say_last([older], events.TakenOver())
        peer.leave()

    def remove(self, key: str) -> None:
        """Who came on this connection leaves; it may be lost already."""
        if key in self._peers:
            self.participants[key].is_leaving = True
            self._peers[key].leave()
        elif self._tasks is not None and not self.is_over:
            self._tasks.create_task(self._announce(self.seats.leave(key)))

    async def obey(self, command: Command) -> str:
        """Carry out what somebody orders from outside; what came of it."""
        await self._started.wait()
        return await self._orders.carry_out(command)

    def send_away(self, participant_id: str) -> bool:
        """Who may not be here any more leaves, told or away; False for somebody who is not here."""
        if self._tasks is None or self.is_over or participant_id not in self.seats:
            return False
        here = [each for each in self.participants.values() if str(each.guest.id) == participant_id]
        for participant in here:
            self._tasks.create_task(self._see_off(participant))
        if not here:
            self._tasks.create_task(self._announce(self.seats.dismiss(participant_id)))
        return True

    def tell_revision(self, payload: dict[str, Any]) -> bool:
        """Somebody corrected what a final says; False for what tells no correction."""
        names = ("transcript_id", "revision", "text", "speaker")
        if self._tasks is None or self.is_over or not payload.keys() >= set(names):
            return False
        self._tasks.create_task(self._announce(events.TranscriptRevised(*(payload[name] for name in names))))
        return True

    async def _see_off(self, participant: Participant) -> None:
        await self._notices.tell_last(participant, "removed", "You were removed from this call.")
        self.remove(participant.key)

    async def _host(self, participant: Participant, peer: Peer) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(peer.run())
                reading = [
                    tasks.create_task(self._requests.read(participant)),
                    tasks.create_task(self._requests.catch_up(participant)),
                    tasks.create_task(self._requests.watch_overruns(participant, peer)),
                ]
                if await peer.connected():
                    await self._welcome(participant)
                await running
                for task in reading:
                    task.cancel()
                if peer.cut_off_code is not None and participant.here_since is not None:
                    await self._notices.tell_last(
                        participant, peer.cut_off_code, "You were disconnected for what you sent."
                    )
        except* Exception as failure:
            for error in failure.exceptions:
                kind = type(error).__name__
                log.error("participant failed session=%s kind=%s", self.lease.session_id, kind, exc_info=error)
        finally:
            await self._part_with(participant, peer)

    async def _welcome(self, participant: Participant) -> None:
        guest = participant.guest
        if participant.is_replaced:
            return
        self._quality.arrive(participant)
        self._fanout.add(participant.reader)
        await self._announce(self.seats.connected(participant.seat))
        if not guest.is_consented or participant.is_replaced:
            return
        participant.talker = self._mixer.add_talker(participant.key)
        participant.echo = self._mixer.echo_of(participant.key)
        scribe = Scribe(guest, self._journal, self._advisor, self._parts.listener, self._parts.transcriber)
        participant.stream = scribe.stream

    async def _part_with(self, participant: Participant, peer: Peer) -> None:
        self._quality.part(participant, peer)
        self._mixer.remove(participant.key)
        self._fanout.remove(participant.reader)
        if participant.stream is not None:
            self._parts.listener.remove_stream(participant.stream)
        self.participants.pop(participant.key, None)
        self._peers.pop(participant.key, None)
        if not self.participants:
            self.empty_since = self._loop.time()
        news = self._vacate(participant)
        try:
            await self._charging.end([participant])
            await self._announce(news)
        finally:
            await peer.close()

    def _vacate(self, participant: Participant) -> events.Event | None:
        """What the others are to be told; nothing when the call goes on elsewhere, where the place is kept."""
        if participant.is_leaving or (self._ending is not None and self._ending.completes):
            return self.seats.leave(participant.key)
        return self.seats.lost(participant.key, self._loop.time()) if self._ending is None else None

    async def _announce(self, news: events.Event | None) -> None:
        """Log who came, is away, is back or left."""
        match news:
            case None:
                return
            case events.ParticipantJoined(participant_id, name, role):
                self._advisor.participant_joined(participant_id, name, role)
            case events.ParticipantLeft(participant_id):
                self._advisor.participant_left(participant_id)
        await self._journal.append(news)

    # what is said

    def _hear(self, participant: Participant, block: AudioBlock) -> None:
        if not self._clock.is_started and participant.is_audible:
            self._begin(len(block.samples))
        is_listening = not self._is_paused and not self.is_over
        participant.hear(block, is_listening=is_listening, is_call_on_record=self._is_on_record)

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
        for tick in itertools.count():
            await asyncio.sleep(TICK_S)
            now_ms = self._clock.now_ms()
            if self._ending is None:
                await self._watch.age(now_ms)
                for left in self.seats.expire(self._loop.time()):
                    await self._announce(left)
            if not self._clock.is_started:
                continue
            for participant in self.participants.values():
                if participant.stream is not None:
                    participant.stream.advance(ms_to_samples(max(0, now_ms - LATE_MS)))
            await self._watch.participants(tick)
            await self._tell_pipeline()
            if now_ms >= next_advice_ms and not self._is_paused and self._is_on_record:
                next_advice_ms = now_ms + ADVICE_MS
                await self._watch.advise(now_ms)

    async def _tell_pipeline(self) -> None:
        """How the text keeps up: an entry when the level changes, and again and again while it is not well."""
        transcriber = self._parts.transcriber
        status = events.PipelineStatus(transcriber.lag_ms, transcriber.level)
        match self._pipeline_news.look(status.level, self._loop.time()):
            case "entry":
                await self._journal.append(status)
            case "live":
                self._journal.live(status)

    async def _pause(self, is_paused: bool, reason: str = "by host") -> str:
        if is_paused == self._is_paused:
            return DONE
        if not self._clock.is_started:
            return NOT_STARTED
        self._is_paused = is_paused
        await self._charging.end(self.participants.values())
        if await self._journal.append(events.SessionStateChanged("paused" if is_paused else "active", reason)):
            return DONE
        self._is_paused = not is_paused  # nobody was told
        return NOT_KEPT

    async def _put_on_record(self, is_on_record: bool) -> str:
        """Off it at once; on it once that can be told."""
        if is_on_record == self._is_on_record:
            return DONE
        if not is_on_record:
            self._is_on_record = False
            for participant in self.participants.values():
                if participant.stream is not None:
                    participant.stream.finish()
        changed = events.CallRecordingChanged("on_record" if is_on_record else "off_record")
        is_told = await self._journal.append(changed)
        self._is_on_record = is_on_record if is_told else not is_on_record
        return DONE if is_told else NOT_KEPT

    async def _past(self, audiences: Sequence[str]) -> list[LogEntry]:
        if self.lease.epoch == 1:
            return []
        return await self._parts.history(self.lease.session_id, 0, audiences)

    # the end

    async def _wind_up(self) -> None:
        """Everything that was said becomes final before anybody is told that it is over."""
        assert self._ending is not None  # noqa: S101 - `run` waited for it
        await self._charging.end(self.participants.values())
        for participant in self.participants.values():
            if participant.stream is not None:
                self._parts.listener.remove_stream(participant.stream)
        await self._parts.transcriber.drain(self._limits.drain_s if self._ending.completes else self._limits.settle_s)
        if self._ending.completes:
            await self._finalize(self._ending.reason)
            for left in self.seats.give_up_away():
                await self._announce(left)
        await self._flush_outboxes()
        if self._ending.within_ms is not None:
            await self._parts.hand_over(self.lease.session_id)
            await self._notices.say_last(list(self.participants.values()), events.CallMoved(self._ending.within_ms))
        for peer in list(self._peers.values()):
            peer.leave()

    async def _finalize(self, reason: str) -> None:
        if not self._clock.is_started:
            # Nothing was recorded, so nothing is completed: whoever comes again finds the session as it was.
            await self._journal.append(events.SessionStateChanged("draft", reason))
            return
        await self._watch.advise(self._clock.now_ms())
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
