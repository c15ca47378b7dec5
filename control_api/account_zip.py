"""Everything there is about a person as one ZIP, written as it is read: nothing of it is kept here.

Rules:
- `account.json` is the export of `db.exports`; `audio/<session>/<recording>.<kind>` are the person's own recordings.
- A file that is missing, or whose key leads out of the folder, is named in `missing.txt`, and left out.
"""

from __future__ import annotations

import zipfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, suppress
from uuid import UUID

from control_api.storage import FileMissingError, Storage
from db import exports
from db.pool import Connection

_KINDS = {"audio/ogg": "ogg", "audio/wav": "wav", "audio/webm": "webm", "audio/mpeg": "mp3"}


class _Stream:
    """What a ZIP is written to: not seekable, emptied again and again."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def write(self, chunk: bytes, /) -> int:
        self._chunks.append(bytes(chunk))
        return len(chunk)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Whoever made it goes on taking."""

    def take(self) -> bytes:
        taken = b"".join(self._chunks)
        self._chunks.clear()
        return taken


async def account_zip(
    open_transaction: Callable[[], AbstractAsyncContextManager[Connection]], user_id: UUID, storage: Storage | None
) -> AsyncIterator[bytes]:
    """The file's bytes, in pieces."""
    stream = _Stream()
    missing: list[str] = []
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("account.json", "w", force_zip64=True) as entry:
            async for piece in exports.export_account(open_transaction, user_id):
                entry.write(piece)
                if chunk := stream.take():
                    yield chunk
        last: UUID | None = None
        while True:
            async with open_transaction() as conn:
                recordings = await exports.list_recordings(conn, user_id, last)
            for recording in recordings:
                name = f"audio/{recording.session_id}/{recording.id}.{_KINDS.get(recording.media_type, 'bin')}"
                pieces = _pieces(storage, recording.storage_key)
                first = await anext(pieces, None)
                if first is None:
                    missing.append(name)
                    continue
                with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as entry:  # stored: it is coded
                    entry.write(first)
                    async for content in pieces:
                        yield stream.take()
                        entry.write(content)
                yield stream.take()
            if len(recordings) < exports.PAGE_ROWS:
                break
            last = recordings[-1].id
        if missing:
            archive.writestr("missing.txt", "\n".join(missing) + "\n")
    yield stream.take()


async def _pieces(storage: Storage | None, key: str) -> AsyncIterator[bytes]:
    """Nothing for what is missing."""
    if storage is None:
        return
    with suppress(FileMissingError):
        async for piece in storage.read(key):
            yield piece
