"""Mails wait as jobs, sealed, from the transaction that causes them until they have left.

Rules:
- A mail has an id; with a `key` it is the key's, so that the same cause twice is one mail.
- Each has one row in `system_logs` in the end: sent, refused or given up; by its id and kind, never by its address.
- A worker that dies between sending and noting it sends a second copy, with the same Message-ID (in the outbox folder:
  the same file). Nothing is lost, and nothing else is sent twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

import orjson

from control_api.mail.message import build_message, checked_address
from control_api.mail.senders import NotSentError, RefusedError, Sender
from control_api.mail.texts import Kind, check_params, render
from control_api.sealing import Sealer, UnreadableError
from db import jobs, logs
from db.pool import Connection

SEND_MAIL = "send_mail"
"""The job; its payload is the sealed mail."""
RETRY_DELAYS_S = (10.0, 60.0, 300.0, 1800.0, 7200.0, 21600.0)
"""A mail server may be away for a night; then the mail is given up."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Mail:
    """Puts mails in the queue."""

    sealer: Sealer

    async def enqueue(
        self, conn: Connection, kind: Kind, to: str, params: Mapping[str, str], *, key: str | None = None
    ) -> UUID:
        """A mail that leaves once the caller's transaction is committed; its id.

        Args:
            params: what `texts.TEXTS[kind]` asks for; links are addresses of our own page.
            key: names the cause; while its mail waits, and once it was sent, there is no second one.

        Raises:
            ValueError: `to` is no address, or the parameters are not those of the kind.
        """
        check_params(kind, params)
        mail_id = uuid5(NAMESPACE_URL, f"urn:liveconvo:mail:{kind}:{key}") if key is not None else uuid4()
        document = {"id": str(mail_id), "kind": kind, "to": checked_address(to), "params": dict(params)}
        await jobs.enqueue(conn, SEND_MAIL, self.sealer.seal(orjson.dumps(document)), dedupe_key=f"mail {mail_id}")
        return mail_id


@dataclass(frozen=True, slots=True)
class Mailer:
    """Sends what waits."""

    open_transaction: Callable[[], AbstractAsyncContextManager[Connection]]
    """For the jobs role."""
    sealer: Sealer
    sender: Sender
    address: str
    """Whom mails are from."""
    origin: str
    """Of our page, for people to see where the mail is from."""
    count: Callable[[str], None] = lambda outcome: None

    async def deliver(self, payload: bytes) -> None:
        """
        Raises:
            NotSentError: to be tried again.
        """
        try:
            mail = orjson.loads(self.sealer.open(payload))
        except UnreadableError:
            await self._note(uuid4(), "unknown", "unreadable", "ERROR")
            return
        mail_id, kind = UUID(mail["id"]), mail["kind"]
        async with self.open_transaction() as conn:
            if await logs.was_mailed(conn, mail_id):
                return
        message = build_message(mail_id, self.address, mail["to"], render(kind, mail["params"], self.origin))
        try:
            await self.sender.send(mail_id, mail["to"], message)
        except RefusedError as error:
            log.warning("mail refused mail=%s kind=%s reason=%s", mail_id, kind, error)
            await self._note(mail_id, kind, "refused", "WARNING")
            return
        except NotSentError as error:
            log.warning("mail not sent mail=%s kind=%s reason=%s", mail_id, kind, error)
            raise
        await self._note(mail_id, kind, "sent", "INFO")

    async def give_up(self, payload: bytes) -> None:
        """After the last try."""
        try:
            mail = orjson.loads(self.sealer.open(payload))
        except UnreadableError:
            return
        log.error("mail given up mail=%s kind=%s", mail["id"], mail["kind"])
        await self._note(UUID(mail["id"]), mail["kind"], "given up", "ERROR")

    async def _note(self, mail_id: UUID, kind: str, outcome: str, level: str) -> None:
        entry = logs.NewLog(level, f"mail {outcome}", __name__, request_id=str(mail_id), endpoint=f"mail:{kind}")
        async with self.open_transaction() as conn:
            await logs.write_log(conn, entry)
        self.count(outcome)
