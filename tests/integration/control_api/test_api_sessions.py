"""Sessions over HTTP: create, list, read, and what belongs to somebody else."""

from __future__ import annotations

from uuid import uuid4

from db.pool import transaction
from tests.api import Api


async def test_a_session_begins_as_a_draft(api: Api) -> None:
    answer = await api.post("/v1/sessions", {"title": "  First call ", "conversation_type": "sales"})
    assert answer.status == 201
    assert (answer.body["title"], answer.body["status"], answer.body["state"]) == ("First call", "draft", "draft")
    assert answer.body["total_words_spoken"] == 0


async def test_a_member_of_the_organization_reads_it(api: Api) -> None:
    session_id = await api.new_session()
    answer = await api.get(f"/v1/sessions/{session_id}", who="bob")
    assert answer.status == 200
    assert answer.body["participants"] == []


READS = ("", "/transcript", "/guidance", "/summary")


async def test_a_foreign_id_and_a_random_id_look_the_same(api: Api) -> None:
    session_id = await api.new_session()
    for path in READS:
        foreign = await api.get(f"/v1/sessions/{session_id}{path}", who="charlie")
        missing = await api.get(f"/v1/sessions/{uuid4()}{path}", who="charlie")
        assert (foreign.status, foreign.code) == (404, "not_found"), path
        assert foreign.body == missing.body, path


WRITES = (
    ("/join", {"name": "Eve", "role": "participant", "shared_mic": False, "consent": None}),
    ("/invites", {"name": None, "role": "participant"}),
    ("/end", None),
    ("/summary/retry", None),
)


async def test_what_is_foreign_cannot_be_changed_either(api: Api) -> None:
    session_id = await api.new_session()
    await api.add_node()
    for path, body in WRITES:
        foreign = await api.post(f"/v1/sessions/{session_id}{path}", body, who="charlie")
        missing = await api.post(f"/v1/sessions/{uuid4()}{path}", body, who="charlie")
        assert foreign.status == 404, path
        assert foreign.body == missing.body, path
    assert (await api.get(f"/v1/sessions/{session_id}")).body["status"] == "draft"


async def test_nothing_is_read_or_changed_signed_out(api: Api) -> None:
    session_id = await api.new_session()
    for path in READS:
        answer = await api.get(f"/v1/sessions/{session_id}{path}", who=None)
        assert (answer.status, answer.code) == (401, "not_signed_in"), path
    for path, body in WRITES:
        answer = await api.post(f"/v1/sessions/{session_id}{path}", body, who=None)
        assert (answer.status, answer.code) == (401, "not_signed_in"), path


async def test_what_is_no_id_names_nothing(api: Api) -> None:
    for text in ("1", "x" * 36, "00000000-0000-0000-0000-000000000000", "%00"):
        answer = await api.get(f"/v1/sessions/{text}")
        assert (answer.status, answer.code) == (404, "not_found"), text


async def test_pages_give_every_session_once_and_newest_first(api: Api) -> None:
    made = [await api.new_session(title=f"Call {number}") for number in range(7)]
    seen: list[str] = []
    cursor = ""
    while True:
        page = await api.get("/v1/sessions", params={"limit": "3", **({"cursor": cursor} if cursor else {})})
        seen += [item["id"] for item in page.body["items"]]
        cursor = page.body["next_cursor"]
        if cursor is None:
            break
    assert seen == made[::-1]


async def test_the_list_shows_one_organization(api: Api) -> None:
    await api.new_session()
    own = await api.new_session(who="charlie", title="Mine")
    page = await api.get("/v1/sessions", who="charlie")
    assert [item["id"] for item in page.body["items"]] == [own]


async def test_the_list_filters_by_status(api: Api) -> None:
    ended = await api.new_session()
    await api.start_call(ended, lease_s=0.0)
    await api.new_session()
    await api.post(f"/v1/sessions/{ended}/end")
    page = await api.get("/v1/sessions", params={"status": "completed"})
    assert [item["id"] for item in page.body["items"]] == [ended]


async def test_a_made_up_cursor_is_refused(api: Api) -> None:
    for cursor in ("x", "AAAA", "W10", "eyJhIjoxfQ", "WyIyMDI2LTAxLTAxIiwiYSJd", "é"):
        answer = await api.get("/v1/sessions", params={"cursor": cursor})
        assert (answer.status, answer.code) == (422, "invalid_cursor"), cursor


