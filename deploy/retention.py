"""`liveconvo admin retention`, `erased` and `erase-again`: what the worker erases, by hand and after a restore."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from uuid import UUID

from control_api.erasing import Erased, Eraser
from db.errors import DbError
from db.pool import Connection, owner_connection, translation
from db.tombstones import Tombstone, list_tombstones
from deploy.errors import DeployError
from deploy.owner_database import owner_database
from deploy.paths import data_folder_of

_REASONS = {"retention": "whose time to be kept has passed", "deleted": "that were deleted a month ago"}


def run(args: argparse.Namespace) -> int:
    """Print one line for each kind of thing: how many went, or would go."""
    with owner_database(data_folder_of(args.data_dir)) as owner_url:
        erased = asyncio.run(_sweep(owner_url, is_dry=args.dry_run))
    verb = "would go" if args.dry_run else "went"
    for cause, count in erased.sessions.items():
        print(f"{count} sessions {_REASONS[cause]} {verb}")
    for name, count in erased.rows.items():
        print(f"{count} {name.replace('_', ' ')} {verb}")
    return 0


def list_erased(args: argparse.Namespace) -> int:
    """Print what was erased, one JSON object a line: to be kept where the back-ups are."""
    with owner_database(data_folder_of(args.data_dir)) as owner_url:
        for stone in asyncio.run(_tombstones(owner_url, args.since)):
            print(json.dumps({"kind": stone.kind, "id": str(stone.id), "erased_at": stone.erased_at.isoformat()}))
    return 0


def erase_again(args: argparse.Namespace) -> int:
    """Erase what such a list names, in a database that was restored from an older back-up."""
    stones = [_read(line) for line in Path(args.file).read_text("utf-8").splitlines() if line.strip()]
    with owner_database(data_folder_of(args.data_dir)) as owner_url:
        left = asyncio.run(_replay(owner_url, stones))
    for stone, code in left:
        print(f"not erased: {stone.kind} {stone.id}: {code}", file=sys.stderr)
    print(f"{len(stones) - len(left)} erased")
    return 1 if left else 0


async def _sweep(owner_url: str, *, is_dry: bool) -> Erased:
    async with _eraser(owner_url) as eraser:
        return await (eraser.preview() if is_dry else eraser.sweep())


async def _tombstones(owner_url: str, since: datetime) -> list[Tombstone]:
    async with owner_connection(owner_url) as conn:
        return await list_tombstones(conn, since)


async def _replay(owner_url: str, stones: list[Tombstone]) -> list[tuple[Tombstone, str]]:
    """Those that could not be erased, and why."""
    left = []
    async with _eraser(owner_url) as eraser:
        for stone in stones:
            try:
                await eraser.erase_again(stone)
            except DbError as error:
                left.append((stone, error.code))
    return left


def _read(line: str) -> Tombstone:
    try:
        said = json.loads(line)
        return Tombstone(said["kind"], UUID(said["id"]), datetime.fromisoformat(said["erased_at"]))
    except (ValueError, KeyError, TypeError) as error:
        raise DeployError(f"not a line of `liveconvo admin erased`: {line[:80]}") from error


@asynccontextmanager
async def _eraser(owner_url: str) -> AsyncIterator[Eraser]:
    async with owner_connection(owner_url) as conn:

        @asynccontextmanager
        async def open_transaction() -> AsyncIterator[Connection]:
            async with translation(), conn.transaction():
                yield conn

        yield Eraser(open_transaction)
