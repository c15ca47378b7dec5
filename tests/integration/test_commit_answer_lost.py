"""The commit is done and its answer is lost: the recorder's next attempt changes nothing."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from media_server import recorder
from tests.chaos import figures, often
from tests.conftest import Database
from tests.people import connected, make_people
from tests.recording_node import recording_node, stored, talking
from tests.tcp_proxy import Proxy, Way, proxy_to

NODES = 5
LOST = often(50, 1_000) // NODES
"""Answers that each node loses."""

pytestmark = [pytest.mark.slow, pytest.mark.chaos, pytest.mark.timeout(often(120, 1800))]


class AnswerThief:
    """Takes away every other answer to a COMMIT; then, in turns, resets the connection or leaves it silent."""

    def __init__(self, proxy: Proxy) -> None:
        self.stolen = 0
        self.has_enough = asyncio.Event()
        self._proxy = proxy
        self._commits = 0
        proxy.script = self.watch

    async def watch(self, way: Way, chunk: bytes) -> bool:
        if way is Way.TO_SERVER or b"COMMIT\0" not in chunk or self.has_enough.is_set():
            return True
        self._commits += 1
        if self._commits % 2:
            return True
        self.stolen += 1
        if self.stolen >= LOST:
            self.has_enough.set()
        if self.stolen % 2:
            self._proxy.cut()
        return False


async def test_an_entry_whose_commit_was_not_answered_is_there_once(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "TRANSACTION_S", 0.25)
    people = await make_people(database.owner_url)
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(connected(database.api_url))
        proxies = [await stack.enter_async_context(proxy_to(database.media_url)) for _ in range(NODES)]
        nodes = [
            await stack.enter_async_context(recording_node(api, proxy.url(database.media_url), people.alice, tmp_path))
            for proxy in proxies
        ]
        thieves = [AnswerThief(proxy) for proxy in proxies]
        async with talking(*nodes), asyncio.timeout(often(60, 1200)):
            await asyncio.gather(*(thief.has_enough.wait() for thief in thieves))
            await asyncio.gather(*(node.publish_more(20) for node in nodes))
        await asyncio.gather(*(node.record_everything() for node in nodes))
        media = await stack.enter_async_context(connected(database.media_url))
        for node in nodes:
            transcripts, entries = await stored(media, node.session.id)
            assert transcripts == entries == node.published
            assert node.recorder.recorded < len(entries)
    figures("commit_answers_lost", answers_lost=sum(thief.stolen for thief in thieves))
