"""What the worker does about accounts and mail, a job at a time, and the letters that came of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from email.message import EmailMessage
from functools import partial
from typing import cast
from uuid import UUID

from control_api.accounts.requests import ACCOUNT_REQUEST
from control_api.mail.queue import SEND_MAIL, Mailer
from control_api.worker import account_requests
from db.pool import owner_connection, transaction
from tests.api import Api


@dataclass(slots=True)
class Mailbox:
    """Everybody's."""

    api: Api
    letters: list[EmailMessage] = field(default_factory=list)

    async def send(self, mail_id: UUID, to: str, message: EmailMessage) -> None:
        self.letters.append(message)

    async def work(self) -> list[EmailMessage]:
        """Run the jobs that wait; the letters that came of them."""
        before = len(self.letters)
        settings = self.api.state.settings
        opened = partial(transaction, self.api.jobs)
        mailer = Mailer(opened, self.api.state.mail.sealer, self, "no-reply@localhost", settings.public_origin)
        handlers = {ACCOUNT_REQUEST: account_requests(settings, self.api.jobs).handle, SEND_MAIL: mailer.deliver}
        async with owner_connection(self.api.database.owner_url) as conn:
            while rows := await conn.fetch(
                "SELECT id, entrypoint, payload FROM pgqueuer WHERE entrypoint = ANY ($1) ORDER BY id", list(handlers)
            ):
                for row in rows:
                    await handlers[row["entrypoint"]](row["payload"])
                    await conn.execute("DELETE FROM pgqueuer WHERE id = $1", row["id"])
        return self.letters[before:]

    async def one(self) -> EmailMessage:
        (letter,) = await self.work()
        return letter


def words_of(letter: EmailMessage) -> str:
    return str(cast("EmailMessage", letter.get_body(("plain",))).get_content())


def token_of(letter: EmailMessage) -> str:
    """Of its link."""
    found = re.search(r"#/[a-z-]+/([0-9a-f]{64})", words_of(letter))
    assert found is not None, words_of(letter)
    return found[1]
