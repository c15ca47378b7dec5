"""`kill -9` in the middle of a call: whatever anybody saw as final is stored exactly once, and calls go on."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deploy.call.api import Api, ApiError
from deploy.call.audio_file import SENT_RATE_HZ, opus_packets, read_recording
from deploy.call.caller import Caller
from deploy.call.connection import Message
from deploy.stack import Stack, throwaway_stack
from media_server.rtc.addresses import offer_addresses
from tests.chaos import chosen, figures, often, progress

KILLS = chosen("KILLS") or often(ci=3, chaos=30)
KILL_S = 30
"""So long one may take, with everything until the call goes on."""
JOIN_S = 20.0
"""How soon after a kill a new join must work, on a machine that does much else; a quiet one takes a few seconds."""
FINAL_S = 15.0
STORED_S = 20.0

DEMO = Path(__file__).parents[2] / "deploy" / "demo"


def short_turns() -> list[bytes]:
    """One short utterance of the demo with a pause after it, for many minutes."""
    samples = read_recording(DEMO / "guest.opus").samples
    turn = samples[int(44.6 * SENT_RATE_HZ) : int(46.1 * SENT_RATE_HZ)]
    pause = np.zeros(SENT_RATE_HZ, np.int16)
    return opus_packets(np.concatenate((turn, pause))) * 240


class Person:
    """Talks all the time, notes the finals, and comes back when the connection is lost."""

    def __init__(self, api: Api, session_id: str, packets: list[bytes]) -> None:
        self.finals: dict[str, str] = {}
        self.rejoin_s: list[float] = []
        self._api = api
        self._session_id = session_id
        self._packets = packets
        self._heard = asyncio.Event()
        self._caller: Caller | None = None
        self._ticket: str | None = None

    async def connect(self) -> None:
        """Join, trying again until it works, within the time that the product promises."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        async with asyncio.timeout(JOIN_S):
            while True:
                caller = Caller(self._packets, self._take)
                try:
                    joining = await self._api.join(
                        self._session_id, "Ann", "host", shared_mic=False, previous_ticket=self._ticket
                    )
                    await caller.connect(joining)
                    break
                except ApiError:
                    await caller.close()
                    await asyncio.sleep(0.2)
        self.rejoin_s.append(loop.time() - begun)
        self._caller = caller
        self._ticket = joining.ticket
        caller.playing.start(loop.time())

    async def leave(self) -> None:
        if self._caller is not None:
            await self._caller.close()

    async def hear_a_final(self) -> None:
        self._heard.clear()
        async with asyncio.timeout(FINAL_S):
            await self._heard.wait()

    def end(self) -> None:
        assert self._caller is not None
        self._caller.send({"type": "session.end"})

    async def over(self) -> None:
        """Until the connection is lost or the call over."""
        assert self._caller is not None
        async with asyncio.timeout(15):
            await self._caller.stay()

    def _take(self, message: Message, at: float) -> None:
        if message["type"] == "transcript.final":
            self.finals[message["transcript_id"]] = message["text"]
            self._heard.set()


@asynccontextmanager
async def talking_person() -> AsyncIterator[tuple[Stack, Api, str, Person]]:
    offer_addresses(())
    async with throwaway_stack() as stack, Api(stack.url, stack.token) as api:
        session_id = await api.create_session("Kills", "sales")
        person = Person(api, session_id, short_turns())
        await person.connect()
        try:
            await person.hear_a_final()
            yield stack, api, session_id, person
        except BaseException:
            sys.stderr.write((stack.data_folder / "stack.log").read_text()[-6_000:])
            raise
        finally:
            await person.leave()


def kill(stack: Stack, name: str) -> int:
    pid = stack.pid(name)
    os.kill(pid, signal.SIGKILL)
    return pid


async def wait_restarted(stack: Stack, name: str, old_pid: int) -> None:
    async with asyncio.timeout(JOIN_S):
        while True:
            try:
                if stack.pid(name) != old_pid:
                    return
            except (OSError, ValueError):
                pass
            await asyncio.sleep(0.05)


