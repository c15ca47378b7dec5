"""`python -m deploy.schema_dump`: write db/schema.sql anew, from the migrations applied to a database of its own."""

from __future__ import annotations

import asyncio
import subprocess
from importlib import resources
from pathlib import Path

from db.migrate import migrate
from db.schema_dump import readable
from deploy.errors import DeployError
from deploy.paths import throwaway_folder
from deploy.ports import free_port
from deploy.postgres import EmbeddedPostgres
from deploy.postgres_binaries import installed_wheel

DB_FOLDER = Path(str(resources.files("db")))
SCHEMA_FILE = DB_FOLDER / "schema.sql"
_TIMEOUT_S = 60.0


def schema_of(owner_url: str) -> str:
    """What schema.sql should be, for this database.

    Raises:
        DeployError: pg_dump fails; the message says why.
    """
    pg_dump = str(installed_wheel() / "pginstall" / "bin" / "pg_dump")
    command = [pg_dump, "--schema-only", "--no-owner", owner_url]
    dump = subprocess.run(command, capture_output=True, check=False, text=True, timeout=_TIMEOUT_S)
    if dump.returncode:
        raise DeployError(f"pg_dump: {dump.stderr.strip()}")
    return readable(dump.stdout, (DB_FOLDER / "SCHEMA.md").read_text("utf-8"))


def main() -> None:
    with throwaway_folder() as folder:
        postgres = EmbeddedPostgres(folder / "postgres", free_port(), durable=False)
        postgres.start()
        try:
            asyncio.run(migrate(postgres.owner_url))
            SCHEMA_FILE.write_text(schema_of(postgres.owner_url), "utf-8")
        finally:
            postgres.stop()
    print(f"wrote {SCHEMA_FILE}")


if __name__ == "__main__":
    main()
