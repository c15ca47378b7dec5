"""`Idempotency-Key` on a member's POST: what is sent twice happens once, and is answered alike.

Rules:
- The key is claimed in the request's first transaction, so it is used up exactly if something was done; what was
  refused may be tried again with the same key. A request that is sent while the first one runs waits for it.
- The answer is kept for a day, sealed with a key made of the Idempotency-Key and its owner, of which only the hash is
  stored: answers may hold tokens, and a copy of the database must open none of them. So keys should be random (UUIDs).
- Another request with a used key is refused. One whose answer was lost in a crash is told so, and not carried out
  again.
"""

from __future__ import annotations

import base64
import hashlib
import re
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from uuid import UUID

from aiohttp import web
from cryptography.fernet import Fernet
from pydantic import BaseModel

from control_api import auth
from control_api.errors import BadIdempotencyKeyError, RepeatedDifferentlyError, RepeatedTooSoonError
from control_api.state import state
from db import idempotency
from db.pool import Connection, transaction

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEY_PATTERN = "[!-~]{8,200}"
"""Visible ASCII characters."""


class RepeatedError(Exception):
    """The key was used before."""


@dataclass(slots=True)
class Key:
    text: str = field(repr=False)
    user_id: UUID
    request_hash: bytes
    is_claimed: bool = False

    @property
    def hash(self) -> bytes:
        return self._digest("found by")

    @property
    def seal(self) -> Fernet:
        return Fernet(base64.urlsafe_b64encode(self._digest("sealed with")))

    def _digest(self, purpose: str) -> bytes:
        return hashlib.sha256(f"{purpose}\x00{self.user_id}\x00{self.text}".encode()).digest()


KEY = web.RequestKey("idempotency_key", Key)


def note(request: web.Request, body: BaseModel | None) -> Key | None:
    """The request's key, for the transactions to come; None: it has none.

    Raises:
        BadIdempotencyKeyError
    """
    text = request.headers.get(HEADER)
    if text is None:
        return None
    if not re.fullmatch(KEY_PATTERN, text):
        raise BadIdempotencyKeyError
    sent = body.model_dump_json() if body is not None else ""
    asked = f"{request.method} {request.path_qs}\x00{sent}".encode("utf-8", "surrogatepass")
    key = Key(text, auth.user_id(request), hashlib.sha256(asked).digest())
    request[KEY] = key
    return key


def has_key(request: web.Request) -> bool:
    """Whether it may have been carried out before; what would refuse it now is then looked at once that is known."""
    return KEY in request


def note_file(request: web.Request, digest: bytes) -> None:
    """What was sent was a file, which is a part of what was asked."""
    key = request.get(KEY)
    if key is not None:
        key.request_hash = hashlib.sha256(key.request_hash + digest).digest()


async def claim(request: web.Request, conn: Connection) -> bool:
    """Whether there was a key to claim.

    Raises:
        RepeatedError: for the endpoint, which answers as before.
    """
    key = request.get(KEY)
    if key is None or key.is_claimed:
        return False
    if not await idempotency.claim(conn, key.user_id, key.hash, key.request_hash):
        raise RepeatedError
    key.is_claimed = True
    return True


def give_back(request: web.Request) -> None:
    """What was claimed was rolled back."""
    request[KEY].is_claimed = False


async def keep(request: web.Request, key: Key, response: web.StreamResponse) -> None:
    """What was done is answered alike from now on."""
    if not key.is_claimed or not isinstance(response, web.Response):
        return
    body = response.body if isinstance(response.body, bytes) else b""
    async with _transaction(request, key) as conn:
        await idempotency.keep_answer(conn, key.user_id, key.hash, response.status, key.seal.encrypt(body))


async def replay(request: web.Request, key: Key) -> web.Response:
    """The answer of before.

    Raises:
        RepeatedDifferentlyError, RepeatedTooSoonError
    """
    async with _transaction(request, key) as conn:
        known = await idempotency.find(conn, key.user_id, key.hash)
    if known is None or (known.request_hash == key.request_hash and known.answer is None):
        raise RepeatedTooSoonError(retry_after_s=1)
    if known.request_hash != key.request_hash:
        raise RepeatedDifferentlyError
    body = key.seal.decrypt(known.answer or b"")
    headers = {"Cache-Control": "no-store", REPLAYED: "true"}
    content_type = "application/json" if body else None
    return web.Response(status=known.status or 200, body=body, content_type=content_type, headers=headers)


def _transaction(request: web.Request, key: Key) -> AbstractAsyncContextManager[Connection]:
    st = state(request)
    return transaction(st.pool, user_id=key.user_id, timeout_s=st.settings.transaction_timeout_s)
