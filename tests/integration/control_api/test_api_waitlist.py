"""The waiting list over HTTP: anybody may join, and learns nothing about anybody."""

from __future__ import annotations

from typing import Any

from db.pool import owner_connection
from tests.api import ORIGIN, Api

ADA = {"name": "Ada", "email": "Ada@example.org", "company": "Engines", "use_case": "sales"}


async def test_an_address_that_waits_already_is_answered_alike(api: Api) -> None:
    first = await api.post("/v1/waitlist", ADA, None)
    again = await api.post("/v1/waitlist", {**ADA, "name": "Eve", "email": " ADA@example.org"}, None)
    assert (first.status, first.body) == (again.status, again.body) == (202, {"status": "received"})
    async with owner_connection(api.database.owner_url) as conn:
        rows = await conn.fetch("SELECT name, email, status FROM beta_waitlist")
    assert [tuple(row) for row in rows] == [("Ada", "ada@example.org", "pending")]


async def test_what_is_no_application_is_refused(api: Api) -> None:
    wrong: list[dict[str, Any]] = [
        {"email": "nobody"}, {"use_case": "world domination"}, {"name": ""}, {"company": "x" * 201},
        {"status": "approved"}, {"notes": "let me in"}, {"name": "a\nb"},
    ]  # fmt: skip
    for changes in wrong:
        answer = await api.post("/v1/waitlist", {**ADA, **changes}, None)
        assert (answer.status, answer.code) == (422, "invalid_request"), changes


async def test_one_address_applies_ten_times_an_hour(api: Api) -> None:
    answers = [await api.post("/v1/waitlist", {**ADA, "email": f"a{n}@example.org"}, None) for n in range(21)]
    assert {answer.status for answer in answers[:10]} == {202}
    assert answers[20].status == 429  # an hour may end in between


async def test_a_page_of_another_site_signs_nobody_up(api: Api) -> None:
    for origin, status in (("https://evil.example", 403), (ORIGIN, 202)):
        assert (await api.post("/v1/waitlist", ADA, None, headers={"Origin": origin})).status == status
