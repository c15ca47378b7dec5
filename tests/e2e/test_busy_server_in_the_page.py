"""What the page says while the text does not keep up with speech, and what is left of it in the transcript."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import Page, expect

from deploy.call.api import Api
from deploy.stack import throwaway_stack
from tests.busy_node import use_busy_nodes
from tests.e2e.browser import MICROPHONE_RATE_HZ, browser_page, require_chromium, write_microphone

SCREENS = os.environ.get("LIVECONVO_TEST_SCREENS")
"""A folder: pictures are left there."""
IN_TIME_MS = 30_000
OFF = """
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = (wish) => open({
  ...wish, audio: { ...wish.audio, echoCancellation: false, noiseSuppression: false, autoGainControl: false },
});
"""
NOTICES = """
() => {
  const badge = document.querySelector("[data-testid=pipeline]");
  window.notices = [];
  new MutationObserver(() => window.notices.push(badge.textContent)).observe(badge, { childList: true, subtree: true });
}
"""


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_people_see_that_the_server_is_busy_and_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_chromium()
    busy = tmp_path / "busy"
    use_busy_nodes(monkeypatch, busy)
    write_microphone(tmp_path / "words.wav", words(), 0.0)
    async with throwaway_stack() as stack, Api(stack.url, stack.token) as api, AsyncExitStack() as browsers:
        page = await browsers.enter_async_context(browser_page(tmp_path / "words.wav"))
        session_id = await api.create_session("A busy server", "meeting")
        await page.add_init_script(OFF)
        await page.goto(str(stack.sign_in_link))
        await page.get_by_test_id("skip-password").click()
        await page.goto(f"{stack.url}/#/session/{session_id}/join")
        await expect(page.get_by_test_id("mic-select")).to_be_visible()
        await page.get_by_test_id("consent").check()
        await page.get_by_test_id("join-button").click()
        badge, gaps = (
            page.get_by_test_id("pipeline"),
            page.get_by_test_id("transcript-final").filter(has_text="[not transcribed: 1 s of speech]"),
        )
        await expect(page.get_by_test_id("transcript-final").first).to_contain_text("w0", timeout=IN_TIME_MS)
        await expect(badge).to_be_empty()
        await expect(badge).to_have_attribute("role", "status")
        await page.evaluate(NOTICES)
        busy.touch()
        await expect(badge).to_have_attribute("data-level", "metrics_only", timeout=IN_TIME_MS)
        await expect(badge).to_contain_text("What is missing is marked")
        await expect(gaps.first).to_be_visible(timeout=IN_TIME_MS)
        await expect(badge.locator("[aria-hidden=true]")).to_have_count(1, timeout=IN_TIME_MS)
        await picture(page, "busy-server")
        await page.set_viewport_size({"width": 390, "height": 780})
        await picture(page, "busy-server-narrow")
        await page.set_viewport_size({"width": 1280, "height": 800})
        busy.unlink()
        await expect(badge).to_have_attribute("data-level", "full", timeout=IN_TIME_MS)
        await expect(badge).to_be_empty()
        assert any("may lag" in notice or "sentence at a time" in notice for notice in await page.evaluate("notices"))
        await page.get_by_test_id("end-button").click()
        await page.get_by_test_id("end-confirm").click()
        await page.wait_for_url(f"**/#/session/{session_id}", timeout=IN_TIME_MS)
        await expect(gaps.first).to_be_visible(timeout=IN_TIME_MS)
        await picture(page, "busy-server-afterwards")
        summary = await api.request("GET", f"/v1/sessions/{session_id}/summary")
        assert "[not transcribed: 1 s of speech]" in summary["full_transcript"]


def words() -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """A tone of 0.6 s again and again, loud enough for `LoudnessVad`."""
    tone = 26_000 * np.sin(2 * np.pi * 440 * np.arange(int(0.6 * MICROPHONE_RATE_HZ)) / MICROPHONE_RATE_HZ)
    pause = np.zeros(int(0.7 * MICROPHONE_RATE_HZ))
    return np.concatenate([tone, pause] * 60).astype(np.int16)


async def picture(page: Page, name: str) -> None:
    if SCREENS:
        await page.screenshot(path=Path(SCREENS) / f"{name}.png")
