"""T04: who is removed from an organization in the middle of a call is nobody at once, and out of it in two seconds."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from db import participants, sessions
from db.pool import transaction
from db.records import NewParticipant
from tests.api import Api
from tests.chaos import IS_CHAOS, figures
from tests.conftest import Database
from tests.integration.test_mute import IN_TIME_S, Scene, hears_somebody
from tests.small_node import small_node

pytestmark = [pytest.mark.slow, pytest.mark.chaos]
GOAL_S = 2.0 if IS_CHAOS else IN_TIME_S
"""The node is not woken, as without Redis: it looks once a second."""


async def test_channel_and_media_of_a_removed_member_end(api: Api, database: Database, tmp_path: Path) -> None:
    alice, bob = api.people.alice, api.people.bob
    async with transaction(api.state.pool, user_id=alice.user_id) as conn:
        session_id = UUID(await api.new_session())
        session = await sessions.get_session(conn, alice.organization_id, session_id)
    place = NewParticipant(
        uuid4(), session_id, alice.organization_id, "Bob", "participant", user_id=bob.user_id,
        consent_version="test", consented_at=datetime.now(UTC),
    )  # fmt: skip
    async with transaction(api.state.pool, user_id=bob.user_id) as conn:
        await participants.insert_participant(conn, place)
    async with small_node(database, tmp_path) as node:
        scene = Scene(node, alice, session)
        ann = await scene.person("Ann", "host")
        async with scene.joined(ann, talks=False) as hers, scene.joined(place.id) as his:
            await hears_somebody(hers)
            began_s = time.monotonic()
            removed = await api.send("DELETE", f"/v1/organizations/{alice.organization_id}/members/{bob.user_id}")
            assert removed.status == 204
            assert (await api.get(f"/v1/sessions/{session_id}", "bob")).status == 404
            await his.wait_for("error", IN_TIME_S, lambda m: m["code"] == "removed")
            async with asyncio.timeout(IN_TIME_S):
                while not his.is_closed:
                    await asyncio.sleep(0.01)
            took_s = time.monotonic() - began_s
            assert not hers.is_closed
    figures("T04 removed in a call", out_of_the_call_s=round(took_s, 2))
    assert took_s < GOAL_S
