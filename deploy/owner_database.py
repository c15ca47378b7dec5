"""The database as its owner sees it, for commands that run beside a stack or without one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.ports import free_port
from deploy.postgres import EmbeddedPostgres


@contextmanager
def owner_database(data_folder: Path) -> Iterator[str]:
    """The owner's address of the configured database, or of the embedded one, started for the occasion if need be."""
    if url := os.environ.get("LIVECONVO_OWNER_DATABASE_URL") or os.environ.get("DATABASE_URL"):
        yield url
        return
    cluster = data_folder / "postgres"
    if (port := EmbeddedPostgres.running_port(cluster)) is not None:
        yield EmbeddedPostgres(cluster, port).owner_url
        return
    postgres = EmbeddedPostgres(cluster, free_port())
    postgres.start()
    try:
        yield postgres.owner_url
    finally:
        postgres.stop()
