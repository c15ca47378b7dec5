"""argon2id in threads of its own, so that sign-ins queue behind each other and never before the other routes.

Overflow policy: beyond `MAX_WAITING` the next sign-in is told to come back (429). Memory is bounded by
`THREADS` x 19 MiB (OWASP's second argon2id profile).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from control_api.errors import TooManyRequestsError
from control_api.tokens import new_token

THREADS = 2
MAX_WAITING = 32
T = TypeVar("T")


class Passwords:
    """Hashes and checks passwords; a sign-in for an unknown account does the same work."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._nobody = self._hasher.hash(new_token())
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="argon2")
        self._waiting = 0

    async def hash(self, password: str) -> str:
        return await self._run(lambda: self._hasher.hash(password))

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """True when the password is right; None (no account, no password) takes as long as a wrong one."""
        is_right = await self._run(lambda: self._check(password, password_hash or self._nobody))
        return is_right and password_hash is not None

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _check(self, password: str, password_hash: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= MAX_WAITING:
            raise TooManyRequestsError(retry_after_s=2)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1
