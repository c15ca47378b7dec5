"""The live calls of this node: who may join, which session has a call here, and what the API asks of them."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from dataclasses import dataclass
from uuid import UUID, uuid4
from weakref import WeakValueDictionary

from db import commands, tickets
from db.errors import ConflictError, DbError, NotFoundError
from db.live import Live
from db.pool import Pool, transaction
from media_server import telemetry
from media_server.admission import Admission, watch_loop
from media_server.call import Call, CallParts
from media_server.errors import (
    CallElsewhereError,
    CallFullError,
    NodeFullError,
    NodeNotReadyError,
    ResourceUnknownError,
    SessionCompletedError,
    SessionUnknownError,
    TicketError,
)
from media_server.event_log import EventLog
from media_server.lease import LeaseKeeper
from media_server.participant import Guest
from media_server.rtc.guard import checked_offer
from media_server.spool import Spool

log = logging.getLogger(__name__)

COMMAND_POLL_S = 1.0


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
        self.admission = Admission(parts.settings.node_participants, parts.settings.limits.loop_late_s)
        self._calls: dict[UUID, Call] = {}
        self._starting: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()
        self._resources: dict[str, Resource] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._stopping = asyncio.Event()
        leases.on_lost = self._lose

    @property
    def live_calls(self) -> int:
        return len(self._calls)

    @property
    def live_participants(self) -> int:
        return sum(len(call.participants) for call in self._calls.values())

    async def run(self) -> None:
        """Host calls until `stop`, and until each has settled what was said."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            watching = [tasks.create_task(self._watch()), tasks.create_task(watch_loop(self.admission))]
            await self._stopping.wait()
            for task in watching:
                task.cancel()
            for call in self._calls.values():
                call.end("node stops", completes=False)

    def stop(self) -> None:
        """Take no more calls, and let the live ones go: their sessions stay open, their people come back elsewhere."""
        self._stopping.set()

    async def join(self, session_id: UUID, token: str, offer: str) -> tuple[str, str]:
        """Answer an offer; a ticket is used up only by success.

        Returns: the resource's id and the SDP answer.

        Raises:
            TicketError, SessionUnknownError, SessionCompletedError, CallElsewhereError, CallFullError,
            NodeFullError, NodeNotReadyError, BadOfferError, OfferTooLargeError.
        """
        offer = checked_offer(offer, self._settings.limits)
        token_hash = hash_token(token)
        guest = await self._guest(session_id, token_hash)
        self._check_room(session_id, guest)
        call = await self._call_for(session_id)
        call.joining += 1
        try:
            if len(call.participants) >= self._settings.limits.participants:
                raise CallFullError
            participant, peer, answer = await call.answer(guest, offer)
            if not await self._redeem(token_hash):
                await call.refuse(participant, peer)
                raise TicketError
            call.admit(participant, peer)
        finally:
            call.joining -= 1
            self._stop_if_never_used(call)
        resource = Resource(uuid4().hex, session_id, token_hash, participant.key)
        self._resources[resource.id] = resource
        telemetry.JOINS.inc()
        return resource.id, answer

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

    def _check_room(self, session_id: UUID, guest: Guest) -> None:
        """
        Raises:
            NodeFullError: for somebody new; who comes back takes their own place.
        """
        call = self._calls.get(session_id)
        if call is not None and call.has(guest):
            return
        if not self.admission.is_open(self.live_participants, is_new_call=call is None):
            telemetry.REFUSED.inc()
            raise NodeFullError

    async def _guest(self, session_id: UUID, token_hash: bytes) -> Guest:
        try:
            async with transaction(self._pool) as conn:
                ticket = await tickets.find_ticket(conn, token_hash)
        except DbError as error:
            raise NodeNotReadyError from error
        if ticket is None or ticket.session_id != session_id:
            raise TicketError
        return Guest.from_ticket(ticket)

    async def _redeem(self, token_hash: bytes) -> bool:
        try:
            async with transaction(self._pool) as conn:
                return await tickets.redeem_ticket(conn, token_hash)
        except DbError as error:
            raise NodeNotReadyError from error

    async def _call_for(self, session_id: UUID) -> Call:
        lock = self._starting.setdefault(session_id, asyncio.Lock())
        async with lock:
            call = self._calls.get(session_id)
            if call is not None and not call.is_over:
                return call
            if self._stopping.is_set() or self._tasks is None:
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
            self._resources = {k: r for k, r in self._resources.items() if r.session_id != session_id}
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
            if self._calls:
                await self._obey_commands()

    async def _obey_commands(self) -> None:
        try:
            async with transaction(self._pool) as conn:
                for command in await commands.pending_commands(conn, list(self._calls)):
                    outcome = self._obey(command.session_id, command.kind)
                    await commands.acknowledge(conn, command.id, outcome)
        except DbError as error:
            log.warning("commands not read kind=%s", type(error).__name__)

    def _obey(self, session_id: UUID, kind: str) -> str:
        call = self._calls.get(session_id)
        if call is None:
            return "no_call"
        if kind != "end":
            return "unknown_command"
        call.end("ended by api")
        return "done"


def hash_token(token: str) -> bytes:
    """What the database keeps of a ticket."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
