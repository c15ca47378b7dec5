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
_STOP_TIMEOUTS_S = {SERVERS: 6.0, STORAGE: 3.0}
_POLL_S = 0.05


class Supervisor:
    """Use as `async with`; leaving the block stops every child within ten seconds."""

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
                    stops.create_task(keeper.stop(_STOP_TIMEOUTS_S[layer]))
        # The caller's own error passes through as it is, not wrapped into a group.
        await self._tasks.__aexit__(None, None, None)

    def add(self, layer: int, program: Program) -> None:
        """Start `program` and keep it running."""
        keeper = Keeper(program, self._announce, self._run_folder / f"{program.name}.pid")
        self._layers[layer].append(keeper)
        self._tasks.create_task(self._keep(keeper))

    async def until(self, name: str, is_ready: Callable[[], Awaitable[bool]], timeout_s: float) -> None:
        """Wait for a child's readiness.

        Raises:
            DeployError: it was not ready in time, or some child cannot run.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not await is_ready():
                    self._raise_failure()
                    await asyncio.sleep(_POLL_S)
        except TimeoutError as error:
            raise DeployError(f"{name} was not ready within {timeout_s:.0f} s") from error

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
