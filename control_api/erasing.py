"""Erasing as jobs and as a sweep: sessions one by one, each in its own transaction, then what they belonged to.

Whatever a crash leaves half done is gone on with: by the queue, which tries again, and by the next sweep.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from uuid import UUID

from control_api.storage import FileMissingError, Storage
from db import deletion, erasure, retention
from db.errors import DbError, NotFoundError
from db.jobs import Handler, Patient
from db.live import Live
from db.pool import Connection
from db.tombstones import Tombstone

log = logging.getLogger(__name__)
FILE_RETRY_DELAYS_S = (2.0, 10.0, 60.0, 600.0, *([6 * 3600.0] * 28))
"""A place of files may be away for a week before somebody must look after what was to be removed."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What a sweep did, or would do; by cause, and by what was spent."""

    sessions: dict[str, int]
    rows: dict[str, int]


@dataclass(frozen=True, slots=True)
class Eraser:
    open_transaction: Callable[[], AbstractAsyncContextManager[Connection]]
    """For a role that may erase: the jobs role, or the owner."""
    live: Live | None = None
    """Where copies of a session's log may be."""
    storage: Storage | None = None
    count: Callable[[str], None] = lambda what: None
    """Told "session", "account" or "organization" for each that was erased."""
    batch: int = 100
    """How many are looked up at a time."""

    def handlers(self) -> dict[str, Handler | Patient]:
        """The jobs, by their entry points."""
        return {
            erasure.ERASE_SESSION: lambda payload: self.erase_deleted_session(UUID(payload.decode())),
            erasure.ERASE_ACCOUNT: lambda payload: self.erase_account(UUID(payload.decode())),
            erasure.ERASE_ORGANIZATION: lambda payload: self.erase_organization(UUID(payload.decode())),
            erasure.REMOVE_FILES: Patient(
                lambda payload: self.remove_files(json.loads(payload)), FILE_RETRY_DELAYS_S, _leave_for_people
            ),
        }

    async def erase_deleted_session(self, session_id: UUID) -> None:
        async with self.open_transaction() as conn:
            is_new = await erasure.erase_deleted_session(conn, session_id)
        await self._note(session_id, is_new)

    async def erase_account(self, user_id: UUID) -> None:
        """
        Raises:
            ConflictError: "sole_owner" of an organization that has other members.
        """
        async with self.open_transaction() as conn:
            await erasure.close_account(conn, user_id)
        await self._erase_sessions(erasure.list_account_sessions, user_id, "account")
        async with self.open_transaction() as conn:
            is_new = await erasure.erase_account(conn, user_id)
        if is_new:
            self.count("account")

    async def erase_organization(self, organization_id: UUID) -> None:
        await self._erase_sessions(erasure.list_organization_sessions, organization_id, "organization")
        async with self.open_transaction() as conn:
            is_new = await erasure.erase_organization(conn, organization_id)
        if is_new:
            self.count("organization")

    async def erase_again(self, stone: Tombstone) -> None:
        """What a restored back-up brought back. What it never knew is not there to be erased.

        Raises:
            ConflictError: "sole_owner": the organization was given to somebody else after the back-up.
        """
        match stone.kind:
            case "organization":
                async with self.open_transaction() as conn:
                    await erasure.close_organization(conn, stone.id)
                await self._unless_unknown(self.erase_organization(stone.id))
            case "account":
                await self._unless_unknown(self.erase_account(stone.id))
            case _:
                async with self.open_transaction() as conn:
                    is_new = await erasure.erase_session(conn, stone.id, "replay")
                await self._note(stone.id, is_new)

    async def remove_files(self, keys: list[str]) -> None:
        """Those that are gone already do no harm.

        Raises:
            RuntimeError: this installation keeps no files, or a key leads out of their folder.
            StorageAwayError
        """
        if self.storage is None:
            raise RuntimeError("there are files to remove, and this installation keeps none")
        for key in keys:
            try:
                await self.storage.remove(key)
            except FileMissingError:
                raise RuntimeError("a key leads out of the files' folder") from None

    async def sweep(self) -> Erased:
        """Erase and remove all whose time has passed, and queue what somebody left half done."""
        sessions = await self._sweep_sessions()
        await self._close_due_accounts()
        rows = {spent.name: await self._sweep_rows(spent) for spent in retention.SPENT}
        async with self.open_transaction() as conn:
            unfinished = await retention.list_unfinished(conn, self.batch)
            for user_id in unfinished.accounts:
                await erasure.order_erasure(conn, erasure.ERASE_ACCOUNT, user_id)
            for organization_id in unfinished.organizations:
                await erasure.order_erasure(conn, erasure.ERASE_ORGANIZATION, organization_id)
        return Erased(sessions, rows)

    async def _close_due_accounts(self) -> None:
        """One that cannot be closed stays due, and does not keep the others."""
        async with self.open_transaction() as conn:
            due = await deletion.list_due_accounts(conn, self.batch)
        for user_id in due:
            try:
                async with self.open_transaction() as conn:
                    await erasure.close_due_account(conn, user_id)
            except DbError as error:
                log.warning("account was not closed code=%s", error.code)

    async def preview(self) -> Erased:
        """What a sweep would do now."""
        async with self.open_transaction() as conn:
            sessions = await retention.count_due_sessions(conn)
            return Erased(sessions, {spent.name: await retention.count_spent(conn, spent) for spent in retention.SPENT})

    async def _sweep_sessions(self) -> dict[str, int]:
        erased = {"retention": 0, "deleted": 0}
        while True:
            async with self.open_transaction() as conn:
                due_sessions = await retention.list_due_sessions(conn, self.batch)
            before = sum(erased.values())
            for due in due_sessions:
                erased[due.cause] += await self._erase_due(due)
            if sum(erased.values()) == before:  # also when others were quicker
                return erased

    async def _erase_due(self, due: retention.DueSession) -> bool:
        """One that cannot be erased does not keep the others."""
        try:
            async with self.open_transaction() as conn:
                is_new = await retention.erase_due_session(conn, due)
        except DbError as error:
            log.warning("session was not erased code=%s", error.code)
            return False
        await self._note(due.id, is_new)
        return is_new

    async def _sweep_rows(self, spent: retention.Spent) -> int:
        removed = 0
        while True:
            async with self.open_transaction() as conn:
                count = await retention.remove_spent(conn, spent, 10 * self.batch)
            removed += count
            if count < 10 * self.batch:
                return removed

    async def _erase_sessions(
        self, left: Callable[[Connection, UUID, int], Awaitable[list[UUID]]], owner_id: UUID, cause: str
    ) -> None:
        while True:
            async with self.open_transaction() as conn:
                session_ids = await left(conn, owner_id, self.batch)
            if not session_ids:
                return
            for session_id in session_ids:
                async with self.open_transaction() as conn:
                    is_new = await erasure.erase_session(conn, session_id, cause)
                await self._note(session_id, is_new)

    async def _unless_unknown(self, erasing: Awaitable[None]) -> None:
        with suppress(NotFoundError):
            await erasing

    async def _note(self, session_id: UUID, is_new: bool) -> None:
        if is_new:
            self.count("session")
        if self.live is not None:
            await self.live.forget_session(session_id)


async def _leave_for_people(_payload: bytes) -> None:
    """The failed job stays in the queue's table."""
