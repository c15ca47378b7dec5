"""What is ordered from outside happens in the call: muting, off the record, guidance by hand; told to everybody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from db import commands
from db.pool import transaction
from tests.conftest import Database
from tests.integration.test_mute import IN_TIME_S, Scene, audio_of, hears_nobody, hears_somebody
from tests.integration.test_removed_participants import outcome
from tests.people import make_people, make_session
from tests.small_node import small_node
from tests.talking_peer import TalkingPeer

pytestmark = pytest.mark.slow


@pytest.fixture
async def scene(database: Database, tmp_path: Path) -> AsyncIterator[Scene]:
    alice = (await make_people(database.owner_url)).alice
    async with small_node(database, tmp_path) as node:
        yield Scene(node, alice, await make_session(node.api, alice))


async def order(scene: Scene, kind: str, **payload: Any) -> str:
    """What came of it."""
    command_id = uuid4()
    await give(scene, command_id, kind, payload)
    return await outcome(scene, command_id)


async def give(scene: Scene, command_id: UUID, kind: str, payload: dict[str, Any]) -> None:
    async with transaction(scene.node.api, user_id=scene.alice.user_id) as conn:
        await commands.insert_command(
            conn,
            id=command_id,
            session_id=scene.session.id,
            organization_id=scene.session.organization_id,
            kind=kind,
            payload=payload,
            created_by=scene.alice.user_id,
        )


async def recording(peer: TalkingPeer, state: str) -> int:
    said = await peer.wait_for("call.recording", IN_TIME_S, lambda m: m["state"] == state)
    return int(said["at_ms"])


async def test_off_the_record_nothing_is_written_down_and_usage_goes_on(scene: Scene) -> None:
    ann, bob = await scene.person("Ann", "host"), await scene.person("Bob", "customer")
    async with scene.joined(ann, talks=False) as hers, scene.joined(bob) as his:
        await hers.wait_for("transcript.final", IN_TIME_S)
        assert await order(scene, "off_record") == "done"
        off_ms = await recording(his, "off_record")  # everybody is told, the customer too
        assert await recording(hers, "off_record") == off_ms
        await hears_somebody(hers)  # people go on hearing each other
        await asyncio.sleep(1.8)
        assert await order(scene, "off_record") == "done"  # as it is
        assert await order(scene, "on_record") == "done"
        on_ms = await recording(hers, "on_record")
        again = await hers.wait_for("transcript.final", IN_TIME_S, lambda m: m["start_ms"] > off_ms + 200)
        assert again["start_ms"] >= on_ms - 200
        finals = hers.of_type("transcript.final")
        assert all(m["end_ms"] <= off_ms + 200 or m["start_ms"] >= on_ms - 200 for m in finals)
        assert len(hers.of_type("call.recording")) == 2
        scene.node.calls.stop()
    async with asyncio.timeout(IN_TIME_S):
        while scene.node.calls.live_calls:
            await asyncio.sleep(0.05)
    spans = await scene.log("usage.recorded")
    assert any(span["from_ms"] < off_ms and span["to_ms"] > on_ms for span in spans), spans


async def test_whoever_was_muted_by_order_is_unmuted_by_order_and_nobody_else_is(scene: Scene) -> None:
    ann, bob = await scene.person("Ann", "host"), await scene.person("Bob")
    async with scene.joined(ann, talks=False) as hers, scene.joined(bob) as his:
        await hears_somebody(hers)
        assert await order(scene, "mute", participant_id=str(uuid4())) == "no_participant"
        assert await order(scene, "mute", participant_id=str(bob)) == "done"
        assert (await audio_of(his, bob, muted=True))["by"] == ""
        await hears_nobody(hers)
        assert await order(scene, "unmute", participant_id=str(bob)) == "done"
        await audio_of(hers, bob, muted=False)
        await hears_somebody(hers)
        seen = len(hers.of_type("participant.audio"))
        his.send({"type": "audio.set", "muted": True})
        async with asyncio.timeout(IN_TIME_S):
            while len(hers.of_type("participant.audio")) == seen:
                await asyncio.sleep(0.05)
        assert await order(scene, "unmute", participant_id=str(bob)) == "muted_by_themselves"
        await hears_nobody(hers)


async def test_guidance_by_hand_is_shown_to_whom_it_is_for(scene: Scene) -> None:
    """T36: none of it comes to the others."""
    ann, bob = await scene.person("Ann", "host"), await scene.person("Bob")
    guidance = {"content": "Ask for the budget.", "guidance_type": "ask", "priority": 1}
    async with scene.joined(ann, talks=False) as hers, scene.joined(bob, talks=False) as his:
        assert await order(scene, "guide", audience="coached", **guidance) == "done"
        shown = await hers.wait_for("guidance.shown", IN_TIME_S)
        assert {name: shown[name] for name in guidance} == guidance
        assert (shown["cue"], shown["evidence"]) == ("by_hand", [])
        assert await order(scene, "guide", audience="role:host", **guidance) == "done"
        assert await order(scene, "guide", audience="role:supervisor", **guidance) == "no_participant"
        assert await order(scene, "guide", audience=f"participant:{uuid4()}", **guidance) == "no_participant"
        assert await order(scene, "guide", audience=f"participant:{bob}", **guidance) == "done"
        await his.wait_for("guidance.shown", IN_TIME_S)
        async with asyncio.timeout(IN_TIME_S):
            while len(hers.of_type("guidance.shown")) < 2:
                await asyncio.sleep(0.05)
        await order(scene, "mute", participant_id=str(ann))  # what comes after everything else
        await audio_of(his, ann, muted=True)
        assert len(his.of_type("guidance.shown")) == 1
        assert len(hers.of_type("guidance.shown")) == 2
        assert len(await scene.log("guidance.shown")) == 3
        async with transaction(scene.node.media) as conn:
            rows = await conn.fetch("SELECT content, cue FROM guidance")
        assert [tuple(row) for row in rows] == [("Ask for the budget.", "by_hand")] * 3


async def test_pausing_waits_for_the_first_sound(scene: Scene) -> None:
    ann = await scene.person("Ann", "host")
    async with scene.joined(ann) as hers:
        await hers.wait_for("session.state", IN_TIME_S, lambda m: m["state"] == "active")
        assert await order(scene, "pause") == "done"
        await hers.wait_for("session.state", IN_TIME_S, lambda m: m["state"] == "paused")
        assert await order(scene, "unpause") == "done"
        assert await order(scene, "dance") == "unknown_command"
        assert await order(scene, "guide") == "failed"  # a row without its fields harms no call
        assert not hers.is_closed


async def test_a_later_epoch_goes_on_off_the_record_and_shows_nothing_twice(database: Database, tmp_path: Path) -> None:
    alice = (await make_people(database.owner_url)).alice
    guidance = {"content": "Once.", "guidance_type": "ask", "priority": 1, "audience": "coached"}
    command_id = uuid4()
    async with small_node(database, tmp_path) as node:
        first = Scene(node, alice, await make_session(node.api, alice))
        ann, bob = await first.person("Ann", "host"), await first.person("Bob")
        async with first.joined(ann) as hers, first.joined(bob, talks=False):
            await hers.wait_for("session.state", IN_TIME_S, lambda m: m["state"] == "active")
            assert await order(first, "mute", participant_id=str(bob)) == "done"
            assert await order(first, "off_record") == "done"
            await give(first, command_id, "guide", guidance)
            assert await outcome(first, command_id) == "done"
    async with small_node(database, tmp_path) as node:
        second = Scene(node, alice, first.session)
        async with transaction(node.media) as conn:  # as if the node had been killed before it could say so
            await conn.execute(
                "UPDATE call_commands SET acknowledged_at = NULL, outcome = NULL WHERE id = $1", command_id
            )
        async with second.joined(ann) as hers, second.joined(bob, talks=False):
            assert await outcome(second, command_id) == "done"
            off_ms = await recording(hers, "off_record") + 200
            await asyncio.sleep(2.0)
            assert not [m for m in hers.of_type("transcript.final") if m["start_ms"] > off_ms]
            assert len(hers.of_type("guidance.shown")) == 1
            assert await order(second, "unmute", participant_id=str(bob)) == "done"
            assert await order(second, "on_record") == "done"
            await hers.wait_for("transcript.final", IN_TIME_S, lambda m: m["start_ms"] > off_ms)
