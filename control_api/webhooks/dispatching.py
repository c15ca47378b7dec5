"""What waits in the outbox is sent: many at a time, few to one receiver, each to its own deadline.

Rules:
- A receiver that hangs keeps its own places and nobody else's: an endpoint has two in a process, one while it fails.
- A place is taken until the attempt is noted and the name server has answered.
- Whoever stops in between leaves a delivery that is due again when its claim runs out, with the same id.
- An endpoint that nothing reached for days, that says it is gone or whose secret cannot be opened any more is switched
  off, and the organization's owner and admins are told by mail.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from uuid import UUID

from control_api.mail.queue import Mail
from control_api.webhooks.schedule import reason_to_disable, retry_delay
from control_api.webhooks.sending import Outcome, Sender
from db import webhook_deliveries, webhooks
from db.errors import DbError
from db.pool import Connection
from db.webhook_deliveries import DueDelivery
from db.webhook_log import TEST_EVENT

MAX_IN_FLIGHT = 100
PER_ENDPOINT = 2
POLL_S = 1.0
STOPPING_S = 1.0
"""For attempts that are under way when the worker stops."""
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Dispatcher:
    open_transaction: Callable[[], AbstractAsyncContextManager[Connection]]
    """For the jobs role."""
    sender: Sender
    mail: Mail
    origin: str
    count: Callable[[str], None] = lambda outcome: None
    poll_s: float = POLL_S
    _busy: Counter[UUID] = field(default_factory=Counter)
    _running: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            stopping = tasks.create_task(stop.wait())
            while not stop.is_set():
                await self._begin(tasks)
                # Whoever is done makes room for what waits behind it.
                await asyncio.wait({stopping, *self._running}, timeout=self.poll_s, return_when=asyncio.FIRST_COMPLETED)
            if self._running:
                await asyncio.wait(self._running, timeout=STOPPING_S)
            for task in self._running:
                task.cancel()

    async def _begin(self, tasks: asyncio.TaskGroup) -> None:
        room = MAX_IN_FLIGHT - len(self._running)
        if room <= 0:
            return
        try:
            async with self.open_transaction() as conn:
                due = await webhook_deliveries.claim_due(
                    conn, limit=room, per_endpoint=PER_ENDPOINT, busy=list(self._busy)
                )
        except DbError as error:
            log.warning("webhooks not read code=%s", error.code)
            return
        for delivery in due:
            self._busy[delivery.endpoint_id] += 1
            task = tasks.create_task(self._deliver(delivery))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _deliver(self, due: DueDelivery) -> None:
        try:
            addresses = self.sender.ask(due.url)
            outcome = await self.sender.send(due, addresses)
            await self._note(due, outcome)
            await asyncio.wait([addresses])
        except DbError as error:
            log.warning("webhook attempt not noted delivery=%s code=%s", due.id, error.code)
        except Exception:
            log.exception("webhook attempt failed delivery=%s", due.id)
        finally:
            self._busy[due.endpoint_id] -= 1
            self._busy += Counter()  # forgets those that are at none

    async def _note(self, due: DueDelivery, outcome: Outcome) -> None:
        attempt = outcome.attempt
        async with self.open_transaction() as conn:
            if attempt.error is None:
                await webhook_deliveries.mark_delivered(conn, due.id, attempt)
                await webhooks.note_success(conn, due.endpoint_id)
            else:
                is_last = due.event_type == TEST_EVENT
                delay = None if is_last else retry_delay(due.attempts, random.random(), outcome.retry_after_s)  # noqa: S311
                await webhook_deliveries.mark_failed(conn, due.id, attempt, delay)
                lasting = await webhooks.note_failure(conn, due.endpoint_id)
                if reason := reason_to_disable(attempt.status, attempt.error, lasting):
                    await self._disable(conn, due, reason)
        self.count("delivered" if attempt.error is None else attempt.error)

    async def _disable(self, conn: Connection, due: DueDelivery, reason: str) -> None:
        if not await webhooks.disable_endpoint(conn, due.endpoint_id, reason):
            return
        log.warning("webhook endpoint disabled endpoint=%s reason=%s", due.endpoint_id, reason)
        for manager in await webhooks.managers_to_tell(conn, due.organization_id):
            # The host alone: what follows it is often a secret.
            host = urlsplit(due.url).hostname or ""
            params = {"organization": manager.organization_name, "host": host, "link": f"{self.origin}/"}
            await self.mail.enqueue(conn, "webhook_disabled", manager.email, params)