async def stored(api: Api, session_id: str) -> list[dict[str, Any]]:
    """Every row of the transcript, page by page."""
    items: list[dict[str, Any]] = []
    since = 0
    while True:
        page = await api.request("GET", f"/v1/sessions/{session_id}/transcript?since={since}&limit=100")
        items += page["items"]
        if page["next_since"] is None:
            return items
        since = page["next_since"]


async def assert_everything_seen_is_stored_once(api: Api, session_id: str, person: Person) -> None:
    rows: list[dict[str, Any]] = []
    async with asyncio.timeout(STORED_S):
        while True:
            try:
                rows = await stored(api, session_id)
                if {row["transcript_id"] for row in rows} >= set(person.finals):
                    break
            except ApiError:
                pass
            await asyncio.sleep(0.2)
    times = Counter(row["transcript_id"] for row in rows)
    assert set(times.values()) == {1}
    texts = {row["transcript_id"]: row["text"] for row in rows}
    assert {seen: texts[seen] for seen in person.finals} == person.finals
    numbers = [row["sequence_number"] for row in rows]
    assert numbers == sorted(set(numbers))


async def finish(api: Api, session_id: str, person: Person) -> None:
    """The call still ends in a summary."""
    person.end()
    await person.over()
    async with asyncio.timeout(30):
        while (summary := await api.summary(session_id)) is None:
            await asyncio.sleep(0.2)
    assert summary["generation_status"] == "completed"


@pytest.mark.slow
@pytest.mark.chaos
@pytest.mark.timeout(180 + KILL_S * KILLS)
async def test_finals_survive_kills_of_the_media_node() -> None:
    async with talking_person() as (stack, api, session_id, person):
        for done in range(KILLS):
            await asyncio.sleep(random.uniform(0, 0.5))
            kill(stack, "media-0")
            await person.leave()
            await person.connect()
            await person.hear_a_final()
            progress("kills of the one media node", done + 1, KILLS)
        await assert_everything_seen_is_stored_once(api, session_id, person)
        await finish(api, session_id, person)
        await assert_everything_seen_is_stored_once(api, session_id, person)
        session = await api.request("GET", f"/v1/sessions/{session_id}")
        assert [one["name"] for one in session["participants"]] == ["Ann"]  # she came back, she is not another
        figures("kills of the one media node", kills=KILLS, lost=0, finals=len(person.finals),
                back_s_max=round(max(person.rejoin_s), 1))  # fmt: skip


@pytest.mark.slow
@pytest.mark.chaos
@pytest.mark.timeout(180 + KILL_S * KILLS)
async def test_finals_survive_kills_of_postgres() -> None:
    async with talking_person() as (stack, api, session_id, person):
        for done in range(KILLS):
            await asyncio.sleep(random.uniform(0, 0.5))
            await wait_restarted(stack, "postgres", kill(stack, "postgres"))
            await person.hear_a_final()
            progress("kills of Postgres in a call", done + 1, KILLS)
        await assert_everything_seen_is_stored_once(api, session_id, person)
        await person.leave()
        await person.connect()
        await finish(api, session_id, person)


@pytest.mark.slow
@pytest.mark.chaos
@pytest.mark.timeout(180 + KILL_S * KILLS)
async def test_finals_survive_kills_of_the_control_api() -> None:
    async with talking_person() as (stack, api, session_id, person):
        for done in range(KILLS):
            await wait_restarted(stack, "api", kill(stack, "api"))
            await person.hear_a_final()
            progress("kills of the control API", done + 1, KILLS)
        await person.leave()
        await person.connect()
        await assert_everything_seen_is_stored_once(api, session_id, person)
        await finish(api, session_id, person)


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_node_that_is_told_to_stop_settles_what_was_said() -> None:
    async with talking_person() as (stack, api, session_id, person):
        seen = len(person.finals)
        await asyncio.sleep(1.2)  # in the middle of the next sentence, or just after it
        pid = stack.pid("media-0")
        os.kill(pid, signal.SIGTERM)
        await person.over()
        assert len(person.finals) > seen
        await person.leave()
        await wait_restarted(stack, "media-0", pid)
        await person.connect()
        await person.hear_a_final()
        await assert_everything_seen_is_stored_once(api, session_id, person)
        session = await api.request("GET", f"/v1/sessions/{session_id}")
        assert session["status"] == "active"
