"""One participant that plays a recording in real time, collects what is told, and comes back when the line is lost.

Rules:
- The recording goes on meanwhile, as a conversation does.
- Coming back takes a fresh ticket and asks for what was told meanwhile; nothing is handed over twice.
- A call that moves is followed within the time that the node said. Every wait is drawn at random around its length: who
  was lost together does not come back together.
- It is tried for two minutes. A call that has ended, or that went on elsewhere, is not come back to.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from deploy.call.api import ApiError, Joining
from deploy.call.connection import Connection, Message
from deploy.call.playing import PacketTrack, Playing

BACK_OFF_S = (0.3, 0.7, 1.5)
RETRY_S = 120.0

Rejoin = Callable[[str], Awaitable[Joining]]
"""A fresh ticket for whoever has this one."""


class Caller:
    """Connect, play, stay, leave. `on_message(message, loop_time)` is called for every message, once each."""

    def __init__(
        self,
        packets: list[bytes],
        on_message: Callable[[Message, float], None],
        rejoin: Rejoin | None = None,
        on_line: Callable[[bool], None] = lambda is_there: None,
    ) -> None:
        self.playing = Playing(packets)
        self.over = asyncio.Event()
        """The server ended the call, or it cannot be reached any more."""
        self.last_seq = 0
        self._on_message = on_message
        self._rejoin = rejoin
        self._on_line = on_line
        """Told that the connection is lost, and that it is there again."""
        self._loop = asyncio.get_running_loop()
        self._connection: Connection | None = None
        self._ticket = ""
        self._move_within_s: float | None = None

    async def connect(self, joining: Joining) -> None:
        """
        Raises:
            ApiError: refused, or not connected in time.
        """
        self._ticket = joining.ticket
        connection = Connection(PacketTrack(self.playing), self._take)
        try:
            await connection.open(joining, self.last_seq)
        except BaseException:
            await connection.close()
            raise
        self._connection = connection

    def send(self, message: Message) -> None:
        if self._connection is not None:
            self._connection.send(message)

    async def stay(self) -> None:
        """Watch the connection and replace it when it is lost, until the call is over."""
        while self._connection is not None:
            await self._connection.last()
            if self.over.is_set() or self._rejoin is None or not await self._come_back(self._rejoin):
                self.over.set()
                return

    async def close(self) -> None:
        """Within three seconds."""
        if self._connection is not None:
            await self._connection.close()

    async def _come_back(self, rejoin: Rejoin) -> bool:
        self._on_line(False)
        gives_up_at = self._loop.time() + RETRY_S
        await self.close()
        within_s, self._move_within_s = self._move_within_s, None
        wait_s = _around(BACK_OFF_S[0]) if within_s is None else random.uniform(0, within_s)  # noqa: S311
        failures = 0
        while self._loop.time() < gives_up_at and not self.over.is_set():
            await asyncio.sleep(wait_s)
            try:
                await self.connect(await rejoin(self._ticket))
            except ApiError:
                failures += 1
                wait_s = _around(BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)])
            else:
                self._on_line(True)
                return True
        return False

    def _take(self, message: Message) -> None:
        seq = message.get("seq")
        if seq is not None:
            if seq <= self.last_seq:
                return
            self.last_seq = seq
        if message["type"] == "call.moved":
            self._move_within_s = message["within_ms"] / 1000
            if self._connection is not None:
                self._connection.lost.set()
        if message["type"] == "call.taken_over" or (
            message["type"] == "session.state" and self._is_end(message["state"])
        ):
            self.over.set()
        self._on_message(message, self._loop.time())

    def _is_end(self, state: str) -> bool:
        """A call in which nobody spoke ends in a draft; a draft before the recording began is an earlier one."""
        return state in ("finalizing", "completed") or (state == "draft" and self.playing.started.done())


def _around(length_s: float) -> float:
    return length_s * random.uniform(0.5, 1.5)  # noqa: S311 - nobody has to guess it
