"""What links lead to that people get without being asked: a shared report, an invitation, the end of an account."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from playwright.async_api import expect

from deploy.stack import throwaway_stack
from tests.e2e.browser import browser_page, require_chromium, write_microphone
from tests.e2e.test_sign_up_in_the_page import keep, next_token

PASSWORD = "correct horse battery"


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_report_an_invitation_and_the_end_of_an_account(tmp_path: Path) -> None:
    require_chromium()
    write_microphone(tmp_path / "silence.wav", np.zeros(48_000, np.int16), 0.0)
    async with (
        throwaway_stack() as stack,
        aiohttp.ClientSession(stack.url, headers={"Authorization": f"Bearer {stack.token}"}) as client,
        browser_page(tmp_path / "silence.wav") as page,
    ):
        outbox = stack.data_folder / "outbox"
        session = await post(client, "/v1/sessions", {"title": "<b>Renewal</b>", "conversation_type": "sales"})
        tabs = {"tabs": ["summary", "transcript", "guidance", "metrics"], "message": "For <i>you</i>"}
        link = await post(client, f"/v1/sessions/{session['id']}/share-links", tabs)

        # Whoever has the link reads the report, as text, without an account.
        await page.goto(link["url"])
        await expect(page.get_by_role("heading", name="<b>Renewal</b>")).to_be_visible()
        await expect(page.get_by_text("For <i>you</i>")).to_be_visible()
        await expect(page.get_by_text("Nothing was said.")).to_be_visible()
        await keep(page, "shared")
        async with client.delete(f"/v1/sessions/{session['id']}/share-links/{link['id']}") as answer:
            assert answer.status == 204
        await page.reload()
        await expect(page.get_by_role("heading", name="This link cannot be opened")).to_be_visible()

        # An invitation is answered by the account it is for.
        await post(client, "/v1/auth/sign-up", {"email": "ada@example.org", "full_name": "Ada"}, signed_in=False)
        verify = {"token": await next_token(outbox, 1), "password": PASSWORD}
        await post(client, "/v1/auth/verify", verify, signed_in=False)
        me = await get(client, "/v1/me")
        invitations = f"/v1/organizations/{me['organization']['id']}/invitations"
        await post(client, invitations, {"email": "ada@example.org"})
        await page.goto(f"{stack.url}/#/invitation/{await next_token(outbox, 2)}")
        await expect(page.get_by_test_id("lead")).to_contain_text("My organization invites ada@example.org")
        await page.get_by_label("E-mail").fill("ada@example.org")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await keep(page, "invitation")
        await expect(page.get_by_test_id("accept")).to_be_visible()
        await page.goto(f"{stack.url}/#/sessions")  # where no organization is, it stands as well
        await keep(page, "own-invitation")
        await page.get_by_role("button", name="Join My organization").click()
        await expect(page.get_by_text("<b>Renewal</b>")).to_be_visible()
        assert [each["role"] for each in (await get(client, f"{invitations[:-12]}/members"))["items"]] == [
            "owner",
            "member",
        ]

        # Leaving takes the password, and can be taken back as the mail says.
        await page.get_by_role("link", name="Settings").click()
        leaving = page.get_by_test_id("leaving")
        await leaving.get_by_role("button", name="Delete my account").click()
        await leaving.get_by_label("Your password").fill(PASSWORD)
        await leaving.get_by_role("button", name="Delete my account").click()
        await expect(leaving.get_by_text("will be erased")).to_be_visible()
        await keep(page, "leaving")
        await leaving.get_by_role("button", name="Keep my account").click()
        await expect(leaving.get_by_text("will be erased")).to_be_hidden()
        await page.reload()
        await expect(leaving.get_by_role("button", name="Delete my account")).to_be_enabled()


async def post(client: aiohttp.ClientSession, path: str, body: Any, *, signed_in: bool = True) -> Any:
    headers = {} if signed_in else {"Authorization": ""}
    async with client.post(path, json=body, headers=headers) as answer:
        assert answer.status < 300, await answer.text()
        return await answer.json()


async def get(client: aiohttp.ClientSession, path: str) -> Any:
    async with client.get(path) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()
