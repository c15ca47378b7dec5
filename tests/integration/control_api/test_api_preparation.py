"""Around a call, over HTTP: context and checklist before it, the timeline and the guidance after it, corrections."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import redis.asyncio

from db import commands, guidance, session_log, timeline
from db.pool import transaction
from db.records import NewGuidance
from db.timeline import TimelineEvent
from tests.api import Answer, Api


async def spoken(api: Api, who: str = "alice") -> tuple[str, UUID]:
    """A session and its first line."""
    session_id = await api.new_session(who)
    await api.start_call(session_id)
    [first, _] = await api.say(session_id, ("Ada", "forty four"), ("Ben", "yes"))
    return session_id, first


async def correct(api: Api, path: str, changes: dict[str, Any], version: str | None, who: str = "alice") -> Answer:
    headers = {} if version is None else {"If-Match": version}
    return await api.send("PATCH", path, who, json=changes, headers=headers)


# context ------------------------------------------------------------------------------------------------------------


async def test_the_context_is_written_by_the_creator_and_read_by_all(api: Api) -> None:
    earlier, session_id = await api.new_session(title="Earlier"), await api.new_session()
    path = f"/v1/sessions/{session_id}/context"
    assert (await api.get(path)).body == {"text": None, "linked": []}
    sent = {"text": "They renew in May.\nAsk Ann.", "linked_session_ids": [earlier]}
    assert (await api.send("PUT", path, json=sent)).status == 200
    seen = (await api.get(path, "bob")).body
    assert (seen["text"], [each["title"] for each in seen["linked"]]) == (sent["text"], ["Earlier"])
    assert (await api.send("PUT", path, "bob", json=sent)).status == 403
    assert (await api.send("PUT", path, json={})).body == {"text": None, "linked": []}


async def test_only_other_sessions_of_the_organization_are_linked(api: Api) -> None:
    session_id, foreign = await api.new_session(), await api.new_session("charlie")
    for wrong in (foreign, str(uuid4()), session_id):
        body = {"linked_session_ids": [wrong]}
        answer = await api.send("PUT", f"/v1/sessions/{session_id}/context", json=body)
        assert (answer.status, answer.body["errors"][0]["field"]) == (422, "linked_session_ids")


async def test_a_link_to_what_is_gone_is_left_out(api: Api) -> None:
    earlier, session_id = await api.new_session(), await api.new_session()
    path = f"/v1/sessions/{session_id}/context"
    await api.send("PUT", path, json={"linked_session_ids": [earlier]})
    await api.send("DELETE", f"/v1/sessions/{earlier}")
    assert (await api.get(path)).body["linked"] == []


async def test_a_context_is_not_written_over_a_newer_one(api: Api) -> None:
    path = f"/v1/sessions/{await api.new_session()}/context"
    version = (await api.get(path)).headers["ETag"]
    assert (await api.send("PUT", path, json={"text": "A"}, headers={"If-Match": version})).status == 200
    assert (await api.send("PUT", path, json={"text": "B"}, headers={"If-Match": version})).status == 412


# checklist ----------------------------------------------------------------------------------------------------------


async def test_a_checklist_is_written_ticked_off_and_struck(api: Api) -> None:
    path = f"/v1/sessions/{await api.new_session()}/checklist"
    items = [(await api.post(path, {"text": text})).body for text in ("Ask for the budget", "Name a date")]
    ticked = await api.send("PATCH", f"{path}/{items[0]['id']}", json={"status": "done"})
    assert (ticked.status, ticked.body["status"]) == (200, "done")
    assert (await api.send("DELETE", f"{path}/{items[1]['id']}")).status == 204
    seen = (await api.get(path, "bob")).body["items"]
    assert [(item["text"], item["status"]) for item in seen] == [("Ask for the budget", "done")]


async def test_a_checklist_is_its_creators(api: Api) -> None:
    path = f"/v1/sessions/{await api.new_session()}/checklist"
    item = (await api.post(path, {"text": "A"})).body
    assert (await api.post(path, {"text": "B"}, "bob")).status == 403
    assert (await api.send("PATCH", f"{path}/{item['id']}", "bob", json={"status": "done"})).status == 403
    for missing in (str(uuid4()), "x"):
        assert (await api.send("PATCH", f"{path}/{missing}", json={"status": "done"})).status == 404
        assert (await api.send("DELETE", f"{path}/{missing}")).status == 404
    for body in ({"text": ""}, {"text": "x" * 201}, {"text": "a\nb"}, {"text": "a", "status": "done"}):
        assert (await api.post(path, body)).status == 422, body
    assert (await api.send("PATCH", f"{path}/{item['id']}", json={"status": "closed"})).status == 422


# transcript ---------------------------------------------------------------------------------------------------------


async def test_a_line_is_corrected_and_what_it_said_is_kept(api: Api) -> None:
    session_id, line = await spoken(api)
    path = f"/v1/sessions/{session_id}/transcript/{line}"
    assert (await api.get(path)).headers["ETag"] == '"0"'
    first = await correct(api, path, {"text": "forty-four thousand"}, '"0"')
    assert (first.status, first.body["revision"], first.headers["ETag"]) == (200, 1, '"1"')
    second = await correct(api, path, {"speaker": "Ann"}, '"1"')
    assert (second.body["text"], second.body["speaker"]) == ("forty-four thousand", "Ann")
    history = (await api.get(f"{path}/history", "bob")).body["items"]
    told = [(each["revision"], each["text"], each["speaker"]) for each in history]
    assert told == [(1, "forty-four thousand", "Ada"), (0, "forty four", "Ada")]
    assert {each["replaced_by"] for each in history} == {str(api.people.alice.user_id)}
    [seen, _] = (await api.get(f"/v1/sessions/{session_id}/transcript")).body["items"]
    assert (seen["text"], seen["revision"]) == ("forty-four thousand", 2)


async def test_a_correction_is_an_entry_of_the_log_once_the_call_is_over(api: Api) -> None:
    session_id, line = await spoken(api)
    await api.start_call(session_id, lease_s=0.0)
    await api.post(f"/v1/sessions/{session_id}/end")
    path = f"/v1/sessions/{session_id}/transcript/{line}"
    await correct(api, path, {"text": "forty-four"}, '"0"')
    await correct(api, path, {"text": "forty-four"}, '"1"')  # nothing was changed
    await correct(api, path, {"speaker": "Ann"}, '"1"')
    async with transaction(api.media) as conn:
        told = await session_log.read(conn, UUID(session_id), after_seq=0, audiences=["everyone"])
        given_out = await conn.fetchval("SELECT reserved_seq FROM calls WHERE session_id = $1", UUID(session_id))
        assert await commands.pending_commands(conn, [UUID(session_id)]) == []
    payloads = [(entry.type, json.loads(entry.payload)) for entry in told]
    assert payloads == [
        ("transcript.revised", {"transcript_id": str(line), "revision": 1, "text": "forty-four", "speaker": "Ada"}),
        ("transcript.revised", {"transcript_id": str(line), "revision": 2, "text": "forty-four", "speaker": "Ann"}),
    ]
    assert [entry.seq for entry in told] == [given_out - 1, given_out]  # after all that nodes were given
    async with redis.asyncio.from_url(api.state.settings.redis_url) as client:
        followed = await client.xrange(f"liveconvo:events:{session_id}")
    assert [int(fields[b"seq"]) for _, fields in followed] == [given_out - 1, given_out]


async def test_a_correction_in_a_call_is_told_by_its_node(api: Api) -> None:
    session_id, line = await spoken(api)
    await correct(api, f"/v1/sessions/{session_id}/transcript/{line}", {"text": "forty-four"}, '"0"')
    async with transaction(api.media) as conn:
        [order] = await commands.pending_commands(conn, [UUID(session_id)])
        assert await session_log.read(conn, UUID(session_id), after_seq=0, audiences=["everyone"]) == []
    assert (order.kind, order.created_by) == (commands.REVISE_TRANSCRIPT, api.people.alice.user_id)
    told = {"transcript_id": str(line), "revision": 1, "text": "forty-four", "speaker": "Ada"}
    assert order.payload == told


async def test_a_line_is_corrected_on_what_was_read_only(api: Api) -> None:
    session_id, line = await spoken(api)
    path = f"/v1/sessions/{session_id}/transcript/{line}"
    assert (await correct(api, path, {"text": "x"}, None)).code == "version_needed"
    for version in ('"1"', "0", "*", "x", 'W/"0"'):
        answer = await correct(api, path, {"text": "x"}, version)
        assert (answer.status, answer.code) == (412, "precondition_failed"), version
    assert (await correct(api, path, {"text": "forty four"}, '"0"')).body["revision"] == 0  # nothing was changed
    assert (await api.get(f"{path}/history")).body["items"] == []


async def test_a_line_is_the_creators_and_the_managers_to_correct(api: Api) -> None:
    session_id, line = await spoken(api)
    path = f"/v1/sessions/{session_id}/transcript/{line}"
    assert (await correct(api, path, {"text": "x"}, '"0"', "bob")).status == 403
    assert (await correct(api, path, {"text": "x"}, '"0"', "charlie")).status == 404
    other = await api.new_session()
    assert (await correct(api, f"/v1/sessions/{other}/transcript/{line}", {"text": "x"}, '"0"')).status == 404
    for changes in ({"text": ""}, {"speaker": "x" * 51}, {"text": "x" * 10_001}, {"revision": 3}):
        assert (await correct(api, path, changes, '"0"')).status == 422, changes


async def test_words_are_counted_anew_once_the_call_is_over(api: Api) -> None:
    session_id = await api.new_session()
    await api.start_call(session_id, lease_s=0.0)
    [line] = await api.say(session_id, ("Ada", "one two"))
    await api.post(f"/v1/sessions/{session_id}/end")
    await correct(api, f"/v1/sessions/{session_id}/transcript/{line}", {"text": "one two three"}, '"0"')
    assert (await api.get(f"/v1/sessions/{session_id}")).body["total_words_spoken"] == 3


# guidance and timeline ----------------------------------------------------------------------------------------------


async def test_guidance_is_judged_and_counted(api: Api) -> None:
    session_id, _ = await spoken(api)
    advice = [
        NewGuidance(uuid4(), UUID(session_id), api.people.alice.organization_id, "Ask.", kind, 2, Decimal(1), cue=cue)
        for kind, cue in (("ask", "pace"), ("ask", "pace"), ("warn", None))
    ]
    async with transaction(api.media) as conn:
        await guidance.insert_guidance(conn, advice)
    path = f"/v1/sessions/{session_id}/guidance"
    for given, action in zip(advice, ("helpful", "too_late", "clicked"), strict=True):
        assert (await api.post(f"{path}/{given.id}/feedback", {"action": action})).status == 204
    assert (await api.post(f"{path}/{uuid4()}/feedback", {"action": "helpful"})).status == 404
    assert (await api.post(f"{path}/{advice[0].id}/feedback", {"action": "helpful"}, "bob")).status == 403
    assert (await api.post(f"{path}/{advice[0].id}/feedback", {"action": "great"})).status == 422
    assert (await api.get(f"{path}/statistics", "bob")).body["shown"] == 0  # it was not for them
    seen = (await api.get(f"{path}/statistics")).body
    assert (seen["shown"], seen["helpful"], seen["too_late"], seen["helpful_share"]) == (3, 1, 1, 0.5)
    assert [(each["guidance_type"], each["cue"], each["shown"], each["clicked"]) for each in seen["by_kind"]] == [
        ("ask", "pace", 2, 0), ("warn", None, 1, 1),
    ]  # fmt: skip


async def test_the_timeline_is_read_in_pages(api: Api) -> None:
    session_id, _ = await spoken(api)
    began = datetime.now(UTC)
    moments = [
        TimelineEvent(
            uuid4(), UUID(session_id), api.people.alice.organization_id, began + timedelta(seconds=number),
            f"Moment {number}", None, "decision", "high",
        )
        for number in range(3)
    ]  # fmt: skip
    async with transaction(api.media) as conn:
        await timeline.insert_events(conn, moments)
    path = f"/v1/sessions/{session_id}/timeline"
    first = (await api.get(path, params={"limit": "2"})).body
    rest = (await api.get(path, params={"limit": "2", "cursor": first["next_cursor"]})).body
    titles = [item["title"] for item in (*first["items"], *rest["items"])]
    assert (titles, rest["next_cursor"]) == (["Moment 0", "Moment 1", "Moment 2"], None)


async def test_a_session_begins_with_its_context_or_not_at_all(api: Api) -> None:
    earlier = await api.new_session(title="Earlier")
    body = {"title": "Later", "conversation_type": "sales"}
    context = {"text": "They renew in May.", "linked_session_ids": [earlier]}
    made = await api.post("/v1/sessions", {**body, "context": context})
    assert made.status == 201, made.body
    stored = (await api.get(f"/v1/sessions/{made.body['id']}/context")).body
    assert (stored["text"], [each["title"] for each in stored["linked"]]) == ("They renew in May.", ["Earlier"])
    foreign = await api.new_session("charlie")
    refused = await api.post("/v1/sessions", {**body, "context": {"linked_session_ids": [foreign]}})
    assert (refused.status, refused.body["errors"][0]["field"]) == (422, "context.linked_session_ids")
    assert len((await api.get("/v1/sessions")).body["items"]) == 2
