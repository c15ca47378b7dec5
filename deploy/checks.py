"""What `liveconvo doctor` looks at; each check is a function from the settings to what it found.

Verdicts: ok; note = works, but somebody may miss something; problem = calls cannot work until it is fixed.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from db.errors import DbError
from db.pool import owner_connection
from deploy.errors import DeployError
from deploy.paths import refuse_unusable
from deploy.ports import is_free
from deploy.postgres import EmbeddedPostgres
from deploy.probe import http_status
from deploy.valkey import EmbeddedValkey

_ANSWER_TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    name: str
    verdict: str
    detail: str
    fix: str | None = None
    """What to do about it; None where nothing need be done."""
    code: str | None = None
    """The same for programs, where several things can be wrong."""
    figures: Mapping[str, float] | None = None
    """What was measured."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The machine and the settings that are looked at."""

    data_folder: Path
    port: int
    environment: Mapping[str, str]
    url: str | None = None
    """Of a control API that runs, to be called with `token`."""
    token: str | None = None


Check = Callable[[Subject], Awaitable[Finding]]


async def data_folder(subject: Subject) -> Finding:
    try:
        refuse_unusable(subject.data_folder)
    except DeployError as error:
        return Finding("data folder", "problem", str(error), "choose another with --data-dir")
    return Finding("data folder", "ok", str(subject.data_folder))


async def web_page(_: Subject) -> Finding:
    found = find_spec("control_api")
    page = Path(found.origin).parent / "web" / "index.html" if found and found.origin else Path()
    if page.is_file():
        return Finding("web page", "ok", "built")
    return Finding("web page", "problem", "the web client is not built", "run: make setup")


async def microphones(subject: Subject) -> Finding:
    origin = subject.environment.get("LIVECONVO_PUBLIC_ORIGIN") or f"http://localhost:{subject.port}"
    parts = urlsplit(origin)
    if parts.scheme == "https" or parts.hostname in {"localhost", "127.0.0.1"}:
        return Finding("microphones", "ok", f"browsers allow them on {origin}")
    fix = "put TLS in front and set LIVECONVO_PUBLIC_ORIGIN to the https address"
    return Finding("microphones", "problem", f"browsers refuse the microphone on {origin}", fix)


async def ports(subject: Subject) -> Finding:
    taken = [port for port in (subject.port, subject.port + 1) if not is_free(port)]
    if not taken:
        return Finding("ports", "ok", f"{subject.port} and {subject.port + 1} are free")
    if await http_status(f"http://127.0.0.1:{subject.port}/healthz") == HTTPStatus.OK:
        return Finding("ports", "ok", f"a LiveConvo is serving on {subject.port} already")
    numbers = " and ".join(map(str, taken))
    return Finding("ports", "problem", f"{numbers} taken by another program", "stop it, or use: liveconvo up --port")


async def postgres(subject: Subject) -> Finding:
    values = subject.environment
    if url := values.get("LIVECONVO_OWNER_DATABASE_URL") or values.get("DATABASE_URL"):
        try:
            async with owner_connection(url) as conn:
                version = await conn.fetchval("SHOW server_version")
        except DbError as error:
            where = urlsplit(url).hostname
            return Finding("Postgres", "problem", f"{where}: {error}", "check DATABASE_URL and that the server runs")
        return Finding("Postgres", "ok", f"version {version} at {urlsplit(url).hostname}")
    try:
        EmbeddedPostgres(subject.data_folder / "postgres", 0).check()
    except DeployError as error:
        return Finding("Postgres", "problem", str(error), "fix this, or set DATABASE_URL")
    return Finding("Postgres", "ok", "embedded")


async def redis(subject: Subject) -> Finding:
    url = subject.environment.get("REDIS_URL")
    if not url:
        try:
            EmbeddedValkey(subject.data_folder / "valkey", 0).check()
        except DeployError as error:
            return Finding("Redis", "problem", str(error), "set REDIS_URL")
        return Finding("Redis", "ok", "embedded Valkey")
    parts = urlsplit(url)
    if await _tcp_answers(parts.hostname or "127.0.0.1", parts.port or 6379):
        return Finding("Redis", "ok", f"answers at {parts.hostname}")
    return Finding("Redis", "note", f"nobody answers at {parts.hostname}; calls work, a little slower", "start it")


async def udp(_: Subject) -> Finding:
    """WebRTC's packets are UDP; some containers and firewalls drop it even inside the machine."""
    word = secrets.token_bytes(16)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(1)
        try:
            ear.sendto(word, ear.getsockname())
            heard = ear.recv(64) == word
        except OSError:
            heard = False
    if heard:
        return Finding("UDP", "ok", "packets arrive inside this machine")
    return Finding("UDP", "problem", "no packet arrives at 127.0.0.1", "allow UDP in the firewall or container")


async def turn(subject: Subject) -> Finding:
    urls = turn_urls(subject)
    if not urls:
        detail = "none configured; people behind strict networks may not get through"
        return Finding("TURN", "note", detail, "see turn/README.md, then set LIVECONVO_TURN_URLS and _SECRET")
    if not subject.environment.get("LIVECONVO_TURN_SECRET"):
        return Finding("TURN", "problem", "LIVECONVO_TURN_SECRET is not set", "set it to coturn's static-auth-secret")
    return Finding("TURN", "ok", ", ".join(urls))


def turn_urls(subject: Subject) -> list[str]:
    listed = subject.environment.get("LIVECONVO_TURN_URLS", "")
    return [url.strip() for url in listed.split(",") if url.strip()]


async def _tcp_answers(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(_ANSWER_TIMEOUT_S):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
    except (OSError, TimeoutError):
        return False
    return True
