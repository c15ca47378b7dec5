"""`liveconvo migrate`: bring the database to this version."""

from __future__ import annotations

import argparse
import asyncio

from db.migrate import migrate
from deploy.owner_database import owner_database
from deploy.paths import data_folder_of


def run(args: argparse.Namespace) -> int:
    """Print the name of each migration that was applied."""
    with owner_database(data_folder_of(args.data_dir)) as owner_url:
        applied = asyncio.run(migrate(owner_url))
    for name in applied:
        print(f"applied {name}")
    print("the database is up to date")
    return 0
