"""Files, wherever the owner keeps them: a folder, or a bucket that speaks S3. Nobody else knows which.

Rules:
- A file is written whole or not at all: what fails on the way leaves nothing that can be read.
- A key never leads out of the folder, through a link neither.
- What is away is told as away, and whoever asked tries again; what is missing is told as missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from control_api.errors import UnavailableError
from control_api.settings import BucketSettings, Settings

CHUNK_BYTES = 256 * 1024
PART_BYTES = 5 * 1024 * 1024
"""The least that S3 takes as a part of an upload."""
PARTS_AT_A_TIME = 2
DEADLINE_S = 30
"""For one request of a bucket."""
_FAULTS = (BaseError, OSError)


class StorageAwayError(UnavailableError):
    """The place where files are kept does not answer."""

    code = "files_unavailable"


class FileMissingError(Exception):
    """There is no file of this key."""


@dataclass(frozen=True, slots=True)
class Storage:
    store: LocalStore | S3Store
    folder: Path | None = None
    """Where a folder's files lie; None: in a bucket."""

    async def write(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        """
        Raises:
            StorageAwayError, and whatever `chunks` raises.
        """
        await self._check(key)
        source = _Source(chunks)
        try:
            await obstore.put_async(
                self.store, key, source, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_A_TIME, use_multipart=True
            )
        except _FAULTS as error:
            if source.has_failed:
                raise
            raise StorageAwayError from error

    async def read(self, key: str, part: tuple[int, int] | None = None) -> AsyncIterator[bytes]:
        """Its pieces; of `part` alone, from its first byte to before its second one.

        Raises:
            FileMissingError, StorageAwayError
        """
        await self._check(key)
        try:
            found = await obstore.get_async(self.store, key, options={"range": part} if part else None)
            async for chunk in found.stream(min_chunk_size=CHUNK_BYTES):
                yield bytes(chunk)
        except FileNotFoundError:
            raise FileMissingError from None
        except _FAULTS as error:
            raise StorageAwayError from error

    async def remove(self, key: str) -> None:
        """One that is gone already does no harm.

        Raises:
            FileMissingError: the key leads out of the folder.
            StorageAwayError
        """
        await self._check(key)
        try:
            await obstore.delete_async(self.store, key)
        except FileNotFoundError:
            return
        except _FAULTS as error:
            raise StorageAwayError from error

    async def _check(self, key: str) -> None:
        if ".." in key.split("/") or key.startswith("/") or not key:
            raise FileMissingError
        if self.folder is not None and not await asyncio.to_thread(_is_inside, self.folder, key):
            raise FileMissingError


class _Source:
    """What is written, and whether it was this that failed."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self.has_failed = False

    def __aiter__(self) -> _Source:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._chunks)
        except StopAsyncIteration:
            raise
        except BaseException:
            self.has_failed = True
            raise


def open_storage(settings: Settings) -> Storage | None:
    """None: this installation keeps no files."""
    if settings.bucket.url:
        return Storage(_bucket(settings.bucket))
    if settings.files_folder is None:
        return None
    return Storage(LocalStore(settings.files_folder, mkdir=True), settings.files_folder)


def _bucket(bucket: BucketSettings) -> S3Store:
    address = urlsplit(bucket.url)
    return S3Store(
        address.netloc,
        prefix=address.path.strip("/") or None,
        config=cast(Any, {name: value for name, value in bucket.options.items() if value}),
        client_options={"allow_http": bucket.endpoint.startswith("http://"), "timeout": timedelta(seconds=DEADLINE_S)},
        retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=DEADLINE_S)},
    )


def _is_inside(folder: Path, key: str) -> bool:
    inside = folder.resolve()
    return (inside / key).resolve().is_relative_to(inside)
