"""G22: the real program does not start on what is unsafe, says why by a code, and is not started again.

In `make test` one of each kind; in `make chaos` every row of the table.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from tests.chaos import IS_CHAOS, figures
from tests.conftest import Database, PostgresServer
from tests.unit.test_safety import STRONG, UNSAFE

SETTINGS = [(code, changes, "") for code, changes in UNSAFE]
ROLES = [
    ("role_superuser", "ALTER ROLE {me} SUPERUSER"),
    ("role_bypasses_rls", "ALTER ROLE {me} BYPASSRLS"),
    ("role_replicates", "ALTER ROLE {me} REPLICATION"),
    ("role_makes_roles", "ALTER ROLE {me} CREATEROLE"),
    ("role_could_become", "GRANT {owner} TO {me}"),
    ("role_owns_tables", "ALTER TABLE transcripts OWNER TO {me}"),
    ("wrong_role", "GRANT liveconvo_jobs TO {me}"),
    ("rls_off", "GRANT liveconvo_api TO {me}; ALTER TABLE transcripts DISABLE ROW LEVEL SECURITY"),
    ("rls_not_forced", "GRANT liveconvo_api TO {me}; ALTER TABLE transcripts NO FORCE ROW LEVEL SECURITY"),
]
FIRST = {"open_turn", "role_superuser"}
OPTIMIZED = "optimized"
"""Started with -O: the library is compiled anew for it, which takes a while."""
API, NODE = "control_api", "media_server"
TABLE = [
    *((API, *row) for row in SETTINGS),
    *((API, code, {}, sql) for code, sql in ROLES),
    (API, OPTIMIZED, {}, ""),
    (NODE, OPTIMIZED, {}, ""),
    (NODE, "role_bypasses_rls", {}, "ALTER ROLE {me} BYPASSRLS"),
    (NODE, "wrong_role", {}, "GRANT liveconvo_jobs TO {me}"),
]
CHOSEN = [row for row in TABLE if IS_CHAOS or (row[0] == API and row[1] in FIRST)]


def start(program: str, environment: dict[str, str], *flags: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    return subprocess.run(
        [sys.executable, *flags, "-m", program],
        env={**kept, "LIVECONVO_API_PORT": "18999", "LIVECONVO_MEDIA_PORT": "18998", **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def is_refused(program: str, done: subprocess.CompletedProcess[str], code: str) -> bool:
    lines = done.stderr.splitlines()
    return done.returncode == 3 and any(line.startswith(f"{program}: refuses to start code={code}: ") for line in lines)


@pytest.mark.slow
@pytest.mark.chaos
@pytest.mark.parametrize("row", CHOSEN, ids=[f"{row[0]}-{row[1]}-{n}" for n, row in enumerate(CHOSEN)])
async def test_what_is_unsafe_does_not_start(
    postgres_server: PostgresServer, database: Database, tmp_path: Path, row: tuple[str, str, dict[str, str], str]
) -> None:
    program, code, changes, sql = row
    me, password = f"test_{secrets.token_hex(6)}", secrets.token_hex(16)
    url = urlunsplit(urlsplit(postgres_server.superuser_url)._replace(path=f"/{database.name}"))
    conn = await asyncpg.connect(url)
    try:
        await conn.execute(f"CREATE ROLE {me} LOGIN PASSWORD '{password}'")
        for statement in filter(None, sql.format(me=me, owner=urlsplit(database.owner_url).username).split(";")):
            await conn.execute(statement)
        address = PostgresServer(postgres_server.owner_url, "", {me: password}).url(database.name, me)
        environment = {
            "DATABASE_URL": address if sql else database.api_url,
            "LIVECONVO_JOBS_DATABASE_URL": database.jobs_url,
            "LIVECONVO_SECRET_KEY": STRONG,
            "LIVECONVO_DATA_DIR": str(tmp_path),
            **changes,
        }
        if "LIVECONVO_JOBS_DATABASE_URL" in changes and code == "weak_secret_key":
            del environment["LIVECONVO_SECRET_KEY"]
        if code == "same_login":
            environment["LIVECONVO_JOBS_DATABASE_URL"] = database.api_url
        done = await asyncio.to_thread(start, program, environment, *(["-O"] if code == OPTIMIZED else []))
    finally:
        await conn.execute(f"REASSIGN OWNED BY {me} TO {urlsplit(database.owner_url).username}")
        await conn.execute(f"DROP OWNED BY {me} CASCADE")
        await conn.execute(f"DROP ROLE {me}")
        await conn.close()
    assert is_refused(program, done, code), (done.returncode, done.stderr[-500:])
    assert not any(secret in done.stderr for secret in (password, STRONG))
    figures("unsafe_start", program=program, code=code, refused=True)
