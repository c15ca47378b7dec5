"""Spools of nodes that are gone: their entries move into the spool of a node that lives.

A spool whose lock is free has no owner. Its entries are copied (durable here first, deleted there after), so that its
name is free again in a moment, whether Postgres answers or not: the same node may be just about to start. Killed in
between, entries stand in both spools, which costs nothing: Postgres takes each once.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from media_server.spool import MAX_BYTES, Spool
from media_server.spool_errors import SpoolError, SpoolLockedError
from media_server.spool_file import FILE_NAME, SpoolFile

ENTRIES_AT_ONCE = 500

_log = logging.getLogger(__name__)


async def adopt_orphans(spool: Spool) -> int:
    """Take over every spool beside this one whose node is gone; how many entries came in.

    A spool that does not fit is left for later, and one that cannot be read for a person.
    """
    adopted = 0
    for folder in await asyncio.to_thread(_neighbours, spool.folder):
        try:
            adopted += await _adopt(spool, folder)
        except SpoolLockedError:
            continue
        except SpoolError as error:
            _log.error("a spool could not be adopted folder=%s code=%s", folder, error.code)
    return adopted


def _neighbours(own: Path) -> list[Path]:
    return sorted(path.parent for path in own.parent.glob(f"*/{FILE_NAME}") if path.parent != own)


async def _adopt(spool: Spool, folder: Path) -> int:
    orphan = await asyncio.to_thread(SpoolFile, folder, max_bytes=MAX_BYTES, lock_wait_s=0)
    try:
        count = orphan.size
        await _move(orphan, spool)
    except BaseException:
        await asyncio.to_thread(orphan.close)
        raise
    await asyncio.to_thread(orphan.remove)
    _log.info("adopted the spool of a node that is gone folder=%s entries=%d", folder, count)
    return count


async def _move(orphan: SpoolFile, spool: Spool) -> None:
    while entries := await asyncio.to_thread(orphan.oldest, ENTRIES_AT_ONCE):
        await asyncio.gather(*(spool.append(entry) for _, entry in entries))
        await asyncio.to_thread(_trim, orphan, entries[-1][0])


def _trim(orphan: SpoolFile, position: int) -> None:
    with orphan.transaction():
        orphan.trim(position)
