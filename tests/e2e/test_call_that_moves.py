"""A page shows who is coming back, and follows its call when the node is restarted; only in `make chaos`."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import expect

from deploy.call.api import Api
from deploy.stack import throwaway_stack
from media_server.rtc.addresses import offer_addresses
from tests.chaos import IS_CHAOS
from tests.e2e.browser import MICROPHONE_RATE_HZ, browser_page, require_chromium, write_microphone
from tests.talking_peer import TalkingPeer

__test__ = IS_CHAOS

pytestmark = [pytest.mark.slow, pytest.mark.chaos, pytest.mark.timeout(300)]

STATUSES = """
() => {
  window.statuses = [];
  const line = document.querySelector("[data-testid=status]");
  const note = () => window.statuses.push(line.dataset.status);
  new MutationObserver(note).observe(line, { attributes: true, attributeFilter: ["data-status"] });
}
"""


async def test_a_page_shows_who_is_away_and_follows_its_call(tmp_path: Path) -> None:
    require_chromium()
    offer_addresses(("127.0.0.1",))
    pictures = Path(os.environ.get("LIVECONVO_PICTURES", tmp_path))
    microphone = tmp_path / "silence.wav"
    write_microphone(microphone, np.zeros(MICROPHONE_RATE_HZ, np.int16), 0)
    async with (
        throwaway_stack(settings={"LIVECONVO_RECONNECT_S": "30"}) as stack,
        Api(stack.url, stack.token) as api,
        browser_page(microphone) as page,
    ):
        session_id = await api.create_session("A call that moves", "sales")
        joining = await api.join(session_id, "Ann", "host", shared_mic=False)
        ann = TalkingPeer(joining.media_url, joining.ticket, None)
        await ann.connect()
        invite = await api.request("POST", f"/v1/sessions/{session_id}/invites", {"role": "participant"})
        await page.goto(f"{stack.url}/#/invite/{invite['token']}")
        await page.get_by_test_id("guest-name").fill("Bob")
        await page.get_by_test_id("consent").check()
        await page.get_by_test_id("join-button").click()
        status, people = page.get_by_test_id("status"), page.get_by_test_id("person")
        await expect(status).to_have_attribute("data-status", "connected", timeout=30_000)
        await expect(people).to_have_count(2)

        await ann.vanish()
        away = people.and_(page.locator("[data-name=Ann]"))
        await expect(away).to_contain_text("reconnecting", timeout=15_000)
        await expect(status).to_contain_text("Ann: connection lost, coming back")
        await page.screenshot(path=pictures / "reconnecting.png")
        again = await api.join(session_id, "Ann", "host", shared_mic=False, previous_ticket=joining.ticket)
        async with TalkingPeer(again.media_url, again.ticket, None):
            await expect(away).not_to_contain_text("reconnecting", timeout=15_000)
            await page.evaluate(STATUSES)
            os.kill(stack.pid("media-0"), signal.SIGTERM)
            await expect(status).to_have_attribute("data-status", "moving", timeout=15_000)
            await page.screenshot(path=pictures / "moving.png")
            await expect(status).to_have_attribute("data-status", "connected", timeout=60_000)
            assert await page.evaluate("window.statuses") == ["moving", "connected"]
            await expect(away).to_contain_text("reconnecting", timeout=15_000)  # nobody told her to come back
            await expect(people).to_have_count(2)
            await expect(page.get_by_role("alert")).to_have_count(0)
