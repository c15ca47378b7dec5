"""`liveconvo migrate`: bring the database to this version, or only say how far it is from it."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from functools import partial
from pathlib import Path

from db.errors import DbError
from db.migrate import Standing, check, migrate, migrations
from deploy.errors import DeployError
from deploy.owner_database import owner_database
from deploy.paths import data_folder_of, default_data_folder

UP_TO_DATE, NOT_UP_TO_DATE, UNSEEN = 0, 1, 2
"""Exit codes of --check; the last one when the database could not be looked at."""


def run(args: argparse.Namespace) -> int:
    """Print each migration that is applied; with --check, each that should be, and apply none."""
    return _check(args) if args.check else _migrate(args)


def _migrate(args: argparse.Namespace) -> int:
    with owner_database(data_folder_of(args.data_dir)) as owner_url:
        asyncio.run(migrate(owner_url, report=partial(print, flush=True)))
        _tell(asyncio.run(check(owner_url)))
    return UP_TO_DATE


def _check(args: argparse.Namespace) -> int:
    try:
        standing = _standing(Path(args.data_dir or os.environ.get("LIVECONVO_DATA_DIR") or default_data_folder()))
    except (DbError, DeployError) as error:
        print(f"liveconvo: {error}", file=sys.stderr)
        return UNSEEN
    _tell(standing)
    return UP_TO_DATE if standing.is_current else NOT_UP_TO_DATE


def _standing(data_folder: Path) -> Standing:
    """Of the configured database, or of the embedded one; where there is none yet, none is made."""
    is_embedded = not (os.environ.get("LIVECONVO_OWNER_DATABASE_URL") or os.environ.get("DATABASE_URL"))
    if is_embedded and not (data_folder / "postgres" / "cluster").exists():
        return Standing(tuple(migrations()), (), ())
    with owner_database(data_folder) as owner_url:
        return asyncio.run(check(owner_url))


def _tell(standing: Standing) -> None:
    for missing in standing.missing:
        print(f"missing {missing.name}")
    for changed in standing.changed:
        print(f"changed {changed.name}: it was applied from another text than this program has")
    for name in standing.unknown:
        print(f"unknown {name}: a newer release applied it")
    if standing.is_current:
        print("the database is up to date")
