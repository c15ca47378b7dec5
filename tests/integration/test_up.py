"""What `liveconvo up` promises to whoever starts it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from deploy.paths import throwaway_folder
from deploy.ports import free_ports
from deploy.service_user import ServiceUser
from tests.running_up import STOP_TIMEOUT_S, RunningUp, ready, until, up

pytestmark = pytest.mark.slow

BACK_TIMEOUT_S = 20.0
PROMPT_TIMEOUT_S = 4.0
"""Less than a hanging server is given before it is killed."""
NOBODY = ServiceUser(65_534, 65_534)
# The interpreter may lie in a private folder of root's; the capability opens it, and the user is an ordinary one still.
AS_NOBODY = (
    "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
    "--inh-caps=+dac_override", "--ambient-caps=+dac_override",
)  # fmt: skip


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with throwaway_folder() as folder:
        yield folder / "data"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack() -> AsyncIterator[RunningUp]:
    """One for the tests that leave it running."""
    with throwaway_folder() as folder:
        async with up(folder / "data") as running:
            yield await ready(running)


async def test_first_start_prints_a_link_that_signs_the_owner_in_once(stack: RunningUp) -> None:
    token = await stack.sign_in()
    me = await stack.request("GET", "/v1/me", token=token)
    assert me["role"] == "owner"
    with pytest.raises(Exception, match="401"):
        await stack.sign_in()


async def test_killed_children_come_back(stack: RunningUp) -> None:
    for name in ("postgres", "valkey", "media-0", "api"):
        killed = stack.pid(name)
        os.kill(killed, signal.SIGKILL)
        await until(lambda name=name, killed=killed: _new_pid(stack, name, killed))
    async with asyncio.timeout(BACK_TIMEOUT_S):
        while not await stack.is_serving():
            await asyncio.sleep(0.05)


async def test_stop_is_clean_and_the_next_start_keeps_what_was_stored(data_dir: Path) -> None:
    async with up(data_dir) as running:
        token = await (await ready(running)).sign_in()
        session = await running.request("POST", "/v1/sessions", {"title": "Kept", "conversation_type": "sales"}, token)
        await _stop(running, signal.SIGINT)
    async with up(data_dir) as again:
        kept = await (await ready(again)).request("GET", f"/v1/sessions/{session['id']}", token=token)
        await _stop(again, signal.SIGTERM)
    assert kept["title"] == "Kept"


async def test_killed_terminal_leaves_nothing_behind_and_the_next_start_works(data_dir: Path) -> None:
    async with up(data_dir) as running:
        await ready(running)
        children = psutil.Process(running.terminal.pid).children(recursive=True)
        running.terminal.kill()
        await until(lambda: not any(child.is_running() for child in children), STOP_TIMEOUT_S)
    async with up(data_dir) as again:
        assert await (await ready(again)).is_serving()


async def test_second_signal_does_not_wait_for_a_server_that_hangs(data_dir: Path) -> None:
    async with up(data_dir) as running:
        await ready(running)
        os.kill(running.pid("media-0"), signal.SIGSTOP)
        running.terminal.send_signal(signal.SIGINT)
        await until(lambda: "once more kills" in running.output)
        running.terminal.send_signal(signal.SIGINT)
        async with asyncio.timeout(PROMPT_TIMEOUT_S):
            assert await running.ended() == 0


async def test_second_stack_on_the_same_folder_is_refused(stack: RunningUp) -> None:
    async with up(stack.data_dir) as second:
        assert await second.ended() == 1
        assert f"another LiveConvo runs on {stack.data_dir}" in second.output


@pytest.mark.parametrize("offset", [0, 1])
async def test_taken_port_is_named(data_dir: Path, offset: int) -> None:
    port = free_ports(2)
    with socket.create_server(("127.0.0.1", port + offset)):
        async with up(data_dir, port=port) as running:
            assert await running.ended() == 1
        assert f"port {port + offset} of 127.0.0.1 is taken" in running.output


async def test_missing_weights_stop_it_at_once_with_the_file_and_the_remedy(data_dir: Path) -> None:
    folder = data_dir.parent / "no-model"
    folder.mkdir()
    async with up(data_dir, LIVECONVO_WHISPER_MODEL=str(folder)) as running:
        assert await running.ended() == 1
        assert running.output.splitlines()[-1].startswith(f"liveconvo: {folder}/model.bin is missing")


async def test_a_wrong_setting_stops_it_at_once_and_is_named(data_dir: Path) -> None:
    async with up(data_dir, LIVECONVO_UDP_PORTS="20000") as running:
        assert await running.ended() == 1
        assert running.output.splitlines()[-1].startswith("liveconvo: LIVECONVO_UDP_PORTS must be a range")
        assert "starting again" not in running.output


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a database of another user")
async def test_folder_that_the_database_cannot_reach_is_refused(data_dir: Path) -> None:
    data_dir.mkdir(mode=0o700)
    async with up(data_dir / "inside") as running:
        assert await running.ended() == 1
        assert f"may not enter {data_dir.resolve()}" in running.output


async def test_ordinary_user_can_run_it(data_dir: Path) -> None:
    data_dir.mkdir()
    before: tuple[str, ...] = ()
    if os.geteuid() == 0:
        os.chown(data_dir, NOBODY.uid, NOBODY.gid)
        before = AS_NOBODY
    async with up(data_dir, before=before, HOME=str(data_dir)) as running:
        await ready(running)
        users = {child.uids().real for child in psutil.Process(running.terminal.pid).children(recursive=True)}
        assert await running.is_serving()
    assert users == {os.geteuid() or NOBODY.uid}


async def _stop(running: RunningUp, order: signal.Signals) -> None:
    children = psutil.Process(running.terminal.pid).children(recursive=True)
    running.terminal.send_signal(order)
    async with asyncio.timeout(STOP_TIMEOUT_S):
        assert await running.ended() == 0
    assert [child for child in children if child.is_running()] == []


def _new_pid(stack: RunningUp, name: str, old: int) -> bool:
    try:
        return stack.pid(name) != old
    except (FileNotFoundError, ValueError):
        return False
