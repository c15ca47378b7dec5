"""A media node that runs, as a participant finds it: a call is joined, and pings are timed."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
from dataclasses import dataclass

from deploy.call.api import Api
from deploy.call.caller import Caller
from deploy.call.connection import Message
from media_server.rtc.addresses import offer_addresses

TITLE = "Network check"
PINGS = 10
PING_S = 0.1
WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Joined:
    media_url: str
    connect_ms: float
    """From the request for a ticket to open data channels."""
    rtt_ms: float | None
    """Median of the pings; None when none was answered."""
    lost: int
    """Of `PINGS`."""


async def join_and_ping(url: str, token: str) -> Joined:
    """Join a new session of the control API at `url`, listen to the node for a moment, and leave.

    The session stays, as a draft: nothing was said in it.

    Raises:
        ApiError: refused, or not connected in time.
    """
    loop = asyncio.get_running_loop()
    sent_at: list[float] = []
    answers_ms: list[float] = []
    complete = asyncio.Event()

    def take(message: Message, at: float) -> None:
        if message["type"] == "pong" and len(answers_ms) < len(sent_at):
            answers_ms.append((at - sent_at[len(answers_ms)]) * 1000)
        if len(answers_ms) == PINGS:
            complete.set()

    offer_addresses(())
    caller = Caller([], take)
    began_at = loop.time()
    async with Api(url, token) as api:
        joining = await api.join(
            await api.create_session(TITLE, "meeting"), "doctor", "host", shared_mic=False, consents=False
        )
        try:
            await caller.connect(joining)
            connect_ms = (loop.time() - began_at) * 1000
            for _ in range(PINGS):
                sent_at.append(loop.time())
                caller.send({"type": "ping"})
                await asyncio.sleep(PING_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WAIT_S):
                    await complete.wait()
        finally:
            await caller.close()
    rtt_ms = statistics.median(answers_ms) if answers_ms else None
    return Joined(joining.media_url, connect_ms, rtt_ms, PINGS - len(answers_ms))
