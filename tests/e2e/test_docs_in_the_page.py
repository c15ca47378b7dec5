"""The description for people at /docs: shown whole under the page's policy, and tried out by whoever is signed in."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import Page, expect

from control_api.routes import ROUTES
from deploy.stack import throwaway_stack
from tests.e2e.browser import browser_page, require_chromium, write_microphone

SCREENS = os.environ.get("LIVECONVO_TEST_SCREENS")
"""A folder: pictures are left there."""


async def operations(page: Page) -> set[str]:
    """What is read from top to bottom: only what is near the window is in the page."""
    found: set[str] = set()
    is_at_the_end = False
    while not is_at_the_end:
        await page.wait_for_timeout(100)
        found.update(await page.locator(".opblock").evaluate_all("blocks => blocks.map(block => block.id)"))
        is_at_the_end = await page.evaluate(
            """() => {
                const before = scrollY;
                scrollBy(0, innerHeight / 2);
                return scrollY === before;
            }"""
        )
    return found


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_every_operation_is_shown_and_can_be_tried(tmp_path: Path) -> None:
    require_chromium()
    write_microphone(tmp_path / "silence.wav", np.zeros(4_800, np.int16), 0.0)
    async with throwaway_stack() as stack, browser_page(tmp_path / "silence.wav") as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(f"{stack.url}/docs")
        await expect(page.locator(".opblock").first).to_be_visible(timeout=30_000)
        assert len(await operations(page)) == sum(route.is_described for route in ROUTES)
        await page.locator("#operations-operations-get_health .opblock-summary-control").click()
        await page.get_by_role("button", name="Try it out").click()
        await page.get_by_role("button", name="Execute").click()
        await expect(page.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
        if SCREENS:
            await page.screenshot(path=Path(SCREENS) / "docs.png")
        assert [url for url in asked if not url.startswith((stack.url, "data:"))] == []
