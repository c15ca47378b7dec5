"""What a plan promises is held: sessions a month, minutes, API keys; race-free, with a code and the numbers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from db.errors import ConflictError
from db.pool import owner_connection, transaction
from db.sessions import insert_session
from tests.admins import ask_owner
from tests.api import Api
from tests.people import Person

NEW = {"title": "New", "conversation_type": "sales"}


async def give_plan(api: Api, name: str, **limits: Any) -> None:
    """Alice's organization has this plan, with these of its columns changed."""
    async with owner_connection(api.database.owner_url) as conn:
        for column, value in limits.items():
            await conn.execute(f"UPDATE plans SET {column} = $2 WHERE name = $1", name, value)  # noqa: S608
        await conn.execute(
            "UPDATE subscriptions SET plan_id = (SELECT id FROM plans WHERE name = $2) WHERE organization_id = $1",
            api.people.alice.organization_id,
            name,
        )


async def record(api: Api, person: Person, minutes: int, month: str = "now()") -> None:
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute(
            f"""
            INSERT INTO monthly_usage_cache (
                organization_id, user_id, month_year, total_seconds_used, total_minutes_used
            )
            VALUES ($1, $2, to_char({month} AT TIME ZONE 'UTC', 'YYYY-MM'), 60 * $3, $3)
            """,  # noqa: S608  a constant
            person.organization_id,
            person.user_id,
            minutes,
        )


async def limit_organization(api: Api, sessions: int | None) -> None:
    await ask_owner(
        api,
        "UPDATE organizations SET max_sessions_per_month = $2 WHERE id = $1",
        api.people.alice.organization_id,
        sessions,
    )


async def test_of_fifty_at_once_exactly_the_limit_get_through(api: Api) -> None:
    await give_plan(api, "individual_free", max_sessions_per_month=7)
    answers = await asyncio.gather(*(api.post("/v1/sessions", NEW, who) for who in ["alice", "bob"] * 25))
    assert sorted(answer.status for answer in answers) == [201] * 7 + [403] * 43
    refused = next(answer for answer in answers if answer.status == 403)
    assert (refused.code, refused.body["used"], refused.body["limit"]) == ("session_limit", 7, 7)
    assert await ask_owner(api, "SELECT count(*) FROM sessions") == 7


async def test_a_members_own_limit_counts_their_own_sessions(api: Api) -> None:
    alice, bob = api.people.alice, api.people.bob
    await api.send(
        "PATCH",
        f"/v1/organizations/{alice.organization_id}/members/{bob.user_id}",
        json={"max_sessions_per_month": 2},
    )
    answers = await asyncio.gather(*(api.post("/v1/sessions", NEW, "bob") for _ in range(20)))
    assert sorted(answer.status for answer in answers) == [201] * 2 + [403] * 18
    refused = next(answer for answer in answers if answer.status == 403)
    assert (refused.code, refused.body["used"], refused.body["limit"]) == ("member_session_limit", 2, 2)
    assert (await api.post("/v1/sessions", NEW, "alice")).status == 201


async def test_the_smaller_of_plan_and_organization_counts(api: Api) -> None:
    await give_plan(api, "individual_free", max_sessions_per_month=2)
    await limit_organization(api, 1)
    assert [(await api.post("/v1/sessions", NEW)).status for _ in range(2)] == [201, 403]
    await limit_organization(api, 5)
    assert [(await api.post("/v1/sessions", NEW)).status for _ in range(2)] == [201, 403]
    await give_plan(api, "org_enterprise")
    await limit_organization(api, None)
    assert [(await api.post("/v1/sessions", NEW)).status for _ in range(3)] == [201] * 3


async def test_deleting_gives_nothing_back_and_last_month_is_over(api: Api) -> None:
    await limit_organization(api, 1)
    session_id = await api.new_session()
    assert (await api.send("DELETE", f"/v1/sessions/{session_id}")).status == 204
    assert (await api.post("/v1/sessions", NEW)).code == "session_limit"
    await ask_owner(api, "UPDATE sessions SET created_at = date_trunc('month', now()) - interval '1 hour'")
    assert (await api.post("/v1/sessions", NEW)).status == 201


async def test_what_is_refused_uses_nothing_up(api: Api) -> None:
    await limit_organization(api, 1)
    assert (await api.post("/v1/sessions", {**NEW, "conversation_type": "gossip"})).status == 422
    assert (await api.post("/v1/sessions", NEW)).status == 201


