"""The live calls of this node: who may join, which session has a call here, and what the API asks of them."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4
from weakref import WeakValueDictionary

from db import commands, tickets
from db.errors import ConflictError, DbError, NotFoundError
from db.live import Live
from db.pool import Pool, transaction
from db.records import Command
from media_server import telemetry
from media_server.admission import Admission, watch_loop, watch_memory
from media_server.call import Call, CallParts
from media_server.errors import (
    CallElsewhereError,
    CallFullError,
    NodeDrainingError,
    NodeFullError,
    NodeNotReadyError,
    ResourceUnknownError,
    SessionCompletedError,
    SessionUnknownError,
    TicketError,
)
from media_server.event_log import EventLog
from media_server.lease import LeaseKeeper
from media_server.outcomes import DONE, FAILED, NO_CALL, NO_PARTICIPANT
from media_server.participant import Guest
from media_server.rtc.guard import checked_offer
from media_server.spool import Spool

log = logging.getLogger(__name__)

COMMAND_POLL_S = 1.0
MOVE_MS_PER_PERSON, SHORTEST_MOVE_MS, LONGEST_MOVE_MS = 20, 300, 5_000
"""In which time the people of a node that stops join the next one."""


@dataclass(frozen=True, slots=True)
class Resource:
    """What a POST made: one connection, which its bearer may delete."""

    id: str
    session_id: UUID
    token_hash: bytes
    participant_key: str


class Calls:
    """One per node. A session's call starts with its first join and is gone when `Call.run` returns."""

    def __init__(self, parts: CallParts, pool: Pool, spool: Spool, leases: LeaseKeeper, live: Live) -> None:
        self._parts = parts
        self._settings = parts.settings
        self._pool = pool
        self._spool = spool
        self._leases = leases
        self._live = live
        limits = parts.settings.limits
        room = (limits.loop_late_s, limits.spare_bytes, limits.spare_files)
        self.admission = Admission(parts.settings.node_participants, *room)
        self._calls: dict[UUID, Call] = {}
        self._starting: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()
        self._answering: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()
        """By ticket."""
        self._resources: dict[str, Resource] = {}
        self._arriving: Counter[UUID] = Counter()
        """Offers of somebody new that are being answered, by session."""
        self._obeying: set[UUID] = set()
        """Sessions whose commands are being carried out."""
        self._outcomes: dict[UUID, str] = {}
        """Of commands that Postgres does not know to be carried out."""
        self._tasks: asyncio.TaskGroup | None = None
        self._stopping = asyncio.Event()
        self.is_draining = False
        """Told to stop: nobody new comes, and no call begins."""
        leases.on_lost = self._lose

    @property
    def live_calls(self) -> int:
        return len(self._calls)

    @property
    def live_participants(self) -> int:
        """Places that are taken, also of those who are away for a moment."""
        return sum(len(call.seats) for call in self._calls.values())

    async def run(self) -> None:
        """Host calls until `stop`, and until each has settled what was said and was handed over."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            watches = (self._watch(), watch_loop(self.admission), watch_memory(self.admission))
            watching = [tasks.create_task(watch) for watch in watches]
            await self._stopping.wait()
            for task in watching:
                task.cancel()
            within_ms = min(max(SHORTEST_MOVE_MS, MOVE_MS_PER_PERSON * self.live_participants), LONGEST_MOVE_MS)
            for call in self._calls.values():
                call.move(within_ms)

    def drain(self) -> None:
        """Take nobody new from now on; who is in a call that goes on here may still come back."""
        self.is_draining = True

    async def drained(self) -> None:
        """Until the last call is over by itself."""
        while self._calls:
            await next(iter(self._calls.values())).gone.wait()

    def stop(self) -> None:
        """Let the live calls go: their sessions stay open, their people are told to come back elsewhere."""
        self.drain()
        self._stopping.set()

    async def join(self, session_id: UUID, token: str, offer: str) -> tuple[str, str]:
        """Answer an offer; a ticket is used up only by success.

        Returns: the resource's id and the SDP answer.

        Raises:
            TicketError, SessionUnknownError, SessionCompletedError, CallElsewhereError, CallFullError,
            NodeFullError, NodeNotReadyError, NodeDrainingError, BadOfferError, OfferTooLargeError.
        """
        self._check_open(session_id)
        offer = checked_offer(offer, self._settings.limits)
        token_hash = hash_token(token)
        # One at a time: a ticket that is shown many times at once must not cost as many connections, or places.
        async with self._answering.setdefault(token_hash, asyncio.Lock()):
            guest = await self._guest(session_id, token_hash)
            self._check_open(session_id, guest)
            with self._place(session_id, guest):
                key, answer = await self._answer(session_id, guest, token_hash, offer)
        self._forget_gone_resources()
        resource = Resource(uuid4().hex, session_id, token_hash, key)
        self._resources[resource.id] = resource
        telemetry.JOINS.inc()
        return resource.id, answer

    async def _answer(self, session_id: UUID, guest: Guest, token_hash: bytes, offer: str) -> tuple[str, str]:
        """The connection's key and the SDP answer."""
        call = await self._call_for(session_id)
        call.joining += 1
        try:
            self._check_call(session_id, call, guest)
            participant, peer, answer = await call.answer(guest, offer)
            try:
                await self._redeem(call, token_hash)
            except BaseException:
                await call.refuse(participant, peer)
                raise
            call.admit(participant, peer)
        finally:
            call.joining -= 1
            self._stop_if_never_used(call)
        return participant.key, answer

    def leave(self, session_id: UUID, resource_id: str, token: str) -> None:
        """End what a POST made.

        Raises:
            TicketError: the bearer is not the one that made it.
            ResourceUnknownError: there is none.
        """
        resource = self.resource(session_id, resource_id, token)
        call = self._calls.get(session_id)
        if call is not None:
            call.remove(resource.participant_key)
        del self._resources[resource_id]

    def resource(self, session_id: UUID, resource_id: str, token: str) -> Resource:
        resource = self._resources.get(resource_id)
        if resource is None or resource.session_id != session_id:
            raise ResourceUnknownError
        if resource.token_hash != hash_token(token):
            raise TicketError
        return resource

    def _forget_gone_resources(self) -> None:
        """Those of connections that nothing hangs on any more: who comes and goes all day leaves none behind."""
        known = {key for call in self._calls.values() for key in (*call.participants, *call.seats.last_keys)}
        self._resources = {k: r for k, r in self._resources.items() if r.participant_key in known}

    def _check_open(self, session_id: UUID, guest: Guest | None = None) -> None:
        """
        Raises:
            NodeDrainingError: for everybody but those who have a place in a call that goes on here.
        """
        if not self.is_draining:
            return
        call = self._calls.get(session_id)
        if call is None or call.is_over or (guest is not None and not call.has(guest)):
            raise NodeDrainingError

    @contextmanager
    def _place(self, session_id: UUID, guest: Guest) -> Iterator[None]:
        """Room for one more while an offer is being answered; who comes back takes their own place.

        Raises:
            NodeFullError: for somebody new.
        """
        call = self._calls.get(session_id)
        if call is not None and call.has(guest):
            yield
            return
        places = self.live_participants + self._arriving.total()
        if not self.admission.is_open(places, is_new_call=call is None):
            telemetry.REFUSED.inc()
            raise NodeFullError
        self._arriving[session_id] += 1
        try:
            yield
        finally:
            self._arriving[session_id] -= 1
            if not self._arriving[session_id]:
                del self._arriving[session_id]

    def _check_call(self, session_id: UUID, call: Call, guest: Guest) -> None:
        """
        Raises:
            CallFullError: for somebody new, who is among those that arrive.
        """
        if not call.has(guest) and len(call.seats) + self._arriving[session_id] > self._settings.limits.participants:
            raise CallFullError

    async def _guest(self, session_id: UUID, token_hash: bytes) -> Guest:
        try:
            async with transaction(self._pool) as conn:
                ticket = await tickets.find_ticket(conn, token_hash)
        except DbError as error:
            raise NodeNotReadyError from error
        if ticket is None or (ticket.session_id, ticket.node) != (session_id, self._settings.node):
            raise TicketError
        return Guest.from_ticket(ticket)

    async def _redeem(self, call: Call, token_hash: bytes) -> None:
        """
        Raises:
            TicketError: somebody else was quicker.
            NodeNotReadyError: Postgres is away, or the call ended meanwhile.
        """
        if call.is_over:
            raise NodeNotReadyError
        try:
            async with transaction(self._pool) as conn:
                is_redeemed = await tickets.redeem_ticket(conn, token_hash)
        except DbError as error:
            raise NodeNotReadyError from error
        if not is_redeemed:
            raise TicketError
        if call.is_over:
            raise NodeNotReadyError

    async def _call_for(self, session_id: UUID) -> Call:
        lock = self._starting.setdefault(session_id, asyncio.Lock())
        async with lock:
            call = self._calls.get(session_id)
            if call is not None and not call.is_over:
                return call
            if self.is_draining:
                raise NodeDrainingError
            if self._tasks is None:
                raise NodeNotReadyError
            if call is not None:
                await self._wait_gone(call)
            return await self._start(session_id, self._tasks)

    async def _wait_gone(self, call: Call) -> None:
        """A call that is just ending is waited for; what comes after it is a call of its own."""
        try:
            async with asyncio.timeout(self._settings.limits.drain_s):
                await call.gone.wait()
        except TimeoutError as error:
            raise NodeNotReadyError from error

    async def _start(self, session_id: UUID, tasks: asyncio.TaskGroup) -> Call:
        if self._spool.trouble is not None:
            raise NodeNotReadyError  # nothing of a new call could be kept
        try:
            lease = await self._leases.acquire(session_id)
        except NotFoundError as error:
            raise SessionUnknownError from error
        except ConflictError as error:
            raise (CallElsewhereError if error.code == "call_elsewhere" else SessionCompletedError) from error
        except DbError as error:
            raise NodeNotReadyError from error
        if self.is_draining:  # since it was asked for
            await self._leases.release(session_id)
            raise NodeDrainingError
        event_log = EventLog(
            self._spool,
            session_id,
            lease.organization_id,
            lease.epoch,
            lease.first_seq,
            lease.last_seq,
            lambda: self._leases.is_current(session_id),
        )
        self._leases.watch(session_id, event_log)
        call = Call(lease, event_log, self._parts)
        self._calls[session_id] = call
        tasks.create_task(self._host(session_id, call))
        log.info("call started session=%s epoch=%d", session_id, lease.epoch)
        return call

    async def _host(self, session_id: UUID, call: Call) -> None:
        try:
            await call.run()
        except* Exception as failure:
            for error in failure.exceptions:
                log.error("call failed session=%s kind=%s", session_id, type(error).__name__, exc_info=error)
            telemetry.CALLS_FAILED.inc()
        finally:
            await self._leases.release(session_id)
            del self._calls[session_id]
            self._forget_gone_resources()
            call.gone.set()
            log.info("call over session=%s", session_id)

    def _stop_if_never_used(self, call: Call) -> None:
        """A call that nobody got into leaves nothing behind."""
        if not call.was_used and not call.joining:
            call.end("nobody joined", completes=False)

    def _lose(self, session_id: UUID) -> None:
        if (call := self._calls.get(session_id)) is not None:
            call.end("lease lost", completes=False)

    async def _watch(self) -> None:
        """Once a second: commands of the API, and calls that everybody left."""
        loop = asyncio.get_running_loop()
        while True:
            await self._live.wait_for_wake(self._settings.node, COMMAND_POLL_S)
            for call in self._calls.values():
                if call.empty_since is not None and loop.time() - call.empty_since > self._settings.empty_call_s:
                    call.end("everybody left")
            if self._calls and self._tasks is not None:
                await self._obey_commands(self._tasks)

    async def _obey_commands(self, tasks: asyncio.TaskGroup) -> None:
        """In each session one after the other; sessions do not wait for each other."""
        try:
            async with transaction(self._pool) as conn:
                pending = await commands.pending_commands(conn, list(self._calls))
        except DbError as error:
            log.warning("commands not read kind=%s", type(error).__name__)
            return
        by_session: dict[UUID, list[Command]] = {}
        for command in pending:
            by_session.setdefault(command.session_id, []).append(command)
        for session_id in by_session.keys() - self._obeying:
            self._obeying.add(session_id)
            tasks.create_task(self._obey_all(session_id, by_session[session_id]))

    async def _obey_all(self, session_id: UUID, pending: list[Command]) -> None:
        try:
            for command in pending:
                # Carried out once, however often Postgres does not take its outcome.
                if command.id not in self._outcomes:
                    self._outcomes[command.id] = await self._come_of(command)
                async with transaction(self._pool) as conn:
                    await commands.acknowledge(conn, command.id, self._outcomes[command.id])
                del self._outcomes[command.id]
        except DbError as error:
            log.warning("command not acknowledged session=%s kind=%s", session_id, type(error).__name__)
        finally:
            self._obeying.discard(session_id)

    async def _come_of(self, command: Command) -> str:
        try:
            return await self._obey(command)
        except Exception as error:  # noqa: BLE001
            log.error(
                "command failed session=%s kind=%s error=%s", command.session_id, command.kind, type(error).__name__
            )
            return FAILED

    async def _obey(self, command: Command) -> str:
        call = self._calls.get(command.session_id)
        if call is None or call.is_over:
            return DONE if command.kind == commands.END else NO_CALL
        match command.kind:
            case commands.END:
                call.end("ended by api")
            case commands.REMOVE_PARTICIPANT:
                if not call.send_away(str(command.payload.get("participant_id"))):
                    return NO_PARTICIPANT
            case commands.REVISE_TRANSCRIPT:
                if not call.tell_revision(command.payload):
                    return "bad_payload"
            case _:
                return await call.obey(command)
        return DONE


def hash_token(token: str) -> bytes:
    """What the database keeps of a ticket."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
