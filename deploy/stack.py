"""A whole LiveConvo on one machine: storage, migrations, accounts, servers, in this order."""

from __future__ import annotations

import fcntl
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path

from deploy.database import prepare_database
from deploy.errors import DeployError
from deploy.owner_account import owner_session_token, owner_sign_in_token
from deploy.paths import throwaway_folder
from deploy.plan import Plan, Services, api_program, media_program
from deploy.ports import free_port, free_ports, is_free
from deploy.postgres import EmbeddedPostgres
from deploy.probe import http_status
from deploy.supervisor import SERVERS, STORAGE, Supervisor
from deploy.valkey import EmbeddedValkey

_STORAGE_READY_S, _SERVERS_READY_S = 30.0, 60.0
_ADDRESSES = frozenset({
    "DATABASE_URL", "LIVECONVO_OWNER_DATABASE_URL", "REDIS_URL",
    "LIVECONVO_PUBLIC_ORIGIN", "LIVECONVO_MEDIA_URL", "LIVECONVO_TURN_URLS", "LIVECONVO_OWNER_EMAIL",
})  # fmt: skip
"""Settings of somebody's real stack, which a throw-away one must not reach."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack, as those who use it see it."""

    url: str
    """The control API."""
    media_urls: tuple[str, ...]
    owner_database_url: str
    sign_in_token: str | None
    """For one sign-in as the owner; None once the owner has a password."""
    data_folder: Path
    token: str = ""
    """Signed in as the owner; made by throw-away stacks only."""

    @property
    def sign_in_link(self) -> str | None:
        """What the owner opens in a browser."""
        return self.sign_in_token and f"{self.url}/#/link/{self.sign_in_token}"

    def pid(self, name: str) -> int:
        """The process id of `postgres`, `valkey`, `api` or `media-0` … as it runs now."""
        return int((self.data_folder / "run" / f"{name}.pid").read_text())


@asynccontextmanager
async def running_stack(plan: Plan, supervisor: Supervisor) -> AsyncIterator[Stack]:
    """The stack of `plan`, ready to be used; leaving the block stops it.

    Raises:
        DeployError: it cannot run; the message says why.
    """
    _refuse_taken_ports(plan)
    with _only_stack_in(plan.data_folder):
        async with supervisor:
            owner_url, database_url = await _start_postgres(plan, supervisor)
            redis_url = await _start_valkey(plan, supervisor)
            services = await prepare_database(plan.data_folder, owner_url, database_url, redis_url)
            token = await owner_sign_in_token(owner_url, plan.environment)
            await _start_servers(plan, services, supervisor)
            media_urls = tuple(plan.media_url(worker) for worker in range(plan.workers))
            yield Stack(plan.public_origin, media_urls, owner_url, token, plan.data_folder)


@asynccontextmanager
async def throwaway_stack(workers: int = 1, settings: Mapping[str, str] | None = None) -> AsyncIterator[Stack]:
    """A stack on free ports in a temporary folder, gone afterwards.

    The caller's own database, Redis and addresses are left alone; `settings` are added to the servers' environment.
    """
    with throwaway_folder() as folder, (folder / "stack.log").open("w", buffering=1) as log:
        plan = _throwaway_plan(folder, workers, settings or {})
        supervisor = Supervisor(lambda name, line: print(name, "|", line, file=log), folder / "run")
        async with running_stack(plan, supervisor) as stack:
            yield replace(stack, token=await owner_session_token(stack.owner_database_url, plan.environment))


def _throwaway_plan(folder: Path, workers: int, settings: Mapping[str, str]) -> Plan:
    inherited = {name: value for name, value in os.environ.items() if name not in _ADDRESSES}
    environment = {**inherited, "LIVECONVO_ICE_ADDRESSES": "127.0.0.1", **settings}
    return Plan(folder, "127.0.0.1", free_ports(1 + workers), workers, durable=False, environment=environment)


def _refuse_taken_ports(plan: Plan) -> None:
    for port in plan.ports():
        if not is_free(port, plan.host):
            raise DeployError(
                f"port {port} of {plan.host} is taken by another program: stop that one, or choose another with --port"
            )


@contextmanager
def _only_stack_in(data_folder: Path) -> Iterator[None]:
    """Two stacks on one data folder would fight over its database and spools."""
    lock_file = data_folder / "run" / "up.lock"
    lock_file.parent.mkdir(exist_ok=True)
    with lock_file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DeployError(
                f"another LiveConvo runs on {data_folder}; stop it, or choose another --data-dir"
            ) from error
        yield


async def _start_postgres(plan: Plan, supervisor: Supervisor) -> tuple[str, str]:
    """The address for the owner, and the one whose login is replaced by the servers' own."""
    owner_url = plan.environment.get("LIVECONVO_OWNER_DATABASE_URL", "")
    database_url = plan.environment.get("DATABASE_URL", "")
    if owner_url or database_url:
        return owner_url or database_url, database_url or owner_url
    postgres = EmbeddedPostgres(plan.data_folder / "postgres", free_port(), durable=plan.durable)
    postgres.prepare()
    supervisor.add(STORAGE, postgres.program())

    async def is_ready() -> bool:
        return postgres.is_ready() and postgres.pid == supervisor.pid("postgres")

    await supervisor.until_ready("postgres", is_ready, _STORAGE_READY_S)
    return postgres.owner_url, postgres.owner_url


async def _start_valkey(plan: Plan, supervisor: Supervisor) -> str:
    if given := plan.environment.get("REDIS_URL", ""):
        return given
    valkey = EmbeddedValkey(plan.data_folder / "valkey", free_port())
    supervisor.add(STORAGE, valkey.program())

    async def is_ready() -> bool:
        return valkey.is_ready()

    await supervisor.until_ready("valkey", is_ready, _STORAGE_READY_S)
    return valkey.url


async def _start_servers(plan: Plan, services: Services, supervisor: Supervisor) -> None:
    health = {}
    for program, port in (
        (api_program(plan, services), plan.port),
        *((media_program(plan, services, worker), plan.media_port(worker)) for worker in range(plan.workers)),
    ):
        supervisor.add(SERVERS, program)
        health[program.name] = f"http://{plan.probe_host}:{port}/readyz"
    for name, url in health.items():

        async def is_ready(url: str = url) -> bool:
            return await http_status(url) == HTTPStatus.OK

        await supervisor.until_ready(name, is_ready, _SERVERS_READY_S)
