"""What happens when somebody asks for an account, a new password, or a proof of their address: in the worker.

The request itself only queues a job, sealed, whatever the address is: known or unknown, it costs the same and is
answered the same. Here it is looked up, and one mail says the rest. The link's token is made here, and is in no table.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID, uuid4

import orjson

from control_api.mail.queue import Mail
from control_api.mail.texts import Kind
from control_api.sealing import Sealer, UnreadableError
from control_api.settings import Settings
from control_api.tokens import new_token, token_hash
from db import jobs, sign_ups
from db.pool import Connection

ACCOUNT_REQUEST = "account_request"
"""The job; its payload is sealed."""
Wish = Literal["sign_up", "reset_password", "verify_email"]


async def ask(conn: Connection, sealer: Sealer, wish: Wish, email: str, **more: str) -> None:
    """Queue it, in the caller's transaction."""
    document = {"id": str(uuid4()), "wish": wish, "email": email, **more}
    await jobs.enqueue(conn, ACCOUNT_REQUEST, sealer.seal(orjson.dumps(document)))


@dataclass(frozen=True, slots=True)
class Requests:
    """Does what was asked for; twice is one mail, with one link that works."""

    open_transaction: Callable[[], AbstractAsyncContextManager[Connection]]
    """For the jobs role."""
    sealer: Sealer
    mail: Mail
    settings: Settings

    async def handle(self, payload: bytes) -> None:
        try:
            asked = orjson.loads(self.sealer.open(payload))
        except UnreadableError:
            return
        async with self.open_transaction() as conn:
            if asked["wish"] == "sign_up":
                await self._sign_up(conn, asked)
            else:
                await self._link(conn, asked)

    async def _sign_up(self, conn: Connection, asked: dict[str, str]) -> None:
        email = asked["email"]
        if await sign_ups.find_account(conn, email) is not None:
            await self._send(conn, asked, "sign_up_known", {"link": f"{self.settings.public_origin}/"})
        elif not await sign_ups.may_sign_up(conn, email, is_gated=self.settings.beta_gate):
            await self._send(conn, asked, "sign_up_waiting", {})
        else:
            token, lifetime_s = new_token(), self.settings.sign_up_lifetime_s
            await sign_ups.insert_sign_up(
                conn,
                token_hash(token),
                email=email,
                full_name=asked["full_name"],
                timezone=asked["timezone"],
                expires_at=_in(lifetime_s),
            )
            params = {"link": self._address("verify", token), "hours": str(lifetime_s // 3600)}
            await self._send(conn, asked, "verify_email", params)

    async def _link(self, conn: Connection, asked: dict[str, str]) -> None:
        """Nothing for an address without an account: whoever asked learns that from no mail either."""
        user_id: UUID | None = await sign_ups.find_account(conn, asked["email"])
        if user_id is None:
            return
        token, lifetime_s = new_token(), self.settings.reset_lifetime_s
        if asked["wish"] == "reset_password":
            await sign_ups.insert_link(conn, token_hash(token), user_id, "reset_password", _in(lifetime_s))
            params = {"link": self._address("reset", token), "minutes": str(lifetime_s // 60)}
            await self._send(conn, asked, "reset_password", params)
        else:
            await sign_ups.insert_link(conn, token_hash(token), user_id, "verify_email", _in(lifetime_s))
            await self._send(conn, asked, "prove_email", {"link": self._address("verify-email", token)})

    async def _send(self, conn: Connection, asked: dict[str, str], kind: Kind, params: dict[str, str]) -> None:
        await self.mail.enqueue(conn, kind, asked["email"], params, key=asked["id"])

    def _address(self, screen: str, token: str) -> str:
        """Behind the #: what follows it is sent to no server."""
        return f"{self.settings.public_origin}/#/{screen}/{token}"


def _in(seconds: int) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)
