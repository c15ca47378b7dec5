"""Searching sessions over HTTP: what is found, how it is shown, and what nobody may find."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from db.pool import owner_connection
from tests.api import Answer, Api


async def call_about(api: Api, title: str, *said: str, who: str = "alice", language: str = "en") -> str:
    session_id = await api.new_session(who, title)
    await api.start_call(session_id, lease_s=0.0)
    ids = await api.say(session_id, *(("Ada", text) for text in said), organization_id=_organization(api, who))
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute("UPDATE transcripts SET language = $2 WHERE id = ANY ($1)", ids, language)
    return session_id


def _organization(api: Api, who: str) -> UUID:
    found: UUID = getattr(api.people, who).organization_id
    return found


async def search(api: Api, q: str, who: str = "alice", **more: str) -> Answer:
    return await api.get("/v1/search", who, params={"q": q, **more})


async def found(api: Api, q: str, who: str = "alice", **more: str) -> list[tuple[str, str]]:
    """Kind and session's title of each hit."""
    answer = await search(api, q, who, **more)
    assert answer.status == 200, answer.body
    return [(hit["kind"], hit["session"]["title"]) for hit in answer.body["items"]]


def shown(hit: dict[str, Any]) -> str:
    return "".join(f"[{piece['text']}]" if piece["is_hit"] else piece["text"] for piece in hit["excerpt"])


async def test_titles_lines_and_summaries_are_found_by_other_forms_of_a_word(api: Api) -> None:
    session_id = await call_about(api, "Renewals", "Our budgets were <b>cut</b> & nobody told us.", "Fine.")
    await api.post(f"/v1/sessions/{session_id}/end")
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute(
            "UPDATE summaries SET tldr = 'They postpone.', action_items = $2 WHERE session_id = $1",
            UUID(session_id),
            '[{"task": "Send an offer about budgeting"}]',
        )
    assert await found(api, "renewal") == [("title", "Renewals")]
    answer = await search(api, "budget")
    assert [hit["kind"] for hit in answer.body["items"]] == ["summary", "transcript"]
    summary, line = answer.body["items"]
    assert shown(summary) == "They postpone.\nSend an offer about [budgeting]"
    assert shown(line) == "Our [budgets] were <b>cut</b> & nobody told us."
    assert (line["speaker"], line["start_ms"], line["sequence_number"]) == ("Ada", 0, 10)
    assert line["session"]["id"] == session_id


async def test_what_was_typed_is_words_phrases_or_and_without(api: Api) -> None:
    await call_about(api, "One", "the price of the contract")
    await call_about(api, "Two", "the contract has a price")
    assert {title for _, title in await found(api, "price contract")} == {"One", "Two"}
    assert await found(api, '"price of the contract"') == [("transcript", "One")]
    assert len(await found(api, "the contract -has")) == 2  # stop words are not looked at
    assert {title for _, title in await found(api, "nothing or price")} == {"One", "Two"}
    assert await found(api, "two -price") == [("title", "Two")]


@pytest.mark.parametrize(
    ("language", "said", "asked", "hit"),
    [
        ("de", "Wir brauchen neue Verträge", "vertrag", "Wir brauchen neue [Verträge]"),
        ("fr", "les budgets annuels", "annuel", "les budgets [annuels]"),
        ("ru", "обсудили новые договоры", "договор", "обсудили новые [договоры]"),
        ("zh", "我们讨论了明年的预算和合同", "预算", "我们讨论了明年的[预算]和合同"),
        ("ja", "来年の予算を決めました", "予算", "来年の[予算]を決めました"),
        ("ko", "내년 예산 이야기", "예산", "내년 [예산] 이야기"),
        ("ar", "ناقشنا العقود الجديدة", "العقود", "ناقشنا [العقود] الجديدة"),
        ("xx", "qapla batlh", "qapla", "[qapla] batlh"),
    ],
)
async def test_each_language_has_its_own_forms(api: Api, language: str, said: str, asked: str, hit: str) -> None:
    await call_about(api, "Call", said, language=language)
    items = (await search(api, asked)).body["items"]
    assert [shown(item) for item in items] == [hit]


async def test_characters_are_found_side_by_side_only(api: Api) -> None:
    await call_about(api, "Call", "算了预付", language="zh")
    assert await found(api, "预算") == []


