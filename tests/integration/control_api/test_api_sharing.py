"""Share links over HTTP: what their holder sees, for how long, and what nobody can guess (failure mode 41)."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from control_api.sessions import sharing
from control_api.tokens import new_token
from db import members
from db.pool import owner_connection, transaction
from tests.api import Answer, Api


async def spoken(api: Api) -> str:
    session_id = await api.new_session(title="Renewal")
    await api.start_call(session_id)
    await api.say(session_id, ("Ada", "the budget is forty thousand"))
    return session_id


async def share(api: Api, session_id: str, who: str = "alice", **sent: Any) -> Answer:
    return await api.post(f"/v1/sessions/{session_id}/share-links", {"tabs": ["transcript"], **sent}, who)


async def open_shared(api: Api, token: str) -> Answer:
    return await api.get(f"/v1/shared/{token}", who=None)


async def test_whoever_holds_a_link_sees_the_chosen_tabs_and_nothing_else(api: Api) -> None:
    session_id = await spoken(api)
    made = await share(api, session_id, tabs=["transcript", "metrics"], message="As promised")
    assert made.status == 201
    seen = await open_shared(api, made.body["token"])
    assert seen.status == 200
    assert (seen.body["title"], seen.body["message"], seen.body["tabs"]) == (
        "Renewal", "As promised", ["metrics", "transcript"],
    )  # fmt: skip
    assert seen.body["transcript"] == [{"speaker": "Ada", "start_ms": 0, "text": "the budget is forty thousand"}]
    assert (seen.body["summary"], seen.body["guidance"]) == (None, None)
    alice = api.people.alice
    for secret in (str(alice.user_id), str(alice.organization_id), alice.email, session_id):
        assert secret not in json.dumps(seen.body)


async def test_of_four_tabs_one_that_was_chosen_is_there_alone(api: Api) -> None:
    session_id = await spoken(api)
    for tab in ("transcript", "guidance", "metrics"):
        seen = (await open_shared(api, (await share(api, session_id, tabs=[tab])).body["token"])).body
        there = {name for name in ("summary", "transcript", "guidance", "metrics") if seen[name] is not None}
        assert there == {tab}
        assert ("forty" in json.dumps(seen)) == (tab == "transcript")


async def test_a_report_says_when_its_transcript_is_only_the_beginning(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = await api.new_session()
    await api.start_call(session_id)
    await api.say(session_id, ("Ada", "One."), ("Ada", "Two."))
    token = (await share(api, session_id)).body["token"]
    for lines, said, is_cut in ((2, ["One.", "Two."], False), (1, ["One."], True)):
        monkeypatch.setattr(sharing, "MAX_LINES", lines)
        seen = (await open_shared(api, token)).body
        assert ([line["text"] for line in seen["transcript"]], seen["is_cut"]) == (said, is_cut)


async def test_a_tab_without_content_is_empty(api: Api) -> None:
    made = await share(api, await api.new_session(), tabs=["summary", "transcript", "guidance", "metrics"])
    seen = (await open_shared(api, made.body["token"])).body
    assert (seen["summary"], seen["transcript"], seen["guidance"]) == (None, [], [])
    assert seen["metrics"]["total_words_spoken"] == 0


async def test_every_opening_is_counted_and_tells_its_maker(api: Api) -> None:
    session_id = await spoken(api)
    token = (await share(api, session_id)).body["token"]
    for _ in range(3):
        await open_shared(api, token)
    [link] = (await api.get(f"/v1/sessions/{session_id}/share-links")).body["items"]
    assert (link["access_count"], link["last_accessed_at"] is not None) == (3, True)
    assert "token" not in link


async def test_what_was_never_a_link_is_not_found(api: Api) -> None:
    session_id = await spoken(api)
    made = await share(api, session_id)
    for guess in (session_id, made.body["id"], new_token(), "x", "%00", "x" * 5000):
        answer = await open_shared(api, guess)
        assert (answer.status, answer.code) in {(404, "not_found"), (400, "bad_request")}, guess[:40]


async def test_a_link_that_was_taken_back_or_has_expired_is_gone(api: Api) -> None:
    session_id = await spoken(api)
    links = f"/v1/sessions/{session_id}/share-links"
    revoked, expired = (await share(api, session_id)).body, (await share(api, session_id)).body
    assert (await api.send("DELETE", f"{links}/{revoked['id']}")).status == 204
    assert (await api.send("DELETE", f"{links}/{revoked['id']}")).status == 404
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute(
            "UPDATE session_share_links SET created_at = now() - interval '2 days', expires_at = now() WHERE id = $1",
            UUID(expired["id"]),
        )
    for link in (revoked, expired):
        answer = await open_shared(api, link["token"])
        assert (answer.status, answer.code) == (410, "link_gone")
        assert "forty" not in json.dumps(answer.body)


async def test_a_link_ends_with_its_session_and_with_its_makers_membership(api: Api) -> None:
    session_id = await spoken(api)
    deleted = (await share(api, session_id)).body["token"]
    await api.send("DELETE", f"/v1/sessions/{await _end(api, session_id)}")
    assert (await open_shared(api, deleted)).status == 404
    bobs = await api.new_session("bob")
    token = (await share(api, bobs, "bob")).body["token"]
    alice = api.people.alice
    async with transaction(api.state.pool, user_id=alice.user_id) as conn:
        await members.remove(conn, alice.organization_id, api.people.bob.user_id)
    assert (await open_shared(api, token)).status == 404


async def _end(api: Api, session_id: str) -> str:
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute("UPDATE calls SET lease_until = now() WHERE session_id = $1", UUID(session_id))
    return session_id


async def test_a_link_has_seven_days_unless_it_is_said_otherwise(api: Api) -> None:
    session_id = await api.new_session()
    made = (await share(api, session_id)).body
    assert made["expires_at"][:10] > made["created_at"][:10]
    assert (await share(api, session_id, expires_in_days=None)).body["expires_at"] is None
    for days, status in ((0, 422), (1, 201), (365, 201), (366, 422)):
        assert (await share(api, session_id, expires_in_days=days)).status == status


async def test_only_who_may_change_a_session_shares_it(api: Api) -> None:
    session_id = await api.new_session()
    assert (await share(api, session_id, "bob")).status == 403
    assert (await api.get(f"/v1/sessions/{session_id}/share-links", "bob")).status == 403
    assert (await share(api, session_id, "charlie")).status == 404
    for wrong in ({"tabs": []}, {"tabs": ["everything"]}, {"message": "x" * 1001}, {"recipient_email": "nobody"}):
        assert (await share(api, session_id, **wrong)).status == 422, wrong
