"""What a client may say in a second, and that nothing more of it is kept."""

from __future__ import annotations

import asyncio
import tracemalloc

from media_server.participant import Inbox

PER_S = 20


async def test_a_seconds_worth_passes_at_once_and_the_next_is_dropped() -> None:
    inbox = Inbox(PER_S)
    for number in range(PER_S + 3):
        inbox.put(str(number))
    assert [await inbox.get() for _ in range(PER_S)] == [str(number) for number in range(PER_S)]
    assert await inbox.overrun() == 3


async def test_nobody_is_told_of_what_was_not_dropped() -> None:
    inbox = Inbox(PER_S)
    for number in range(PER_S):
        inbox.put(str(number))
    telling = asyncio.create_task(inbox.overrun())
    await asyncio.sleep(0)
    assert not telling.done()
    telling.cancel()


async def test_each_dropped_message_is_told_once() -> None:
    inbox = Inbox(PER_S)
    for _ in range(PER_S + 1):
        inbox.put("x")
    assert await inbox.overrun() == 1
    inbox.put("x")
    inbox.put("x")
    assert await inbox.overrun() == 2


async def test_a_burst_of_ten_thousand_keeps_a_seconds_worth() -> None:
    inbox = Inbox(PER_S)
    tracemalloc.start()
    try:
        for number in range(10_000):
            inbox.put(f"{number:016384}")
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 1024 * 1024
