"""The children of one stack, kept alive together and stopped layer by layer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType

from deploy.errors import DeployError
from deploy.keeper import Announce, Keeper
from deploy.program import Program

STORAGE, SERVERS = 0, 1
"""Layers: servers stop before the storage that they write to."""
_STOP_TIMEOUTS_S = {SERVERS: 7.0, STORAGE: 3.0}
_POLL_S = 0.05
_HOPELESS_AFTER = 5
"""Endings of a child that was never ready."""


class Supervisor:
    """Use as `async with`; leaving the block stops every child within ten seconds, and the time that it may drain."""

    def __init__(self, announce: Announce, run_folder: Path) -> None:
        """`run_folder` gets one NAME.pid per running child."""
        self._announce = announce
        self._run_folder = run_folder
        self._layers: dict[int, list[Keeper]] = {STORAGE: [], SERVERS: []}
        self._failed = asyncio.Event()
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> Supervisor:
        self._run_folder.mkdir(parents=True, exist_ok=True)
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for layer in (SERVERS, STORAGE):
            async with asyncio.TaskGroup() as stops:
                for keeper in self._layers[layer]:
                    stops.create_task(keeper.stop(_STOP_TIMEOUTS_S[layer] + keeper.drain_s))
        # The caller's own error passes through as it is, not wrapped into a group.
        await self._tasks.__aexit__(None, None, None)

    def add(self, layer: int, program: Program) -> None:
        """Start `program` and keep it running."""
        keeper = Keeper(program, self._announce, self._run_folder / f"{program.name}.pid")
        self._layers[layer].append(keeper)
        self._tasks.create_task(self._keep(keeper))

    def pid(self, name: str) -> int | None:
        """The process id of a child that runs now."""
        try:
            return int((self._run_folder / f"{name}.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None

    async def until_ready(self, name: str, is_ready: Callable[[], Awaitable[bool]], timeout_s: float) -> None:
        """Wait until the child called `name` can be used.

        Raises:
            DeployError: it is not ready in time, or ends again and again; or some child cannot run.
        """
        keeper = next(keeper for keepers in self._layers.values() for keeper in keepers if keeper.name == name)
        try:
            async with asyncio.timeout(timeout_s):
                while not await is_ready():
                    self._raise_failure()
                    if keeper.endings >= _HOPELESS_AFTER:
                        raise DeployError(f"{name} ended {keeper.endings} times; it says: {keeper.last_line}")
                    await asyncio.sleep(_POLL_S)
        except TimeoutError as error:
            message = f"{name} was not ready within {timeout_s:.0f} s; it says: {keeper.last_line}"
            raise DeployError(message) from error

    async def until_failure(self) -> None:
        """Wait, for ever if all goes well, until some child cannot run.

        Raises:
            DeployError: with what that child said last.
        """
        await self._failed.wait()
        self._raise_failure()

    def kill(self) -> None:
        """End every child at once."""
        for keepers in self._layers.values():
            for keeper in keepers:
                keeper.kill()

    async def _keep(self, keeper: Keeper) -> None:
        await keeper.run()
        if keeper.failure is not None:
            self._failed.set()

    def _raise_failure(self) -> None:
        for keepers in self._layers.values():
            for keeper in keepers:
                if keeper.failure is not None:
                    raise DeployError(keeper.failure)
