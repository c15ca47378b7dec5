"""What the launcher of the embedded PostgreSQL promises, whatever happened to the last run."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from deploy import postgres_binaries
from deploy.errors import DeployError
from deploy.paths import throwaway_folder
from deploy.ports import free_port
from deploy.postgres import EmbeddedPostgres

pytestmark = pytest.mark.slow


@pytest.fixture
def folder() -> Iterator[Path]:
    with throwaway_folder() as folder:
        yield folder / "postgres"


@pytest.fixture
def postgres(folder: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(folder, free_port(), durable=False)
    server.start()
    try:
        yield server
    finally:
        server.stop()


async def answers(url: str) -> bool:
    conn = await asyncpg.connect(url)
    try:
        return bool(await conn.fetchval("SELECT true"))
    finally:
        await conn.close()


async def test_owner_owns_the_database_and_is_no_superuser(postgres: EmbeddedPostgres) -> None:
    conn = await asyncpg.connect(postgres.owner_url)
    try:
        assert not await conn.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        await conn.execute("CREATE TABLE mine (id int)")
    finally:
        await conn.close()


async def test_wrong_password_is_refused(postgres: EmbeddedPostgres) -> None:
    url = postgres.owner_url.replace("liveconvo_owner:", "liveconvo_owner:x")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(url)


async def test_killed_server_starts_again(postgres: EmbeddedPostgres) -> None:
    assert postgres.pid is not None
    os.kill(postgres.pid, signal.SIGKILL)
    postgres.start()
    assert await answers(postgres.owner_url)


async def test_pid_file_that_names_another_program_does_not_stop_the_start(
    postgres: EmbeddedPostgres, folder: Path
) -> None:
    postgres.stop()
    pid_file = folder / "cluster" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{folder / 'cluster'}\n0\n5432\n\nlocalhost\n0 0\nready\n")
    postgres.start()
    assert await answers(postgres.owner_url)


async def test_creation_that_was_cut_off_is_begun_anew(folder: Path) -> None:
    (folder / "cluster.new").mkdir(parents=True)
    (folder / "cluster.new" / "PG_VERSION").write_text("18")
    postgres = EmbeddedPostgres(folder, free_port(), durable=False)
    postgres.start()
    try:
        assert await answers(postgres.owner_url)
    finally:
        postgres.stop()


async def test_binaries_out_of_the_database_users_reach_are_copied(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_binaries, "obstacle", lambda path, _: path if path.name == "bin" else None)
    postgres = EmbeddedPostgres(folder, free_port(), durable=False)
    postgres.start()
    try:
        assert postgres.program().argv[0].startswith(str(folder.resolve()))
        assert await answers(postgres.owner_url)
    finally:
        postgres.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a database of another user")
def test_folder_out_of_the_database_users_reach_is_named(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    with pytest.raises(DeployError, match=str(folder)):
        EmbeddedPostgres(folder / "inside", free_port()).start()


def test_running_port_is_known_to_others(postgres: EmbeddedPostgres, folder: Path) -> None:
    assert str(EmbeddedPostgres.running_port(folder)) in postgres.owner_url


def test_stopped_server_has_no_port(postgres: EmbeddedPostgres, folder: Path) -> None:
    postgres.stop()
    assert EmbeddedPostgres.running_port(folder) is None