@pytest.mark.parametrize(("used", "status"), [(59, 201), (60, 403)])
async def test_no_session_is_made_when_the_minutes_are_used_up(api: Api, used: int, status: int) -> None:
    await give_plan(api, "individual_free")
    await record(api, api.people.alice, used)
    answer = await api.post("/v1/sessions", NEW)
    assert answer.status == status
    if status == 403:
        assert (answer.code, answer.body["used"], answer.body["limit"]) == ("audio_limit", 60, 60)
        assert (await api.post("/v1/sessions", NEW, "bob")).status == 201  # minutes are each member's own


async def test_minutes_of_last_month_do_not_count(api: Api) -> None:
    await give_plan(api, "individual_free")
    await record(api, api.people.alice, 60, "(now() - interval '1 month')")
    assert (await api.post("/v1/sessions", NEW)).status == 201


async def test_nobody_joins_whose_minutes_are_used_up_but_who_comes_back_does(api: Api) -> None:
    await give_plan(api, "individual_free")
    await api.add_node()
    session_id = await api.new_session()
    person = {"name": "Alice", "role": "host"}
    first = await api.post(f"/v1/sessions/{session_id}/join", person)
    assert first.status == 200
    await record(api, api.people.alice, 60)
    again = await api.post(f"/v1/sessions/{session_id}/join", {**person, "previous_ticket": first.body["ticket"]})
    assert (again.status, again.body["participant_id"]) == (200, first.body["participant_id"])
    refused = await api.post(f"/v1/sessions/{session_id}/join", {"name": "Bob", "role": "participant"}, "bob")
    assert (refused.status, refused.code) == (403, "audio_limit")
    assert (refused.body["used"], refused.body["limit"]) == (60, 60)


async def test_a_guest_is_refused_without_the_organizations_numbers(api: Api) -> None:
    await give_plan(api, "individual_free")
    await api.add_node()
    session_id = await api.new_session()
    invite = await api.post(f"/v1/sessions/{session_id}/invites", {})
    await record(api, api.people.alice, 60)
    refused = await api.post(f"/v1/invites/{invite.body['token']}/join", {"name": "Gil"}, None)
    assert (refused.status, refused.code) == (403, "audio_limit")
    assert not {"used", "limit"} & refused.body.keys()


async def test_a_plan_without_api_access_makes_no_keys_and_those_of_before_rest(api: Api) -> None:
    key = await api.post("/v1/api-keys", {"name": "A program", "scopes": ["read"]})
    api.tokens["key"] = key.body["key"]
    assert (await api.get("/v1/sessions", "key")).status == 200
    await give_plan(api, "individual_free")
    for answer in (
        await api.get("/v1/sessions", "key"),
        await api.post("/v1/api-keys", {"name": "Another", "scopes": ["read"]}),
    ):
        assert (answer.status, answer.code) == (403, "no_api_access")
    await give_plan(api, "org_enterprise")
    assert (await api.get("/v1/sessions", "key")).status == 200


async def test_usage_says_the_limits_and_what_is_used(api: Api) -> None:
    await give_plan(api, "individual_free")
    await limit_organization(api, 4)
    await record(api, api.people.alice, 45)
    await api.new_session("alice")
    await api.new_session("bob")
    found = (await api.get("/v1/usage")).body
    assert (found["plan"]["name"], found["plan"]["has_api_access"]) == ("individual_free", False)
    assert found["audio_minutes"] == {"used": 45, "limit": 60, "remaining": 15}
    assert found["sessions"] == {"used": 2, "limit": 4, "remaining": 2}
    assert found["own_sessions"] == {"used": 1, "limit": None, "remaining": None}
    assert found["members"] == {"used": 2, "limit": 1, "remaining": 0}
    assert found["month"]["begins_at"] < found["month"]["ends_at"]
    assert (await api.get("/v1/usage", "charlie")).body["sessions"] == {"used": 0, "limit": None, "remaining": None}


async def test_what_the_installation_puts_in_is_counted_against_nobody(api: Api) -> None:
    """And the database refuses by itself, whatever asks it."""
    await limit_organization(api, 0)
    alice = api.people.alice
    row: dict[str, Any] = {"user_id": alice.user_id, "organization_id": alice.organization_id, "title": "x"}
    with pytest.raises(ConflictError) as refusal:
        async with transaction(api.state.pool, user_id=alice.user_id) as conn:
            await insert_session(conn, **row, conversation_type="sales")
    assert (refusal.value.code, refusal.value.numbers) == ("session_limit", {"used": 0, "limit": 0})
    async with owner_connection(api.database.owner_url) as conn:
        await insert_session(conn, **row, conversation_type="sales")
