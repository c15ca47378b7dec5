"""Stored sessions over HTTP: found, renamed, tagged, put away, deleted and restored, one or many."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from db import participants
from db.pool import owner_connection, transaction
from db.records import NewParticipant
from tests.api import Answer, Api
from tests.integration.control_api.test_api_members import member_path


async def completed(api: Api, who: str = "alice", title: str = "Done") -> str:
    session_id = await api.new_session(who, title)
    await api.start_call(session_id, lease_s=0.0)
    await api.post(f"/v1/sessions/{session_id}/end", who=who)
    return session_id


async def titles(api: Api, **params: str) -> list[str]:
    answer = await api.get("/v1/sessions", params=params)
    assert answer.status == 200, answer.body
    return [item["title"] for item in answer.body["items"]]


async def admit(api: Api, session_id: str, name: str) -> None:
    alice = api.people.alice
    person = NewParticipant(uuid4(), UUID(session_id), alice.organization_id, name, "customer")
    async with transaction(api.state.pool, user_id=alice.user_id) as conn:
        await participants.insert_participant(conn, person)


async def edit(api: Api, session_id: str, changes: dict[str, Any], who: str = "alice", **headers: str) -> Answer:
    return await api.send("PATCH", f"/v1/sessions/{session_id}", who, json=changes, headers=headers)


async def test_the_list_is_filtered_by_title_tag_type_person_and_date(api: Api) -> None:
    for title, type_, tags in (("Renewal ACME", "sales", ["Acme", "q2"]), ("Stand-up", "meeting", [])):
        body = {"title": title, "conversation_type": type_, "tags": tags}
        made = (await api.post("/v1/sessions", body)).body
        await admit(api, made["id"], f"Guest of {title}")
    assert await titles(api, q="renewal") == await titles(api, tag=" ACME ") == ["Renewal ACME"]
    assert await titles(api, conversation_type="meeting") == await titles(api, participant="of stand") == ["Stand-up"]
    assert await titles(api, created_from=made["created_at"]) == ["Stand-up"]
    assert await titles(api, created_to=made["created_at"]) == ["Renewal ACME"]
    await api.new_session("bob", "Bob's")
    assert await titles(api, user_id=str(api.people.bob.user_id)) == ["Bob's"]
    assert await titles(api, user_id=str(api.people.charlie.user_id)) == []
    assert await titles(api, q="100%") == await titles(api, tag="x'; DROP TABLE sessions") == []


async def test_the_list_is_filtered_by_what_is_under_way(api: Api) -> None:
    await api.new_session(title="draft")
    active, paused = await api.new_session(title="active"), await api.new_session(title="paused")
    await api.start_call(active)
    await api.start_call(paused)
    await completed(api, title="finalizing")
    done, put_away = await completed(api, title="completed"), await completed(api, title="archived")
    await api.post(f"/v1/sessions/{put_away}/archive")
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute("UPDATE calls SET paused = true WHERE session_id = $1", UUID(paused))
        await conn.execute("UPDATE sessions SET finalized_at = now() WHERE id = $1", UUID(done))
    for state in ("draft", "active", "paused", "finalizing", "completed", "archived"):
        assert await titles(api, state=state) == [state]
    assert (await api.get("/v1/sessions", params={"state": "draft", "status": "draft"})).status == 422
    counts = (await api.get("/v1/sessions/counts")).body
    assert counts == {"draft": 1, "active": 2, "completed": 2, "archived": 1}


async def test_a_session_begins_from_a_template(api: Api) -> None:
    playbook = (await api.post("/v1/templates", {"name": "Ours"})).body
    body = {"title": "A", "conversation_type": "sales", "selected_template_id": playbook["id"]}
    made = await api.post("/v1/sessions", body)
    assert (made.status, made.body["selected_template_id"]) == (201, playbook["id"])
    assert (await api.get(f"/v1/templates/{playbook['id']}")).body["usage_count"] == 1
    for who, foreign in (("charlie", playbook["id"]), ("charlie", str(uuid4())), ("bob", playbook["id"])):
        refused = await api.post("/v1/sessions", {**body, "selected_template_id": foreign}, who)
        assert (refused.status, refused.code) == (404, "not_found")


async def test_a_playbook_that_was_switched_off_is_chosen_no_more_and_kept_where_it_was(api: Api) -> None:
    playbook = (await api.post("/v1/templates", {"name": "Ours", "scope": "organization"})).body["id"]
    body = {"title": "A", "conversation_type": "sales", "selected_template_id": playbook}
    made = [(await api.post("/v1/sessions", body, who)).body["id"] for who in ("alice", "bob")]
    await api.send("PATCH", f"/v1/templates/{playbook}", json={"is_active": False})
    assert (await api.post("/v1/sessions", body)).status == 404
    for session_id in made:
        changes = {"title": "B", "selected_template_id": playbook}
        answer = await api.send("PATCH", f"/v1/sessions/{session_id}", json=changes)
        assert (answer.status, answer.body["selected_template_id"]) == (200, playbook)
    other = await api.new_session()
    answer = await api.send("PATCH", f"/v1/sessions/{other}", json={"selected_template_id": playbook})
    assert (answer.status, answer.code) == (404, "not_found")


async def test_a_session_is_renamed_and_tagged_by_its_creator_and_by_managers(api: Api) -> None:
    session_id = await api.new_session("bob")
    answer = await edit(api, session_id, {"title": "Named", "tags": ["B", "a", "b"]}, "bob")
    assert (answer.status, answer.body["title"], answer.body["tags"]) == (200, "Named", ["a", "b"])
    assert (await edit(api, session_id, {"data_retention_days": 90})).body["data_retention_days"] == 90
    others = await api.new_session()
    assert (await edit(api, others, {"title": "Mine"}, "bob")).status == 403


NOT_ONES_TO_SET: list[dict[str, Any]] = [
    {"status": "completed"}, {"title": ""}, {"tags": ["x"] * 3 + [str(n) for n in range(20)]}, {"tags": ["x" * 51]},
    {"coached_roles": ["customer"]}, {"coached_roles": ["supervisor"]}, {"data_retention_days": 0},
    {"recording_duration_seconds": 1}, {"organization_id": str(uuid4())}, {"title": None},
]  # fmt: skip


async def test_what_is_not_ones_to_set_is_refused(api: Api) -> None:
    session_id = await api.new_session()
    for changes in NOT_ONES_TO_SET:
        answer = await edit(api, session_id, changes)
        assert (answer.status, answer.code) == (422, "invalid_request"), changes


async def test_a_name_is_not_written_over_a_newer_one(api: Api) -> None:
    session_id = await api.new_session()
    version = (await api.get(f"/v1/sessions/{session_id}")).headers["ETag"]
    first = await edit(api, session_id, {"title": "First"}, **{"If-Match": version})
    assert first.status == 200
    late = await edit(api, session_id, {"title": "Second"}, **{"If-Match": version})
    assert (late.status, late.code) == (412, "precondition_failed")
    again = await edit(api, session_id, {"title": "Second"}, **{"If-Match": first.headers["ETag"]})
    assert again.status == 200


async def test_who_is_coached_is_said_before_they_join(api: Api) -> None:
    await api.add_node()
    session_id = await api.new_session()
    await edit(api, session_id, {"coached_roles": ["host", "participant"]})
    for role, who in (("host", "alice"), ("participant", "bob"), ("customer", "bob")):
        await api.post(f"/v1/sessions/{session_id}/join", {"name": role, "role": role}, who)
    async with transaction(api.media) as conn:
        rows = await conn.fetch("SELECT role, coached FROM session_participants")
    assert {row["role"]: row["coached"] for row in rows} == {"host": True, "participant": True, "customer": False}


async def test_what_has_ended_is_put_away_and_taken_back(api: Api) -> None:
    session_id = await completed(api)
    for _ in range(2):
        assert (await api.post(f"/v1/sessions/{session_id}/archive")).body["status"] == "archived"
    for _ in range(2):
        assert (await api.post(f"/v1/sessions/{session_id}/unarchive")).body["status"] == "completed"


async def test_any_other_step_is_a_conflict(api: Api) -> None:
    draft, live = await api.new_session(), await api.new_session()
    await api.start_call(live)
    for session_id in (draft, live):
        for step in ("archive", "unarchive"):
            answer = await api.post(f"/v1/sessions/{session_id}/{step}")
            assert (answer.status, answer.code) == (409, "session_state")
    answer = await api.send("DELETE", f"/v1/sessions/{live}")
    assert (answer.status, answer.code) == (409, "session_live")


async def test_what_was_deleted_is_not_there_until_it_is_restored(api: Api) -> None:
    session_id = await completed(api)
    assert (await api.send("DELETE", f"/v1/sessions/{session_id}")).status == 204
    assert (await api.get(f"/v1/sessions/{session_id}")).status == 404
    assert (await api.send("DELETE", f"/v1/sessions/{session_id}")).status == 404
    assert (await api.post(f"/v1/sessions/{session_id}/restore", who="charlie")).status == 404
    assert (await api.post(f"/v1/sessions/{session_id}/restore")).body["status"] == "completed"
    assert (await api.post(f"/v1/sessions/{session_id}/restore")).status == 404


async def test_of_many_each_is_done_or_told_why_not(api: Api) -> None:
    done, draft, bobs = await completed(api), await api.new_session(), await completed(api, "bob")
    foreign, missing = await completed(api, "charlie"), str(uuid4())
    ids = [done, draft, bobs, foreign, missing, done]
    answer = await api.post("/v1/sessions/bulk", {"action": "archive", "ids": ids}, "bob")
    told = {item["id"]: (item["is_done"], item["code"]) for item in answer.body["items"]}
    assert told == {
        done: (False, "forbidden"), draft: (False, "forbidden"), bobs: (True, None),
        foreign: (False, "not_found"), missing: (False, "not_found"),
    }  # fmt: skip
    answer = await api.post("/v1/sessions/bulk", {"action": "delete", "ids": [done, draft, bobs]})
    assert [item["is_done"] for item in answer.body["items"]] == [True] * 3
    assert await titles(api) == []
    answer = await api.post("/v1/sessions/bulk", {"action": "restore", "ids": [done, draft, bobs, foreign]})
    assert [item["is_done"] for item in answer.body["items"]] == [True, True, True, False]


async def test_a_hundred_at_a_time(api: Api) -> None:
    for ids, status in (([], 422), ([str(uuid4())] * 100, 200), ([str(uuid4())] * 101, 422), (["x"], 422)):
        assert (await api.post("/v1/sessions/bulk", {"action": "archive", "ids": ids})).status == status


async def test_somebody_is_sent_out_of_a_live_call_by_order(api: Api) -> None:
    session_id = await api.new_session()
    await api.start_call(session_id, node="host-3")
    await admit(api, session_id, "Guest")
    [guest] = (await api.get(f"/v1/sessions/{session_id}")).body["participants"]
    path = f"/v1/sessions/{session_id}/participants"
    assert (await api.send("DELETE", f"{path}/{guest['id']}", "bob")).status == 403
    assert (await api.send("DELETE", f"{path}/{uuid4()}")).status == 404
    assert (await api.send("DELETE", f"{path}/{guest['id']}")).status == 204
    assert await api.state.live.wait_for_wake("host-3", 0.5)
    async with transaction(api.media) as conn:
        [row] = await conn.fetch("SELECT kind, payload ->> 'participant_id' AS who FROM call_commands")
    assert (row["kind"], row["who"]) == ("remove_participant", guest["id"])


async def test_a_member_without_the_permission_shares_nothing(api: Api) -> None:
    session_id = await api.new_session("bob")
    await api.send("PATCH", member_path(api, "bob"), json={"permissions": ["sessions.create"]})
    path = f"/v1/sessions/{session_id}/share-links"
    assert (await api.post(path, {"tabs": ["summary"]}, "bob")).status == 403
    await api.send("PATCH", member_path(api, "bob"), json={"permissions": ["sessions.share"]})
    assert (await api.post(path, {"tabs": ["summary"]}, "bob")).status == 201
