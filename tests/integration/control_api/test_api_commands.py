"""Commands to a live call over HTTP: who may, what is refused, and that the answer is the node's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from db import commands, participants
from db.pool import owner_connection, transaction
from db.records import Command, NewParticipant
from tests.api import Answer, Api, MakeApi
from tests.integration.control_api.test_api_members import change
from tests.integration.control_api.test_api_organizations import path_of

IN_TIME_S = 20.0
GUIDANCE = {"content": "Ask for the budget."}


async def live_session(api: Api, who: str = "alice") -> str:
    session_id = await api.new_session(who)
    await api.start_call(session_id)
    return session_id


async def order(api: Api, session_id: str, kind: str, who: str = "alice", **more: Any) -> Answer:
    return await api.post(f"/v1/sessions/{session_id}/commands", {"kind": kind, **more}, who)


async def participant(api: Api, session_id: str, role: str = "participant", *, coached: bool = False) -> str:
    person = NewParticipant(
        id=uuid4(), session_id=UUID(session_id), organization_id=api.people.alice.organization_id, name="Guest",
        role=role, coached=coached,
    )  # fmt: skip
    async with transaction(api.state.pool, user_id=api.people.alice.user_id) as conn:
        await participants.insert_participant(conn, person)
    return str(person.id)


@asynccontextmanager
async def node(api: Api, session_id: str, outcome: str = "done") -> AsyncIterator[list[Command]]:
    """One that answers everything alike; what it was told."""
    told: list[Command] = []

    async def obey() -> None:
        while True:
            async with transaction(api.media) as conn:
                for command in await commands.pending_commands(conn, [UUID(session_id)]):
                    told.append(command)
                    await commands.acknowledge(conn, command.id, outcome)
            await asyncio.sleep(0.02)

    async with asyncio.TaskGroup() as tasks:
        obeying = tasks.create_task(obey())
        yield told
        obeying.cancel()


async def test_what_the_node_carried_out_is_answered(api: Api) -> None:
    session_id = await live_session(api)
    person = await participant(api, session_id, coached=True)
    async with node(api, session_id) as told:
        for kind in ("mute", "unmute", "remove_participant"):
            answer = await order(api, session_id, kind, participant_id=person)
            assert (answer.status, answer.body["state"], answer.body["kind"]) == (200, "done", kind), answer.body
        for kind in ("pause", "unpause", "off_record", "on_record", "end"):
            answer = await order(api, session_id, kind)
            assert (answer.status, answer.body["state"], answer.body["outcome"]) == (200, "done", "done"), answer.body
        for more, audience in (
            ({"guidance": GUIDANCE}, "coached"),
            ({"guidance": {**GUIDANCE, "role": "supervisor"}}, "role:supervisor"),
            ({"guidance": GUIDANCE, "participant_id": person}, f"participant:{person}"),
        ):
            assert (await order(api, session_id, "guide", **more)).status == 200
            assert told[-1].payload == {**GUIDANCE, "guidance_type": "suggest", "priority": 1, "audience": audience}
    assert [command.payload for command in told[:4]] == [{"participant_id": person}] * 3 + [{}]
    assert {command.created_by for command in told} == {api.people.alice.user_id}
    seen = await api.get(answer.headers["Location"])
    assert seen.body == answer.body


@pytest.mark.parametrize(
    ("outcome", "status", "code"),
    [
        ("no_call", 409, "no_live_call"),
        ("no_participant", 409, "no_participant"),
        ("muted_by_themselves", 409, "muted_by_themselves"),
        ("not_started", 409, "not_started"),
        ("not_kept", 503, "command_not_kept"),
        ("failed", 409, "command_failed"),
    ],
)
async def test_what_the_node_refused_is_told_by_its_code(api: Api, outcome: str, status: int, code: str) -> None:
    session_id, command_id = await live_session(api), str(uuid4())
    async with node(api, session_id, outcome):
        answer = await order(api, session_id, "off_record", id=command_id)
    assert (answer.status, answer.code) == (status, code)
    seen = (await api.get(f"/v1/sessions/{session_id}/commands/{command_id}")).body
    assert (seen["state"], seen["outcome"]) == ("refused", outcome)


async def test_the_same_id_is_the_same_command(api: Api) -> None:
    session_id, command_id = await live_session(api), str(uuid4())
    async with node(api, session_id) as told:
        answers = [await order(api, session_id, "off_record", id=command_id) for _ in range(3)]
        assert len({orjson.dumps(answer.body) for answer in answers}) == 1
        assert [answer.status for answer in answers] == [200, 200, 200]
        assert len(told) == 1
        for kind, session in (("on_record", session_id), ("off_record", await live_session(api))):
            taken = await order(api, session, kind, id=command_id)
            assert (taken.status, taken.code) == (409, "conflict")
        both = await asyncio.gather(*(order(api, session_id, "pause", id=str(UUID(int=7))) for _ in range(5)))
        assert {answer.status for answer in both} <= {200, 409}
        assert [command.kind for command in told].count("pause") == 1


async def test_a_node_that_does_not_answer_is_asked_about_later(make_api: MakeApi) -> None:
    async with make_api(command_wait_s=0.2) as api:
        session_id = await live_session(api)
        answer = await order(api, session_id, "off_record")
        assert (answer.status, answer.body["state"], answer.body["outcome"]) == (202, "pending", None)
        path = answer.headers["Location"]
        async with node(api, session_id), asyncio.timeout(IN_TIME_S):
            while (seen := await api.get(path)).body["state"] == "pending":
                await asyncio.sleep(0.02)
        assert seen.body["state"] == "done"


async def test_what_was_for_the_moment_is_not_carried_out_later(make_api: MakeApi) -> None:
    async with make_api(command_wait_s=0.1) as api:
        session_id = await live_session(api)
        person = await participant(api, session_id)
        late = await order(api, session_id, "off_record")
        away = await order(api, session_id, "remove_participant", participant_id=person)

        async def made_at(seconds_ago: int) -> None:
            async with owner_connection(api.database.owner_url) as conn:
                await conn.execute(
                    "UPDATE call_commands SET created_at = now() - make_interval(secs => $1)", seconds_ago
                )

        async def pending() -> set[str]:
            async with transaction(api.media) as conn:
                return {command.kind for command in await commands.pending_commands(conn, [UUID(session_id)])}

        await made_at(commands.GOOD_FOR_S - 5)
        assert await pending() == {"off_record", "remove_participant"}
        await made_at(commands.GOOD_FOR_S + 1)
        assert await pending() == {"remove_participant"}
        assert (await api.get(late.headers["Location"])).body["state"] == "pending"  # it may have begun in time
        await made_at(commands.GOOD_FOR_S + commands.ANSWERED_WITHIN_S + 1)
        assert (await api.get(late.headers["Location"])).body["state"] == "not_carried_out"
        assert (await api.get(away.headers["Location"])).body["state"] == "pending"
        again = await order(api, session_id, "off_record", id=late.body["id"])
        assert (again.status, again.code) == (409, "command_failed")


async def test_without_a_live_call_there_is_nothing_to_command(api: Api) -> None:
    for session_id in (await api.new_session(), await live_session(api)):
        async with owner_connection(api.database.owner_url) as conn:
            await conn.execute("UPDATE calls SET lease_until = now()")
        answer = await order(api, session_id, "off_record")
        assert (answer.status, answer.code) == (409, "no_live_call")


async def test_only_whoever_may_change_a_session_commands_its_call(api: Api) -> None:
    session_id, bobs = await live_session(api), await live_session(api, "bob")
    assert (await order(api, session_id, "end", "bob")).code == "forbidden"
    assert (await order(api, session_id, "end", "charlie")).code == "not_found"
    async with node(api, bobs):
        assert (await order(api, bobs, "off_record", "bob")).status == 200
        await change(api, "bob", {"permissions": ["sessions.create"]})
        assert (await order(api, bobs, "on_record", "bob")).code == "forbidden"
        await change(api, "bob", {"permissions": ["calls.moderate"]})
        assert (await order(api, bobs, "on_record", "bob")).status == 200


async def test_guidance_goes_to_those_to_whom_it_is_granted(api: Api) -> None:
    session_id = await live_session(api)
    customer = await participant(api, session_id, "customer")
    plain = await participant(api, session_id)
    for more in (
        {"guidance": {**GUIDANCE, "role": "participant"}},
        {"guidance": GUIDANCE, "participant_id": customer},
        {"guidance": GUIDANCE, "participant_id": plain},
    ):
        answer = await order(api, session_id, "guide", **more)
        assert (answer.status, answer.code) == (409, "not_coached"), more
    granted = ["host", "participant"]
    assert (await api.send("PATCH", f"/v1/sessions/{session_id}", json={"coached_roles": granted})).status == 200
    async with node(api, session_id):
        answer = await order(api, session_id, "guide", guidance={**GUIDANCE, "role": "participant"})
        assert answer.status == 200, answer.body
    answer = await order(api, session_id, "guide", guidance={**GUIDANCE, "role": "supervisor"})
    assert answer.code == "not_coached"


async def test_what_is_no_command_is_refused(api: Api) -> None:
    session_id, person = await live_session(api), str(uuid4())
    for body in (
        {"kind": "explode"}, {"kind": "mute"}, {"kind": "end", "participant_id": person},
        {"kind": "guide"},
        {"kind": "end", "guidance": GUIDANCE}, {"kind": "guide", "guidance": {"content": ""}},
        {"kind": "guide", "guidance": {"content": "x" * 501}},
        {"kind": "guide", "guidance": {**GUIDANCE, "priority": 4}},
        {"kind": "guide", "guidance": {**GUIDANCE, "role": "customer"}},
        {"kind": "guide", "guidance": {**GUIDANCE, "role": "host"}, "participant_id": person},
        {"kind": "end", "id": "x"},
    ):  # fmt: skip
        answer = await api.post(f"/v1/sessions/{session_id}/commands", body)
        assert (answer.status, answer.code) == (422, "invalid_request"), body
    answer = await order(api, session_id, "mute", participant_id=person)
    assert (answer.status, answer.code) == (404, "not_found")


async def test_closing_what_a_call_belongs_to_ends_it(api: Api) -> None:
    session_id = await live_session(api)
    async with node(api, session_id) as told:
        assert (await api.send("DELETE", path_of(api))).status == 204
        async with asyncio.timeout(IN_TIME_S):
            while not told:
                await asyncio.sleep(0.02)
    assert [command.kind for command in told] == ["end"]
