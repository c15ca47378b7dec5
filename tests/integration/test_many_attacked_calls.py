"""Many calls at once live through whatever a stranger sends to their ports."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from functools import partial
from typing import Any

import pytest

from deploy.bench.media_audio import speech
from deploy.bench.media_callers import Sending, callers
from deploy.bench.media_node import our_node
from deploy.bench.media_rtp import read_answer
from tests.chaos import figures, often
from tests.hostile import stranger
from tests.integration.test_hostile_datagrams import CLASSES

pytestmark = [pytest.mark.slow, pytest.mark.chaos]

CALLS = often(6, 60)
AT_ONCE = 20
PACKETS = often(10, 25)


async def test_no_call_of_many_is_harmed_by_a_stranger() -> None:
    packets, heard = speech(), Counter[int]()

    def hear(number: int, *_: object) -> None:
        heard[number] += 1

    async with our_node(False) as node, callers() as calling, stranger() as one:
        ports: list[int] = []
        for begin in range(0, CALLS, AT_ONCE):
            offers = await calling.offers(min(AT_ONCE, CALLS - begin), "sendonly")
            answers = [await node.answer(offer, partial(hear, begin + n)) for n, offer in enumerate(offers)]
            await calling.connect(answers)
            ports += [read_answer(answer).candidates[0].port for answer in answers]
        sent, began_s = 0, time.monotonic()
        for datagrams in CLASSES.values():
            before = heard.copy()
            playing = asyncio.create_task(
                calling.play({n: Sending(packets, PACKETS, phase=n / CALLS) for n in range(CALLS)})
            )
            while not playing.done():
                sent += _spray(one, datagrams, ports)
                await asyncio.sleep(0.02)
            await playing
            async with asyncio.timeout(10):
                while min((heard - before)[n] for n in range(CALLS)) < PACKETS - 1:
                    await asyncio.sleep(0.02)
        assert node.people == CALLS
        figures(
            "G4 many calls",
            calls=CALLS,
            classes=len(CLASSES),
            harmed=0,
            datagrams=sent,
            seconds=round(time.monotonic() - began_s, 1),
        )


def _spray(one: Any, datagrams: list[bytes], ports: list[int]) -> int:
    """One of them to each call."""
    for number, port in enumerate(ports):
        # asyncio leaves out empty datagrams; the system does not.
        sock = one.transport.get_extra_info("socket")._sock
        sock.sendto(datagrams[number % len(datagrams)], ("127.0.0.1", port))
    return len(ports)
