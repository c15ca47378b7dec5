"""Who may not be in a call any more is out of it within two seconds of the order, and the call goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from db import commands
from db.pool import transaction
from tests.conftest import Database
from tests.integration.test_mute import IN_TIME_S, Scene, hears_somebody
from tests.people import make_people, make_session
from tests.small_node import small_node

pytestmark = pytest.mark.slow


@pytest.fixture
async def scene(database: Database, tmp_path: Path) -> AsyncIterator[Scene]:
    alice = (await make_people(database.owner_url)).alice
    async with small_node(database, tmp_path) as node:
        yield Scene(node, alice, await make_session(node.api, alice))


async def order(scene: Scene, participant_id: UUID) -> UUID:
    command_id = uuid4()
    async with transaction(scene.node.api, user_id=scene.alice.user_id) as conn:
        await commands.insert_command(
            conn,
            id=command_id,
            session_id=scene.session.id,
            organization_id=scene.session.organization_id,
            kind=commands.REMOVE_PARTICIPANT,
            payload={"participant_id": str(participant_id)},
            created_by=scene.alice.user_id,
        )
    return command_id


async def outcome(scene: Scene, command_id: UUID) -> str:
    async with asyncio.timeout(IN_TIME_S):
        while True:
            async with transaction(scene.node.media) as conn:
                found = await conn.fetchval("SELECT outcome FROM call_commands WHERE id = $1", command_id)
            if found is not None:
                return str(found)
            await asyncio.sleep(0.05)


async def test_who_is_removed_is_told_and_closed_and_the_others_go_on(scene: Scene) -> None:
    ann, bob = await scene.person("Ann", "host"), await scene.person("Bob")
    async with scene.joined(ann, talks=False) as hers, scene.joined(bob) as his:
        await hears_somebody(hers)
        command_id = await order(scene, bob)
        told = await his.wait_for("error", IN_TIME_S, lambda m: m["code"] == "removed")
        assert told["fatal"]
        left = await hers.wait_for("participant.left", IN_TIME_S)
        assert left["participant_id"] == str(bob)  # no time to come back, as after a lost line
        assert await outcome(scene, command_id) == "done"
        async with asyncio.timeout(IN_TIME_S):
            while not his.is_closed:
                await asyncio.sleep(0.05)
        assert not hers.is_closed
        assert not [m for m in hers.of_type("error") if m["code"] == "removed"]


async def test_an_order_about_somebody_who_is_not_there_does_nothing(scene: Scene) -> None:
    ann = await scene.person("Ann", "host")
    async with scene.joined(ann, talks=False) as hers:
        assert await outcome(scene, await order(scene, uuid4())) == "no_participant"
        assert not hers.is_closed
