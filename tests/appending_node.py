"""A media node reduced to its log: appends numbered finals to one session and prints each seq once it is published.

Started as a program by tests that stop and kill it: `python -m tests.appending_node '<JSON of Orders>'`. Prints
`published <seq> <text>` for each entry that anybody saw, and `lost` when its lease is gone; then it ends.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from uuid import UUID

import orjson
import uvloop

from db.errors import ConflictError, UnavailableError
from db.pool import Pool, create_pool
from db.records import Lease, LogEntry
from media_server.event_log import EventLog, LeaseLostError
from media_server.lease import LeaseKeeper
from media_server.recorder import Recorder
from media_server.spool import Spool
from tests.log_entries import NoFollowers, final

APPENDERS = 3
PAUSE_S = 0.005


@dataclass(frozen=True, slots=True)
class Orders:
    database_url: str
    data_dir: str
    node: str
    session_id: str
    participant_id: str
    first_number: int
    """Each run writes other finals than those before it."""
    lease_s: float = 6.0

    def argv(self) -> list[str]:
        return [sys.executable, "-m", "tests.appending_node", json.dumps(asdict(self))]


async def run(orders: Orders) -> None:
    pool = await _connect(orders.database_url)
    spool = Spool(Path(orders.data_dir) / "spool" / orders.node)
    await spool.open()
    keeper = LeaseKeeper(pool, orders.node, f"http://{orders.node}", lease_s=orders.lease_s)
    lease = await _acquire(keeper, UUID(orders.session_id))
    log = EventLog(
        spool,
        lease.session_id,
        lease.organization_id,
        lease.epoch,
        lease.first_seq,
        lease.last_seq,
        partial(keeper.is_current, lease.session_id),
    )
    keeper.watch(lease.session_id, log)
    log.subscribe(_show)
    numbers = itertools.count(orders.first_number)
    async with asyncio.TaskGroup() as tasks:
        background = [
            tasks.create_task(keeper.run()),
            tasks.create_task(Recorder(spool, pool, NoFollowers()).run()),
        ]
        appending = [tasks.create_task(_append(log, numbers, orders)) for _ in range(APPENDERS)]
        await asyncio.wait(appending)
        for task in background:
            task.cancel()
    _print("lost")


async def _append(log: EventLog, numbers: itertools.count[int], orders: Orders) -> None:
    while True:
        event = final(next(numbers), namespace=UUID(orders.session_id), participant_id=UUID(orders.participant_id))
        try:
            await log.append(event, at_ms=event.end_ms)
        except LeaseLostError:
            return
        await asyncio.sleep(PAUSE_S)


async def _connect(url: str) -> Pool:
    while True:
        try:
            return await create_pool(url, application_name="appending node")
        except UnavailableError:
            await asyncio.sleep(0.1)


async def _acquire(keeper: LeaseKeeper, session_id: UUID) -> Lease:
    while True:
        try:
            return await keeper.acquire(session_id)
        except (UnavailableError, ConflictError):
            await asyncio.sleep(0.1)


def _show(entry: LogEntry) -> None:
    _print(f"published {entry.seq} {orjson.loads(entry.payload)['text']}")


def _print(line: str) -> None:
    # One write for each line: a killed program leaves no half of one, but perhaps the last.
    os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    uvloop.run(run(Orders(**json.loads(sys.argv[1]))))
