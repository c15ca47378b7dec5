"""Who is in a call sees at once what somebody corrected."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from db import transcripts
from db.errors import NotFoundError
from db.pool import transaction
from tests.conftest import Database
from tests.integration.test_mute import IN_TIME_S, Scene
from tests.people import make_people, make_session
from tests.small_node import small_node

pytestmark = pytest.mark.slow


@pytest.fixture
async def scene(database: Database, tmp_path: Path) -> AsyncIterator[Scene]:
    alice = (await make_people(database.owner_url)).alice
    async with small_node(database, tmp_path) as node:
        yield Scene(node, alice, await make_session(node.api, alice))


async def correct(scene: Scene, transcript_id: UUID) -> None:
    """As soon as it is stored."""
    async with asyncio.timeout(IN_TIME_S):
        while True:
            try:
                async with transaction(scene.node.api, user_id=scene.alice.user_id) as conn:
                    await transcripts.revise(
                        conn, scene.session.id, transcript_id, seen_revision=0, content="corrected", speaker="Ada"
                    )
                return
            except NotFoundError:
                await asyncio.sleep(0.05)


async def test_a_correction_is_told_to_everybody_in_the_call(scene: Scene) -> None:
    ann, bob = await scene.person("Ann", "host"), await scene.person("Bob", "customer")
    async with scene.joined(ann) as hers, scene.joined(bob, talks=False) as his:
        final = await hers.wait_for("transcript.final", IN_TIME_S)
        await correct(scene, UUID(final["transcript_id"]))
        for people in (hers, his):
            told = await people.wait_for("transcript.revised", IN_TIME_S)
            assert told["seq"] > final["seq"]
            assert (told["transcript_id"], told["revision"]) == (final["transcript_id"], 1)
            assert (told["text"], told["speaker"]) == ("corrected", "Ada")
