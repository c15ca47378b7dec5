"""A name server that fails after the attempt was given up is heard, and no complaint of the event loop comes of it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from socket import gaierror
from threading import Event
from typing import Any

from control_api.sealing import Sealer
from control_api.webhooks.destinations import Address
from control_api.webhooks.sending import Sender


async def test_a_failure_that_nobody_waits_for_any_more_is_no_complaint() -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    given_up = Event()

    def fails_late(_host: str, _port: int) -> Sequence[Address]:
        given_up.wait(10)
        raise gaierror(-3, "Temporary failure in name resolution")

    with ThreadPoolExecutor(1) as threads:
        asked = Sender(Sealer("x" * 32), threads, look_up=fails_late).ask("https://example.org/hook")
        try:
            async with asyncio.timeout(0.01):
                await asyncio.shield(asked)
        except TimeoutError:
            given_up.set()
        await asyncio.wait([asked])
    del asked
    gc.collect()
    assert complaints == []