async def test_without_holds_in_the_language_of_the_line(api: Api) -> None:
    """In Danish forms "prices" is another word than in English ones."""
    await call_about(api, "Call", "a budget with a price", "a budget alone")
    items = (await search(api, "budget -prices")).body["items"]
    assert [shown(item) for item in items] == ["a [budget] alone"]


async def test_it_is_narrowed_by_kind_session_type_and_date(api: Api) -> None:
    first = await call_about(api, "Budget one", "the budget")
    await call_about(api, "Budget two", "the budget")
    assert len(await found(api, "budget")) == 4
    assert {kind for kind, _ in await found(api, "budget", kinds="title")} == {"title"}
    assert {title for _, title in await found(api, "budget", session_id=first)} == {"Budget one"}
    assert await found(api, "budget", conversation_type="support") == []
    assert len(await found(api, "budget", conversation_type="sales")) == 4
    assert await found(api, "budget", created_to="2020-01-01T00:00:00Z") == []
    assert len(await found(api, "budget", created_from="2020-01-01T00:00:00Z")) == 4
    assert len(await found(api, "budget", limit="1")) == 1
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute("UPDATE sessions SET created_at = now() - interval '2 years' WHERE id = $1", UUID(first))
        await conn.execute(
            "UPDATE transcripts SET created_at = now() - interval '2 years' WHERE session_id = $1", UUID(first)
        )
    assert {title for _, title in await found(api, "budget", created_from="2026-01-01T00:00:00Z")} == {"Budget two"}
    assert ("transcript", "Budget one") in await found(api, "budget")


async def test_one_transcript_is_searched_alone(api: Api) -> None:
    session_id = await call_about(api, "One", "the price", "the contract", "another price")
    await call_about(api, "Two", "the price")
    answer = await api.get(f"/v1/sessions/{session_id}/transcript/search", "bob", params={"q": "price"})
    assert sorted(hit["start_ms"] for hit in answer.body["items"]) == [0, 10_000]
    assert {shown(hit) for hit in answer.body["items"]} == {"the [price]", "another [price]"}
    path = f"/v1/sessions/{session_id}/transcript/search"
    assert (await api.get(path, "charlie", params={"q": "price"})).status == 404


async def test_nobody_finds_what_is_foreign_deleted_or_advised(api: Api) -> None:
    gone = await call_about(api, "Secret", "the secret budget")
    assert len(await found(api, "secret", "bob")) == 2
    assert await found(api, "secret", "charlie") == []
    assert (await search(api, "secret", "charlie", session_id=gone)).status == 404
    await api.send("DELETE", f"/v1/sessions/{gone}")
    assert await found(api, "secret") == []


async def test_what_was_corrected_is_found_as_it_reads_now(api: Api) -> None:
    session_id = await call_about(api, "Call", "forty thousand")
    [hit] = (await search(api, "forty")).body["items"]
    path = f"/v1/sessions/{session_id}/transcript/{hit['transcript_id']}"
    await api.send("PATCH", path, json={"text": "fourteen thousand"}, headers={"If-Match": '"0"'})
    assert await found(api, "forty") == []
    assert await found(api, "fourteen") == [("transcript", "Call")]


@pytest.mark.parametrize("q", ["", " ", "x" * 201, "a" * 5_000, "\x07", "a\nb", "\u202e", "\x00"])
async def test_what_is_no_question_is_refused(api: Api, q: str) -> None:
    answer = await search(api, q)
    assert (answer.status, answer.code) == (422, "invalid_request")


async def test_ten_thousand_characters_are_refused(api: Api) -> None:
    assert (await search(api, "a" * 10_000)).status == 400  # no line of a request is so long


@pytest.mark.parametrize(
    "q",
    [
        "& | ! ( ) :* <->", "-", '"', '""', "or", "-or-", "'", "\\", "'';--", "%", "the", "😀", "a:*b", "-price",
        "x" * 200, "or " * 60, "-a " * 60, '"a ' * 50, "/x/1 =english", "\U0001f468\u200d\U0001f469", "\ufdfd" * 60,
        "\u9884" * 200,
    ],
)  # fmt: skip
async def test_whatever_else_is_typed_finds_something_or_nothing(api: Api, q: str) -> None:
    await call_about(api, "Call", "the price")
    answer = await search(api, q)
    assert answer.status in {200, 422}, (q, answer.body)


async def test_kinds_are_named_well(api: Api) -> None:
    for kinds in ("", "guidance", "title,guidance", "title;summary"):
        assert (await search(api, "x", kinds=kinds)).status == 422
