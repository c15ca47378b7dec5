"""The main job, as a person sees it: the demo is spoken into the real page, and text, guidance and summary appear."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from deploy.call.api import Api, Joining
from deploy.call.audio_file import opus_packets, read_recording
from deploy.call.caller import Caller
from deploy.stack import throwaway_stack
from media_server.rtc.addresses import offer_addresses
from tests.e2e.browser import browser_page, require_chromium, write_microphone

DEMO = Path(__file__).parents[2] / "deploy" / "demo"
LEAD_S = 10.0
"""Silence before the host speaks, while the page is joined."""
SCREENS = os.environ.get("LIVECONVO_TEST_SCREENS")
"""A folder: a picture of every screen is left there."""


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_the_demo_spoken_into_the_page_is_transcribed_coached_and_summarized(tmp_path: Path) -> None:
    require_chromium()
    offer_addresses(("127.0.0.1",))
    host, guest = read_recording(DEMO / "host.opus"), read_recording(DEMO / "guest.opus")
    write_microphone(tmp_path / "host.wav", host.samples, LEAD_S)
    async with (
        throwaway_stack() as stack,
        Api(stack.url, stack.token) as api,
        browser_page(tmp_path / "host.wav") as page,
    ):
        await sign_in(page, str(stack.sign_in_link))
        session_id = await create_session(page)
        microphone_opened_at = await join(page)
        async with guest_in(api, session_id, opus_packets(guest.samples)) as caller:
            caller.playing.start(microphone_opened_at + LEAD_S)
            await watch_the_call(page)
            await asyncio.wait_for(caller.playing.finished.wait(), 120)
            await end(page)
        await read_the_summary(page)


async def sign_in(page: Page, link: str) -> None:
    await page.goto(link)
    await expect(page.get_by_test_id("skip-password")).to_be_visible()
    await picture(page, "signed-in")
    await page.get_by_test_id("skip-password").click()


async def create_session(page: Page) -> str:
    await page.get_by_test_id("session-title").fill("A planner for the service team")
    await page.get_by_test_id("session-type").select_option("sales")
    await picture(page, "sessions")
    await page.get_by_test_id("session-create-button").click()
    await page.wait_for_url("**/#/session/*/join")
    return page.url.split("/")[-2]


async def join(page: Page) -> float:
    """Join with the microphone; when it was opened, as a loop time."""
    await expect(page.get_by_test_id("mic-select")).to_be_visible()
    opened_at = asyncio.get_running_loop().time()
    await picture(page, "pre-join")
    await page.get_by_test_id("consent").check()
    await page.get_by_test_id("join-button").click()
    await expect(page.get_by_test_id("status")).to_have_attribute("data-status", "connected", timeout=15_000)
    return opened_at


@asynccontextmanager
async def guest_in(api: Api, session_id: str, packets: list[bytes]) -> AsyncIterator[Caller]:
    """David comes by an invitation, without an account."""
    invite = await api.request("POST", f"/v1/sessions/{session_id}/invites", {"name": "David", "role": "customer"})
    consent = {"version": "test", "at": "2026-01-01T00:00:00Z"}
    body = {"name": "David", "shared_mic": False, "consent": consent}
    joined: dict[str, Any] = await api.request("POST", f"/v1/invites/{invite['token']}/join", body)
    caller = Caller(packets, lambda message, at: None)
    await caller.connect(
        Joining(joined["participant_id"], joined["media_url"], joined["ticket"], joined["ice_servers"])
    )
    try:
        yield caller
    finally:
        await caller.close()


async def watch_the_call(page: Page) -> None:
    finals = page.get_by_test_id("transcript-final")
    await expect(page.get_by_test_id("transcript-partial").first).to_be_visible(timeout=20_000)
    await expect(finals.filter(has_text="service team").first).to_be_visible(timeout=20_000)
    await expect(finals.filter(has_text="whiteboard").first).to_be_visible(timeout=30_000)
    await expect(page.get_by_test_id("person")).to_have_count(2)
    await picture(page, "live-early")
    guidance = page.get_by_test_id("guidance-card")
    await expect(guidance.and_(page.locator("[data-cue=long_monologue]"))).to_be_visible(timeout=60_000)
    unanswered = guidance.and_(page.locator("[data-cue=unanswered_question]"))
    await expect(unanswered).to_contain_text("per month", timeout=60_000)
    await expect(page.get_by_test_id("talk-ratio")).to_have_count(2)
    await picture(page, "live")
    await unanswered.get_by_test_id("guidance-helpful").click()


async def end(page: Page) -> None:
    await page.get_by_test_id("end-button").click()
    await picture(page, "end")
    await page.get_by_test_id("end-confirm").click()


async def read_the_summary(page: Page) -> None:
    await expect(page.get_by_test_id("summary-tldr")).to_be_visible(timeout=30_000)
    summary = page.get_by_test_id("summary")
    for said in ("trial agreement", "spreadsheet", "payroll", "ten technicians in January|10 technicians in January"):
        await expect(summary).to_contain_text(re.compile(said), timeout=5_000)
    await expect(page.get_by_test_id("summary-extractive")).to_be_visible()
    await picture(page, "summary")


async def picture(page: Page, name: str) -> None:
    if SCREENS:
        await page.screenshot(path=Path(SCREENS) / f"{name}.png")
