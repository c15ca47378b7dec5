"""From nobody to a conversation, as a person does it: asking, the mail, the link, a password, an organization."""

from __future__ import annotations

import asyncio
import email
import os
from email.policy import default
from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import Page, expect

from deploy.stack import throwaway_stack
from tests.e2e.browser import browser_page, require_chromium, write_microphone
from tests.mailbox import token_of

SCREENS = os.environ.get("LIVECONVO_TEST_SCREENS")
"""A folder: pictures are left there."""


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_stranger_signs_up_forgets_the_password_and_comes_back(tmp_path: Path) -> None:
    require_chromium()
    write_microphone(tmp_path / "silence.wav", np.zeros(48_000, np.int16), 0.0)
    async with throwaway_stack() as stack, browser_page(tmp_path / "silence.wav") as page:
        outbox = stack.data_folder / "outbox"
        await page.goto(f"{stack.url}/#/sign-up")
        await page.get_by_label("Your name").fill("Ada Lovelace")
        await page.get_by_label("E-mail").fill("Ada@Example.org")
        await keep(page, "sign-up")
        await page.get_by_role("button", name="Send me a mail").click()
        await expect(page.get_by_test_id("mail-sent")).to_be_visible()
        await page.goto(f"{stack.url}/#/verify/{await next_token(outbox, 1)}")
        await choose_password(page, "correct horse battery")
        await page.get_by_label("Name of your organization").fill("Analytical Engines")
        await keep(page, "set-up")
        await page.get_by_role("button", name="Create").click()
        await expect(page.get_by_text("Analytical Engines")).to_be_visible()
        await page.get_by_role("button", name="Sign out").click()
        await page.get_by_role("link", name="Forgot your password?").click()
        await page.get_by_label("E-mail").fill("ada@example.org")
        await page.get_by_role("button", name="Send me a mail").click()
        await expect(page.get_by_test_id("mail-sent")).to_be_visible()
        await page.goto(f"{stack.url}/#/reset/{await next_token(outbox, 2)}")
        await choose_password(page, "another horse battery")
        await expect(page.get_by_text("Analytical Engines")).to_be_visible()
        await page.get_by_role("button", name="Sign out").click()
        await page.get_by_label("E-mail").fill("ada@example.org")
        await page.get_by_label("Password").fill("another horse battery")
        await keep(page, "sign-in")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_text("Analytical Engines")).to_be_visible()


async def choose_password(page: Page, password: str) -> None:
    await page.get_by_label("Password, at least 10 characters").fill(password)
    await page.get_by_role("button", name="Save and sign in").click()


async def next_token(outbox: Path, count: int) -> str:
    """Of the letter that comes as number `count`."""
    async with asyncio.timeout(30):
        while len(files := sorted(outbox.glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)) < count:
            await asyncio.sleep(0.05)
    return token_of(email.message_from_bytes(files[count - 1].read_bytes(), policy=default))


async def keep(page: Page, name: str) -> None:
    if SCREENS:
        await page.screenshot(path=Path(SCREENS) / f"{name}.png")