async def test_an_unknown_query_is_refused(api: Api) -> None:
    for query in ("limit=0", "limit=101", "limit=x", "status=lost", "page=2", "limit=5&limit=6", "status=%00"):
        answer = await api.get(f"/v1/sessions?{query}")
        assert (answer.status, answer.code) == (422, "invalid_request"), query


async def test_ending_a_session_whose_call_nobody_holds_completes_it(api: Api) -> None:
    session_id = await api.new_session()
    await api.start_call(session_id, lease_s=0.0)
    answer = await api.post(f"/v1/sessions/{session_id}/end")
    assert (answer.status, answer.body) == (202, {"state": "finalizing"})
    assert (await api.get(f"/v1/sessions/{session_id}")).body["status"] == "completed"


async def test_what_nobody_spoke_in_stays_a_draft(api: Api) -> None:
    session_id = await api.new_session()
    answer = await api.post(f"/v1/sessions/{session_id}/end")
    assert (answer.status, answer.code) == (409, "session_state")
    assert (await api.get(f"/v1/sessions/{session_id}")).body["status"] == "draft"


async def test_ending_twice_is_ending_once(api: Api) -> None:
    session_id = await api.new_session()
    await api.start_call(session_id, lease_s=0.0)
    await api.post(f"/v1/sessions/{session_id}/end")
    assert (await api.post(f"/v1/sessions/{session_id}/end")).status == 202
    async with transaction(api.jobs) as conn:
        assert await conn.fetchval("SELECT count(*) FROM pgqueuer") == 1


async def test_ending_a_live_call_orders_its_node_once(api: Api) -> None:
    session_id = await api.new_session()
    await api.start_call(session_id)
    for _ in range(2):
        assert (await api.post(f"/v1/sessions/{session_id}/end")).status == 202
    async with transaction(api.media) as conn:
        assert await conn.fetch("SELECT kind FROM call_commands") == [("end",)]
    assert (await api.get(f"/v1/sessions/{session_id}")).body["status"] == "active"


async def test_the_node_is_woken_for_the_order(api: Api) -> None:
    session_id = await api.new_session()
    await api.start_call(session_id, node="host-7")
    await api.post(f"/v1/sessions/{session_id}/end")
    assert await api.state.live.wait_for_wake("host-7", 0.5)


async def test_another_member_does_not_end_it(api: Api) -> None:
    session_id = await api.new_session()
    answer = await api.post(f"/v1/sessions/{session_id}/end", who="bob")
    assert (answer.status, answer.code) == (403, "forbidden")


async def test_the_owner_of_the_organization_ends_a_members_session(api: Api) -> None:
    session_id = await api.new_session(who="bob")
    await api.start_call(session_id, lease_s=0.0)
    assert (await api.post(f"/v1/sessions/{session_id}/end", who="alice")).status == 202


async def test_the_transcript_is_paged_by_sequence_number(api: Api) -> None:
    session_id = await api.new_session()
    await api.start_call(session_id)
    await api.say(session_id, ("Ada", "one"), ("Ben", "two"), ("Ada", "three"))
    first = await api.get(f"/v1/sessions/{session_id}/transcript", params={"limit": "2"})
    assert [item["text"] for item in first.body["items"]] == ["one", "two"]
    assert (first.body["next_since"], first.body["latest_sequence_number"]) == (20, 30)
    rest = await api.get(f"/v1/sessions/{session_id}/transcript", params={"since": "20"})
    assert [item["text"] for item in rest.body["items"]] == ["three"]
    assert rest.body["next_since"] is None


async def test_a_transcript_line_has_times_and_speaker(api: Api) -> None:
    session_id = await api.new_session()
    await api.start_call(session_id)
    (transcript_id,) = await api.say(session_id, ("Ada", "one"))
    (line,) = (await api.get(f"/v1/sessions/{session_id}/transcript")).body["items"]
    assert line == {
        "transcript_id": str(transcript_id), "sequence_number": 10, "utterance_id": None, "participant_id": None,
        "speaker": "Ada", "start_ms": 0, "end_ms": 4000, "text": "one", "words": [], "confidence": 0.9,
        "language": "en", "revision": 0,
    }  # fmt: skip


async def test_before_its_end_a_session_has_no_summary(api: Api) -> None:
    session_id = await api.new_session()
    answer = await api.get(f"/v1/sessions/{session_id}/summary")
    assert (answer.status, answer.code) == (404, "summary_not_found")
