"""The page in a real browser whose line is gone for a while, or leads elsewhere. Only `make chaos` has the minutes.

A browser moves to another path by itself where it can; the page takes a new connection where it cannot.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from deploy.call.audio_file import read_recording
from deploy.ports import free_ports
from tests.chaos import IS_CHAOS, figures
from tests.conftest import scratch_folder
from tests.e2e.browser import CHROMIUM, browser_page, require_chromium, write_microphone
from tests.lab.call import require_namespaces
from tests.lab.lab import Lab, running_lab
from tests.lab.link import SERVER_HOST
from tests.running_up import ready, up

__test__ = IS_CHAOS
HOST = Path(__file__).parents[2] / "deploy" / "demo" / "host.opus"
GOAL_NOTICED_S, GOAL_BACK_S = 6.0, 3.0
GOAL_AFTER_DARKNESS_S = 5.0
"""A request that the darkness swallowed has its deadline first."""
SETTLE_S, AFTER_S = 4.0, 9.0
HEARD_S, HEARD_PACKETS = 6.0, 10
"""A browser sends fifty packets in a second of speech, and two or three in a second of silence."""
WATCH = """
() => {
  const line = document.querySelector("[data-testid=status]");
  const note = () => window.statuses.push([line.dataset.status, (performance.timeOrigin + performance.now()) / 1000]);
  window.statuses = [];
  new MutationObserver(note).observe(line, { attributes: true, attributeFilter: ["data-status"] });
}
"""

FAULTS: dict[str, tuple[Callable[[Lab], Awaitable[None]], float]] = {
    # fault: (what happens, seconds until there is a network again)
    "R23: another port at the NAT": (lambda lab: lab.rebind(), 0),
    "R24: 1 s of darkness": (lambda lab: lab.blackout(1), 1),
    "R24: 5 s of darkness": (lambda lab: lab.blackout(5), 5),
    "R24: 15 s of darkness": (lambda lab: lab.blackout(15), 15),
    "R24: 10 s without a network": (lambda lab: lab.unplug(10), 10),
    "R25: another network": (lambda lab: lab.move_client("10.77.0.3"), 0),
}


@asynccontextmanager
async def page_in_a_call(lab: Lab, folder: Path) -> AsyncIterator[Page]:
    """In the client's network, of a stack in the server's; its microphone speaks."""
    port = free_ports(2)
    origin = f"http://{SERVER_HOST}:{port}"
    program, microphone = folder / "chromium", folder / "host.wav"
    program.write_text(f'#!/bin/sh\nexec nsenter --net={lab.paths["client"]} {CHROMIUM} "$@"\n')
    program.chmod(0o755)
    write_microphone(microphone, read_recording(HOST).samples, 0)
    async with AsyncExitStack() as stack:
        starting = up(
            folder / "data",
            f"--host={SERVER_HOST}",
            port=port,
            before=("nsenter", f"--net={lab.paths['server']}"),
            LIVECONVO_PUBLIC_ORIGIN=origin,
            LIVECONVO_ICE_ADDRESSES=SERVER_HOST,
        )
        running = await ready(await stack.enter_async_context(starting))
        flags = (f"--unsafely-treat-insecure-origin-as-secure={origin}",)
        page = await stack.enter_async_context(browser_page(microphone, program=str(program), more_flags=flags))
        await page.goto(re.findall(r"http://\S+/#/link/\S+", running.output)[-1])
        await page.get_by_text("Not now").click()
        await page.get_by_test_id("session-title").fill("A bad line")
        await page.get_by_test_id("session-create-button").click()
        await page.wait_for_url("**/#/session/*/join")
        await page.get_by_test_id("consent").check()
        await page.get_by_test_id("join-button").click()
        await expect(page.get_by_test_id("status")).to_have_attribute("data-status", "connected", timeout=15_000)
        await page.evaluate(WATCH)
        yield page


@pytest.mark.chaos
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", FAULTS)
async def test_the_page_is_back(fault: str) -> None:
    require_namespaces()
    require_chromium()
    happens, outage_s = FAULTS[fault]
    with scratch_folder("page") as folder, running_lab() as lab:
        async with page_in_a_call(lab, folder) as page:
            await asyncio.sleep(SETTLE_S)
            began_at = time.time()
            await happens(lab)
            await asyncio.sleep(AFTER_S)
            before = await lab.counts()
            await asyncio.sleep(HEARD_S)
            after = await lab.counts()
            changes: list[tuple[str, float]] = await page.evaluate("window.statuses")
            lost_at = next((at for status, at in changes if status == "reconnecting"), None)
            back_at = next((at for status, at in reversed(changes) if status == "connected"), None)
            sent = after.to_server.passed["rtp once"] - before.to_server.passed["rtp once"]
            noticed_s = None if lost_at is None else lost_at - began_at
            back_s = None if lost_at is None or back_at is None else back_at - max(lost_at, began_at + outage_s)
            figures(
                f"page, {fault}",
                noticed_s=noticed_s and round(noticed_s, 2),
                back_s=back_s and round(back_s, 2),
                statuses=[status for status, _ in changes],
            )
            await expect(page.get_by_test_id("status")).to_have_attribute("data-status", "connected")
            assert sent >= HEARD_PACKETS
            assert (noticed_s or 0) <= GOAL_NOTICED_S
            assert (back_s or 0) <= (GOAL_AFTER_DARKNESS_S if outage_s else GOAL_BACK_S)
