"""A POST that is sent twice with one Idempotency-Key happens once, and is answered alike."""

from __future__ import annotations

import asyncio
from typing import Any

from db.pool import owner_connection
from tests.api import Answer, Api

BODY = {"title": "A call", "conversation_type": "sales"}


async def post(api: Api, key: str, body: Any = BODY, path: str = "/v1/sessions", who: str | None = "alice") -> Answer:
    return await api.post(path, body, who, headers={"Idempotency-Key": key})


async def count(api: Api) -> int:
    return len((await api.get("/v1/sessions")).body["items"])


async def test_the_second_time_nothing_happens_and_the_answer_is_the_first_ones(api: Api) -> None:
    first, second = await post(api, "key-0001"), await post(api, "key-0001")
    assert (first.status, second.status) == (201, 201)
    assert first.body == second.body
    assert second.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert await count(api) == 1


async def test_another_key_and_another_person_are_another_request(api: Api) -> None:
    for key, who in (("key-0001", "alice"), ("key-0002", "alice"), ("key-0001", "bob")):
        assert (await post(api, key, who=who)).status == 201
    assert await count(api) == 3


async def test_of_ten_at_once_one_is_carried_out(api: Api) -> None:
    answers = await asyncio.gather(*(post(api, "key-0001") for _ in range(10)))
    assert {answer.status for answer in answers} <= {201, 409}
    assert len({answer.body["id"] for answer in answers if answer.status == 201}) == 1
    assert await count(api) == 1


async def test_a_used_key_is_refused_for_anything_else(api: Api) -> None:
    await post(api, "key-0001")
    for body, path in (({**BODY, "title": "Another"}, "/v1/sessions"), ({"name": "X"}, "/v1/templates")):
        answer = await post(api, "key-0001", body, path)
        assert (answer.status, answer.code) == (422, "idempotency_key_reused")


async def test_what_was_refused_may_be_tried_again(api: Api) -> None:
    body = {"name": "Second"}
    assert (await post(api, "key-0001", body, "/v1/organizations")).status == 409
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute("UPDATE organization_members SET role = 'owner'")
        await conn.execute(
            "UPDATE organization_members SET role = 'member' WHERE user_id = $1", api.people.alice.user_id
        )
    assert (await post(api, "key-0001", body, "/v1/organizations")).status == 201


async def test_an_answer_that_was_lost_is_not_made_up(api: Api) -> None:
    await post(api, "key-0001")
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute("UPDATE idempotency_keys SET status = NULL, answer = NULL")
    answer = await post(api, "key-0001")
    assert (answer.status, answer.code) == (409, "idempotency_answer_missing")
    assert await count(api) == 1


async def test_a_copy_of_the_database_opens_no_answer(api: Api) -> None:
    session_id = (await post(api, "key-0001")).body["id"]
    made = await post(api, "key-0002", {"tabs": ["summary"]}, f"/v1/sessions/{session_id}/share-links")
    again = await post(api, "key-0002", {"tabs": ["summary"]}, f"/v1/sessions/{session_id}/share-links")
    assert again.body["token"] == made.body["token"]
    async with owner_connection(api.database.owner_url) as conn:
        rows = await conn.fetch("SELECT idempotency_keys::text AS all_of_it, answer FROM idempotency_keys")
    for row in rows:
        for secret in ("key-0001", "key-0002", made.body["token"], session_id):
            assert secret not in row["all_of_it"]
            assert secret.encode() not in row["answer"]


async def test_a_key_that_is_none_is_refused(api: Api) -> None:
    for key, status in (("x" * 7, 400), ("x" * 8, 201), ("x" * 200, 201), ("x" * 201, 400), ("schlüssel-1", 400)):
        answer = await post(api, key)
        assert answer.status == status, key
    assert answer.code == "bad_idempotency_key"
