"""Playbooks over HTTP: who may use, make and change which, in which version, and what is no playbook."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from control_api.http import to_cursor, to_name_cursor
from tests.api import Answer, Api
from tests.integration.control_api.test_api_organizations import make_admin

CUE = {
    "kind": "cue", "cue": "pace", "guidance_type": "warn", "priority": 2, "when": "You speak fast.",
    "say": "{figure} words a minute: slow down, {name} cannot follow.",
}  # fmt: skip
PROMPT = {
    "kind": "prompt", "name": "budget", "guidance_type": "ask", "priority": 1, "when": "Money has not come up.",
    "say": "Ask what has been set aside.",
}  # fmt: skip
BAND = {"kind": "band", "metric": "talk_ratio", "low": 0.35, "high": None, "why": "Below that the host only listens."}


async def make(api: Api, who: str = "alice", **sent: Any) -> Answer:
    return await api.post("/v1/templates", {"name": "Ours", **sent}, who)


async def edit(api: Api, made: Answer, changes: dict[str, Any], who: str = "alice", **headers: str) -> Answer:
    return await api.send("PATCH", f"/v1/templates/{made.body['id']}", who, json=changes, headers=headers)


async def names(api: Api, who: str, **params: str) -> set[str]:
    return {item["name"] for item in (await api.get("/v1/templates", who, params=params)).body["items"]}


async def test_everybody_uses_the_systems_and_the_shared_and_nobody_anybody_elses_own(api: Api) -> None:
    await make(api, name="Shared", scope="organization")
    own = await make(api, name="Alice's own")
    assert {"Shared", "Sales conversation"} <= await names(api, "bob")
    assert await names(api, "bob", scope="personal") == set()
    assert await names(api, "charlie", scope="organization") == set()
    assert await names(api, "alice", scope="personal") == {"Alice's own"}
    for who in ("bob", "charlie"):
        assert (await api.get(f"/v1/templates/{own.body['id']}", who)).status == 404


async def test_playbooks_come_in_pages_by_name(api: Api) -> None:
    for name in ("Zeal", "Aim", "Mood", "Aim"):
        await make(api, name=name)
    seen, cursor = [], None
    while True:
        params = {"scope": "personal", "limit": "1"} | ({"cursor": cursor} if cursor else {})
        page = (await api.get("/v1/templates", params=params)).body
        seen += [item["name"] for item in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == ["Aim", "Aim", "Mood", "Zeal"]
    for wrong in ("x", "WzEsMl0", to_cursor(datetime.now(UTC), uuid4())[:-4], to_name_cursor("\0", uuid4())):
        answer = await api.get("/v1/templates", params={"cursor": wrong})
        assert (answer.status, answer.code) == (422, "invalid_cursor")


async def test_what_was_switched_off_is_found_by_those_it_belongs_to(api: Api) -> None:
    ours, own = await make(api, name="Ours", scope="organization"), await make(api, name="Own")
    await edit(api, ours, {"is_public": True})
    for made in (ours, own):
        assert (await edit(api, made, {"is_active": False})).status == 200
    assert await names(api, "alice") & {"Ours", "Own"} == set()
    found = [await names(api, who, is_active="false") for who in ("alice", "bob", "charlie")]
    assert found == [{"Ours", "Own"}, {"Ours"}, set()]
    assert (await edit(api, ours, {"is_active": True})).status == 200
    assert "Ours" in await names(api, "charlie")


async def test_a_playbook_is_kept_as_it_was_sent(api: Api) -> None:
    sent = {
        "guidance_prompts": [CUE, PROMPT, BAND],
        "summary_template": "## Next\nWho does what.",
        "conversation_type": "sales",
    }
    made = await make(api, **sent)
    seen = (await api.get(f"/v1/templates/{made.body['id']}")).body
    assert {name: seen[name] for name in sent} == sent
    assert (seen["scope"], seen["version"], seen["usage_count"]) == ("personal", 1, 0)


async def test_another_text_is_another_version_and_a_new_name_is_not(api: Api) -> None:
    made = await make(api)
    assert (await edit(api, made, {"name": "Named"})).body["version"] == 1
    assert (await edit(api, made, {"guidance_prompts": [CUE]})).body["version"] == 2
    assert (await edit(api, made, {"guidance_prompts": [CUE]})).body["version"] == 2
    assert (await edit(api, made, {"context_instructions": "Listen."})).body["version"] == 3


async def test_a_playbook_is_not_written_over_a_newer_one(api: Api) -> None:
    made = await make(api)
    version = made.headers["ETag"]
    assert (await edit(api, made, {"name": "First"}, **{"If-Match": version})).status == 200
    late = await edit(api, made, {"name": "Second"}, **{"If-Match": version})
    assert (late.status, late.code) == (412, "precondition_failed")


async def test_what_is_shared_is_the_managers_to_make_change_and_drop(api: Api) -> None:
    shared = await make(api, scope="organization")
    assert (await make(api, "bob", scope="organization")).status == 403
    assert (await edit(api, shared, {"name": "Mine"}, "bob")).status == 403
    assert (await api.send("DELETE", f"/v1/templates/{shared.body['id']}", "bob")).status == 403
    await make_admin(api)
    assert (await edit(api, shared, {"name": "Mine"}, "bob")).status == 200
    assert (await api.send("DELETE", f"/v1/templates/{shared.body['id']}", "bob")).status == 204
    assert (await api.get(f"/v1/templates/{shared.body['id']}")).status == 404


async def test_the_systems_are_copied_and_not_changed(api: Api) -> None:
    [system] = [each for each in (await api.get("/v1/templates")).body["items"] if each["conversation_type"] == "sales"]
    assert system["scope"] == "system"
    path = f"/v1/templates/{system['id']}"
    assert (await api.send("PATCH", path, json={"name": "Mine"})).status == 403
    assert (await api.send("DELETE", path)).status == 403
    copy = await api.post(f"{path}/clone", {"name": "Our sales playbook", "scope": "organization"})
    assert (copy.status, copy.body["scope"], copy.body["version"]) == (201, "organization", 1)
    original = (await api.get(path)).body
    assert copy.body["guidance_prompts"] == original["guidance_prompts"] != []
    # What is seeded passes our own rules, so that a copy can be sent back as it is.
    sent = {"guidance_prompts": copy.body["guidance_prompts"]}
    assert (await edit(api, copy, sent)).status == 200
    assert (await api.post(f"{path}/clone", {"name": "X", "scope": "organization"}, "bob")).status == 403
    assert (await api.post(f"{path}/clone", {"name": "X"}, "bob")).status == 201


async def test_what_is_published_is_for_all_to_use_and_copy(api: Api) -> None:
    shared = await make(api, name="For all", scope="organization")
    assert (await edit(api, shared, {"is_public": True})).status == 200
    assert "For all" in await names(api, "charlie")
    assert (await edit(api, shared, {"name": "Mine"}, "charlie")).status == 403
    assert (await api.post(f"/v1/templates/{shared.body['id']}/clone", {"name": "Copy"}, "charlie")).status == 201
    own = await make(api)
    refused = await edit(api, own, {"is_public": True})
    assert (refused.status, refused.code) == (409, "template_not_shared")
    await edit(api, shared, {"is_public": False})
    assert "For all" not in await names(api, "charlie")


WRONG: list[tuple[dict[str, Any], str]] = [
    ({**CUE, "cue": "sneezing"}, "cue"), ({**CUE, "kind": "curse"}, "guidance_prompts"),
    ({**CUE, "color": "red"}, "color"), ({**CUE, "priority": 4}, "priority"), ({**CUE, "priority": "1"}, "priority"),
    ({**CUE, "guidance_type": "scold"}, "guidance_type"), ({**CUE, "say": "{secret}"}, "say"),
    ({**CUE, "say": "{name.__class__}"}, "say"), ({**CUE, "say": "{figure:>99999999}"}, "say"),
    ({**CUE, "say": "{"}, "say"), ({**CUE, "say": "{name!r}"}, "say"), ({**CUE, "say": "{}"}, "say"),
    ({**CUE, "say": "x" * 101}, "say"), ({**CUE, "say": "x" * 80 + "{name}"}, "say"), ({**CUE, "say": ""}, "say"),
    ({**PROMPT, "name": "Two words"}, "name"), ({**BAND, "low": None}, "guidance_prompts"),
    ({**BAND, "low": 2, "high": 1}, "guidance_prompts"), ({**BAND, "metric": "mood"}, "metric"),
    ({**BAND, "low": -1}, "low"),
]  # fmt: skip


@pytest.mark.parametrize("is_new", [True, False], ids=["made", "changed"])
async def test_what_is_no_entry_is_refused_with_its_place(api: Api, is_new: bool) -> None:
    made = await make(api)
    for entry, field in WRONG:
        sent = {"guidance_prompts": [PROMPT, entry]}
        answer = await make(api, **sent) if is_new else await edit(api, made, sent)
        assert (answer.status, answer.code) == (422, "invalid_request"), entry
        assert field in answer.body["errors"][0]["field"], (entry, answer.body)


async def test_what_is_there_twice_or_too_much_is_refused(api: Api) -> None:
    for entries in ([CUE, CUE], [PROMPT, PROMPT], [BAND, BAND]):
        assert (await make(api, guidance_prompts=entries)).status == 422
    many = [{**PROMPT, "name": f"p{number}"} for number in range(201)]
    assert (await make(api, guidance_prompts=many[:200])).status == 201
    assert (await make(api, guidance_prompts=many)).status == 422
    for wrong in ({"name": ""}, {"scope": "system"}, {"is_system_template": True}, {"summary_template": "x" * 20_001}):
        assert (await make(api, **wrong)).status == 422, wrong


async def test_one_that_is_foreign_and_one_that_never_was_look_the_same(api: Api) -> None:
    foreign = (await make(api, "charlie", scope="organization")).body["id"]
    for method, more, body in (("GET", "", None), ("PATCH", "", {"name": "X"}), ("DELETE", "", None),
                               ("POST", "/clone", {"name": "X"})):  # fmt: skip
        answers = [
            await api.send(method, f"/v1/templates/{template_id}{more}", json=body)
            for template_id in (foreign, uuid4())
        ]
        assert answers[0].status == 404, method
        assert answers[0].body == answers[1].body
