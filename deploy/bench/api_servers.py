"""The API as `liveconvo up` starts it, and the bare server, on one filled database; and people who are signed in."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import asyncpg

from deploy.bench.api_mix import Asker
from deploy.bench.db_sample import Sample
from deploy.bench.db_server import Server
from deploy.errors import DeployError
from deploy.plan import Plan, Services, api_program
from deploy.ports import free_port
from deploy.valkey import EmbeddedValkey

START_S = 60.0
STOP_S = 10.0


@contextlib.contextmanager
def api_server(server: Server, folder: Path) -> Iterator[int]:
    """Its port; its worker runs in it, as always."""
    valkey = EmbeddedValkey(folder, free_port())
    valkey.start()
    try:
        port = free_port()
        services = Services(server.urls["api"], server.urls["media"], server.urls["jobs"], valkey.url)
        files = folder / "files"
        files.mkdir()
        program = api_program(Plan(folder, port=port), services)
        environment = dict(program.environment) | {"LIVECONVO_FILES_DIR": str(files)}
        with running(program.argv, environment, port, "/healthz"):
            yield port
    finally:
        valkey.stop()


@contextlib.contextmanager
def bare_server(server: Server) -> Iterator[int]:
    port = free_port()
    environment = dict(os.environ) | {"DATABASE_URL": server.urls["api"]}
    argv = [sys.executable, "-P", "-m", "deploy.bench.api_bare", str(port)]
    with running(argv, environment, port, "/"):
        yield port


async def sign_in(conn: asyncpg.Connection[asyncpg.Record], samples: Sequence[Sample]) -> list[Asker]:
    """Each sample's people, with tokens that this process knows."""
    people = {sample.user_id for sample in samples} | {sample.live_user_id for sample in samples}
    tokens: dict[UUID, str] = {person: secrets.token_hex(32) for person in people}
    await conn.executemany(
        "INSERT INTO user_app_sessions (user_id, session_token, user_agent) VALUES ($1, $2, 'bench')",
        [(person, sha256(token.encode()).hexdigest()) for person, token in tokens.items()],
    )
    # Whoever hosts a live call works in its organization; some are guests elsewhere.
    homes = {row["id"]: row["current_organization_id"] for row in await conn.fetch(
        "SELECT id, current_organization_id FROM users WHERE id = ANY($1)", list(people)
    )}  # fmt: skip
    return [
        Asker(sample, tokens[sample.user_id], tokens[sample.live_user_id])
        for sample in samples
        if homes[sample.live_user_id] == sample.live_organization_id
    ]


@contextlib.contextmanager
def running(argv: Sequence[str], environment: Mapping[str, str], port: int, path: str) -> Iterator[int]:
    """Until the body is done; its process id."""
    child = subprocess.Popen(argv, env=dict(environment))
    try:
        _wait(child, f"http://127.0.0.1:{port}{path}")
        yield child.pid
    finally:
        child.terminate()
        try:
            child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _wait(child: subprocess.Popen[bytes], url: str) -> None:
    deadline_s = time.monotonic() + START_S
    while child.poll() is None and time.monotonic() < deadline_s:
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310  our own address
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
    raise DeployError(f"{url} did not answer")
