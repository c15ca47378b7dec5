"""Fills the disk through a spool, empties it, fills again; prints what happened as JSON.

Started as a program by a test that mounts a small disk for it: `python -m tests.filling_spool <folder>`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from db.records import LogEntry
from media_server.event_log import EventLog
from media_server.spool import Spool
from media_server.spool_errors import SpoolFullError
from tests.log_entries import ORGANIZATION, SESSION, final

BATCH = 100


async def run(folder: Path) -> dict[str, bool]:
    spool = Spool(folder)
    await spool.open()
    published: list[LogEntry] = []
    log = EventLog(spool, SESSION, ORGANIZATION, 1, 1, 10**9, lambda: True)
    log.subscribe(published.append)
    await _fill(log)
    seqs = [entry.seq for entry in published]
    stored = await spool.oldest(10**6)
    while entries := await spool.oldest(BATCH):
        await spool.trim(entries[-1][0])
    await asyncio.sleep(1.1)  # the ballast is looked after once a second
    await _fill(log)
    await spool.aclose()
    return {
        "stored is published": [entry.seq for _, entry in stored] == seqs,
        "was full": len(seqs) > BATCH,
        "took entries again": len(published) > len(seqs) + BATCH,
    }


async def _fill(log: EventLog) -> None:
    """Until three in a row are refused."""
    refused = 0
    while refused < 3:
        try:
            await log.append(final(1), at_ms=0)
            refused = 0
        except SpoolFullError:
            refused += 1


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(Path(sys.argv[1])))))  # noqa: T201
