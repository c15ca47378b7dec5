"""`liveconvo admin retention`: what the worker's sweep does every hour, at once and by hand."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from control_api.erasing import Erased, Eraser
from db.pool import Connection, owner_connection
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


async def _sweep(owner_url: str, *, is_dry: bool) -> Erased:
    async with owner_connection(owner_url) as conn:

        @asynccontextmanager
        async def open_transaction() -> AsyncIterator[Connection]:
            async with conn.transaction():
                yield conn

        eraser = Eraser(open_transaction)
        return await (eraser.preview() if is_dry else eraser.sweep())
