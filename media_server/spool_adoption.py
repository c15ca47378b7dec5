"""Spools of nodes that are gone: their entries move into the spool of a node that lives.

A spool whose lock is free has no owner. Its entries are copied (durable here first, deleted there after), so that its
name is free again in a moment, whether Postgres answers or not: the same node may be just about to start. Killed in
between, entries stand in both spools, which costs nothing: Postgres takes each once.

What is left behind for another look, a little later:
- a spool that is too large for one moment, or for the half of this one that adopted entries may take: live calls need
  the rest;
- what the disk does not give just now.
For good: a spool whose node lives, one that a newer program wrote, and what was set aside for a person.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path

from media_server.spool import MAX_BYTES, Spool
from media_server.spool_errors import SpoolError, SpoolLockedError, SpoolVersionError
from media_server.spool_file import BALLAST_NAME, FILE_NAME, SpoolFile
from media_server.spool_lock import LOCK_NAME
from media_server.spool_opening import MENDED_NAME

ENTRIES_AT_ONCE = 500
MOMENT_S = 5.0
"""Half of what a starting node waits for its spool."""
SHARE = 0.5
LOOK_AGAIN_S = 30.0

_log = logging.getLogger(__name__)


async def adopt_all(spool: Spool) -> None:
    """Take over every spool beside this one whose node is gone; look again while something is left behind."""
    while not await adopt_orphans(spool):  # noqa: ASYNC110 - other programs leave spools behind, nobody tells
        await asyncio.sleep(LOOK_AGAIN_S)


async def adopt_orphans(spool: Spool) -> bool:
    """One look; False when something is left behind that may go another time."""
    is_done = True
    for folder in await asyncio.to_thread(_neighbours, spool.folder):
        try:
            is_done &= await _adopt(spool, folder)
        except SpoolLockedError:
            continue
        except SpoolVersionError:
            _log.error("a spool of a newer program waits for one folder=%s", folder)
        except SpoolError as error:
            is_done = False
            _log.error("a spool could not be adopted folder=%s code=%s", folder, error.code)
    return is_done


def _neighbours(own: Path) -> list[Path]:
    """Folders with anything of a spool in them, even if its deletion was cut short; empty ones are cleared away."""
    for folder in own.parent.iterdir():
        with contextlib.suppress(OSError):  # a file, or not empty
            folder.rmdir()
    names = (FILE_NAME, MENDED_NAME, LOCK_NAME, BALLAST_NAME)
    return sorted({path.parent for name in names for path in own.parent.glob(f"*/{name}") if path.parent != own})


async def _adopt(spool: Spool, folder: Path) -> bool:
    """False when a part of it had to stay."""
    orphan = await asyncio.to_thread(SpoolFile, folder, max_bytes=MAX_BYTES, lock_wait_s=0)
    try:
        await _move(orphan, spool)
    except BaseException:
        await asyncio.to_thread(orphan.close)
        raise
    if orphan.size:
        await asyncio.to_thread(orphan.close)
        return False
    await asyncio.to_thread(orphan.remove)
    _log.info("adopted the spool of a node that is gone folder=%s", folder)
    return True


async def _move(orphan: SpoolFile, spool: Spool) -> None:
    """All of it, or as much as fits into a moment and into this spool."""
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + MOMENT_S
    while loop.time() < ends_at and spool.used_share < SHARE:
        entries = await asyncio.to_thread(orphan.oldest, ENTRIES_AT_ONCE)
        if not entries:
            return
        await asyncio.gather(*(spool.append(entry) for _, entry in entries))
        await asyncio.to_thread(_trim, orphan, entries[-1][0])


def _trim(orphan: SpoolFile, position: int) -> None:
    with orphan.transaction():
        orphan.trim(position)
