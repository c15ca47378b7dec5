"""The jobs behind documents: scan and read one that was given, remove one that was deleted, tidy what broke off.

Rules:
- What a file is like is told in its row and never tried again; what is merely away is tried again, for an hour and a
  half, and then told.
- Everything may run twice.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import BinaryIO
from uuid import UUID

from control_api.documents.extraction.run import DEADLINE_S, Reading, read_pages
from control_api.documents.kinds import IMAGES, PDF
from control_api.documents.passages import cut
from control_api.documents.scanning import Scanner
from control_api.storage import FileMissingError, Storage
from db import documents, passages
from db.documents import Document
from db.jobs import Handler, Patient
from db.pool import Connection

RETRY_DELAYS_S = (5.0, 30.0, 300.0, 1800.0, 3600.0)
PAGE_END = "\f"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reader:
    open_transaction: Callable[[], AbstractAsyncContextManager[Connection]]
    """For the jobs role."""
    storage: Storage | None
    scanner: Scanner | None = None
    count: Callable[[str], None] = lambda outcome: None
    """Told "completed", or the code of the reason, for each that was read."""
    deadline_s: float = DEADLINE_S

    def handlers(self) -> dict[str, Handler | Patient]:
        """The jobs, by their entry points."""
        return {
            documents.READ_DOCUMENT: Patient(
                lambda payload: self.read(UUID(payload.decode())),
                RETRY_DELAYS_S,
                lambda payload: self.give_up(UUID(payload.decode())),
            ),
            documents.ERASE_DOCUMENT: lambda payload: self.erase(UUID(payload.decode())),
            documents.TIDY_UPLOAD: lambda payload: self.tidy(payload.decode()),
        }

    async def read(self, document_id: UUID) -> None:
        """
        Raises:
            StorageAwayError, ScannerAwayError: it may be read later.
        """
        async with self.open_transaction() as conn:
            claimed = await documents.claim_document(conn, document_id)
        if claimed is None:
            return
        if claimed.file_url is None or self.storage is None:
            await self._fail(claimed.id, "file_missing")
            return
        try:
            if self.scanner is not None and await self.scanner.is_infected(self.storage.read(claimed.file_url)):
                await self._fail(claimed.id, "infected")
                return
            if claimed.file_type in IMAGES:
                await self._fail(claimed.id, "image_without_ocr")
                return
            await self._read(claimed, self.storage.read(claimed.file_url))
        except FileMissingError:
            await self._fail(claimed.id, "file_missing")

    async def give_up(self, document_id: UUID) -> None:
        """It was tried for long enough."""
        async with self.open_transaction() as conn:
            claimed = await documents.claim_document(conn, document_id)
        if claimed is not None:
            await self._fail(document_id, "not_reached")

    async def erase(self, document_id: UUID) -> None:
        async with self.open_transaction() as conn:
            await documents.erase_document(conn, document_id)

    async def tidy(self, key: str) -> None:
        """What an upload left behind that no document came of."""
        async with self.open_transaction() as conn:
            is_known = await documents.is_known_file(conn, key)
        if not is_known and self.storage is not None:
            await self.storage.remove(key)

    async def _read(self, claimed: Document, content: AsyncIterator[bytes]) -> None:
        with await asyncio.to_thread(tempfile.TemporaryFile) as file:
            async for piece in content:
                await asyncio.to_thread(file.write, piece)
            reading = await asyncio.to_thread(_read_flushed, file, claimed.file_type, self.deadline_s)
        if reading.pages is None:
            await self._fail(claimed.id, reading.refused or "damaged")
            return
        found = await asyncio.to_thread(cut, reading.pages, has_pages=claimed.file_type == PDF.name)
        if not found:
            await self._fail(claimed.id, "no_text")
            return
        text = PAGE_END.join(reading.pages)
        async with self.open_transaction() as conn:
            if await documents.store_text(conn, claimed.id, text):
                await passages.store_passages(conn, claimed.id, found, text)
        self.count("completed")

    async def _fail(self, document_id: UUID, code: str) -> None:
        async with self.open_transaction() as conn:
            if await documents.fail_document(conn, document_id, code) and code == "infected":
                await documents.forget_file(conn, document_id)
        self.count(code)
        log.info("document not read reason=%s", code)


def _read_flushed(file: BinaryIO, kind: str, deadline_s: float) -> Reading:
    file.flush()
    return read_pages(file, kind, deadline_s)
