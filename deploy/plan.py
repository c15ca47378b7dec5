"""What one stack consists of: its ports, addresses, and the environment of each server.

Pure: the caller's environment comes in as a mapping.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from deploy.program import Program

ROLES = {"api": "liveconvo_api", "media": "liveconvo_media", "jobs": "liveconvo_jobs"}
_OWNER_ONLY = ("LIVECONVO_OWNER_DATABASE_URL", "PGPASSWORD", "PGPASSFILE")
"""What no server may see."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The stack that somebody asked for."""

    data_folder: Path
    host: str = "127.0.0.1"
    port: int = 8080
    """The control API's; media node k listens on `port` + 1 + k."""
    workers: int = 1
    durable: bool = True
    """False: a throw-away database that power loss may break."""
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    """The caller's settings; the servers inherit them."""

    @property
    def public_origin(self) -> str:
        """What people type into their browser."""
        return self.environment.get("LIVECONVO_PUBLIC_ORIGIN", "").rstrip("/") or f"http://localhost:{self.port}"

    @property
    def probe_host(self) -> str:
        """Where this machine itself finds its servers."""
        return "127.0.0.1" if self.host in {"0.0.0.0", "::", ""} else self.host  # noqa: S104 - compared, not bound

    def media_port(self, worker: int) -> int:
        """The HTTP port of a media node."""
        return self.port + 1 + worker

    def media_url(self, worker: int) -> str:
        """How a browser reaches a media node."""
        given = self.environment.get("LIVECONVO_MEDIA_URL", "").rstrip("/")
        if given and self.workers == 1:
            return given
        origin = urlsplit(self.public_origin)
        return f"{origin.scheme}://{origin.hostname}:{self.media_port(worker)}"

    def ports(self) -> list[int]:
        """Every port that must be free."""
        return [self.port, *(self.media_port(worker) for worker in range(self.workers))]


@dataclass(frozen=True, slots=True)
class Services:
    """The addresses that the servers get; each with the login of one role."""

    api_url: str
    media_url: str
    jobs_url: str
    redis_url: str


def role_url(database_url: str, role: str, password: str) -> str:
    """The same database, for another login."""
    parts = urlsplit(database_url)
    address = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(role, safe='')}:{quote(password, safe='')}@{address}"))


def api_program(plan: Plan, services: Services) -> Program:
    """The control API."""
    given = plan.environment
    files = {} if given.get("LIVECONVO_FILES_S3") else {
        "LIVECONVO_FILES_DIR": given.get("LIVECONVO_FILES_DIR") or str(plan.data_folder / "files")
    }  # fmt: skip
    return _server("control_api", "api", plan, files | {
        "DATABASE_URL": services.api_url,
        "LIVECONVO_JOBS_DATABASE_URL": services.jobs_url,
        "REDIS_URL": services.redis_url,
        "LIVECONVO_API_HOST": plan.host,
        "LIVECONVO_API_PORT": str(plan.port),
    })  # fmt: skip


def media_program(plan: Plan, services: Services, worker: int) -> Program:
    """Media node number `worker`; all nodes stop together, so calls have nowhere to go and are let go at once."""
    drain_s = plan.environment.get("LIVECONVO_DRAIN_S", "") or "0"
    program = _server("media_server", f"media-{worker}", plan, {
        "DATABASE_URL": services.media_url,
        "REDIS_URL": services.redis_url,
        "LIVECONVO_NODE": f"{socket.gethostname()}-{worker}",
        "LIVECONVO_MEDIA_HOST": plan.host,
        "LIVECONVO_MEDIA_PORT": str(plan.media_port(worker)),
        "LIVECONVO_MEDIA_URL": plan.media_url(worker),
        "LIVECONVO_DRAIN_S": drain_s,
    })  # fmt: skip
    return replace(program, drain_s=float(drain_s) if drain_s.isdecimal() else 0.0)


def _server(module: str, name: str, plan: Plan, own: dict[str, str]) -> Program:
    inherited = {key: value for key, value in plan.environment.items() if key not in _OWNER_ONLY}
    common = {
        "LIVECONVO_DATA_DIR": str(plan.data_folder),
        "LIVECONVO_PUBLIC_ORIGIN": plan.public_origin,
        "PYTHONUNBUFFERED": "1",
    }
    # -P: a folder named `db` where the person stands must not be taken for ours.
    argv = [sys.executable, "-P", "-m", module]
    return Program(name, argv, inherited | common | own, cwd=str(Path.cwd()))
