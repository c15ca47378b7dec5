"""Muting and deafening as two people do it in their browsers: buttons, keys, the host's word, what the others see."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import Locator, Page, expect

from deploy.call.api import Api
from deploy.stack import throwaway_stack
from tests.e2e.browser import browser_page, require_chromium, write_microphone

SCREENS = os.environ.get("LIVECONVO_TEST_SCREENS")
"""A folder: pictures are left there."""
KEEP_MICROPHONE = """
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wish) => (window.microphone = await open(wish));
"""
SENDS = "() => window.microphone.getAudioTracks()[0].enabled"
PLAYS = "() => !document.querySelector('audio').muted"


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_two_people_switch_themselves_off_and_the_host_mutes(tmp_path: Path) -> None:
    require_chromium()
    write_microphone(tmp_path / "hum.wav", (3_000 * np.sin(np.arange(96_000) * 0.03)).astype(np.int16), 0.0)
    async with throwaway_stack() as stack, Api(stack.url, stack.token) as api, AsyncExitStack() as browsers:
        host, guest = [await browsers.enter_async_context(browser_page(tmp_path / "hum.wav")) for _ in range(2)]
        session_id = await api.create_session("Who is heard", "meeting")
        invite = await api.request("POST", f"/v1/sessions/{session_id}/invites", {"role": "participant"})
        await host.goto(str(stack.sign_in_link))
        await host.get_by_test_id("skip-password").click()
        await join(host, f"{stack.url}/#/session/{session_id}/join", None)
        await join(guest, f"{stack.url}/#/invite/{invite['token']}", "Bob")
        for page in (host, guest):
            await expect(page.get_by_test_id("person")).to_have_count(2)
        await one_mutes_oneself(guest, host)
        await the_host_mutes(host, guest)
        await one_deafens_oneself(guest, host)


async def join(page: Page, link: str, name: str | None) -> None:
    await page.add_init_script(KEEP_MICROPHONE)
    await page.goto(link)
    await page.reload()
    if name is not None:
        await page.get_by_test_id("guest-name").fill(name)
    await expect(page.get_by_test_id("mic-select")).to_be_visible()
    await page.get_by_test_id("consent").check()
    await page.get_by_test_id("join-button").click()
    await expect(page.get_by_test_id("status")).to_have_attribute("data-status", "connected", timeout=15_000)


def bob_on(page: Page) -> Locator:
    return page.get_by_test_id("person").and_(page.locator("[data-name=Bob]"))


async def one_mutes_oneself(guest: Page, host: Page) -> None:
    button = guest.get_by_test_id("mute-button")
    await expect(button).to_have_attribute("aria-pressed", "false")
    assert await guest.evaluate(SENDS)
    await guest.keyboard.press("m")
    await guest.keyboard.press("Alt+m")
    assert not await guest.evaluate(SENDS)
    await expect(button).to_have_attribute("aria-pressed", "true")
    await expect(guest.get_by_test_id("status")).to_contain_text("You are muted")
    await expect(bob_on(host)).to_contain_text("muted")
    await picture(host, "guest-muted-seen-by-host")
    await picture(guest, "muted")
    await button.click()
    await expect(bob_on(host)).not_to_contain_text("muted")
    await expect(button).to_have_attribute("aria-pressed", "false")
    assert await guest.evaluate(SENDS)


async def the_host_mutes(host: Page, guest: Page) -> None:
    await expect(guest.get_by_test_id("mute-person")).to_have_count(0)
    await picture(host, "host-may-mute")
    await bob_on(host).get_by_test_id("mute-person").click()
    await expect(guest.get_by_test_id("status")).to_contain_text("The host muted you")
    assert not await guest.evaluate(SENDS)
    await expect(host.get_by_test_id("mute-person")).to_have_count(0)
    await picture(guest, "muted-by-host")
    await guest.set_viewport_size({"width": 390, "height": 780})
    await picture(guest, "muted-by-host-narrow")
    await guest.keyboard.press("Alt+m")
    await expect(bob_on(host)).not_to_contain_text("muted")
    await expect(guest.get_by_test_id("mute-button")).to_have_attribute("aria-pressed", "false")
    assert await guest.evaluate(SENDS)


async def one_deafens_oneself(guest: Page, host: Page) -> None:
    assert await guest.evaluate(PLAYS)
    await guest.get_by_test_id("deafen-button").click()
    assert not await guest.evaluate(PLAYS)
    await expect(guest.get_by_test_id("status")).to_contain_text("You hear nobody")
    await expect(bob_on(host)).to_contain_text("hears nobody")
    await host.set_viewport_size({"width": 390, "height": 780})
    await host.get_by_role("button", name="People").click()
    await picture(host, "guest-deafened-seen-by-host-narrow")
    await picture(guest, "deafened-narrow")
    await guest.keyboard.press("Alt+s")
    await expect(bob_on(host)).not_to_contain_text("hears nobody")
    await expect(guest.get_by_test_id("deafen-button")).to_have_attribute("aria-pressed", "false")
    assert await guest.evaluate(PLAYS)


async def picture(page: Page, name: str) -> None:
    if SCREENS:
        await page.screenshot(path=Path(SCREENS) / f"{name}.png")
