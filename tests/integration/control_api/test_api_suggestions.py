"""A checklist that a language model drafts, over HTTP."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from control_api.sessions.preparing import MAX_ITEMS
from control_api.settings import LanguageModelSettings
from db.pool import owner_connection
from tests.api import Api, MakeApi
from tests.fakes import CUT_OFF, language_model


def settings(url: str) -> LanguageModelSettings:
    return LanguageModelSettings(base_url=url, model="any", deadline_s=2.0, attempts=2)


async def texts(api: Api, session_id: str) -> list[str]:
    items = (await api.get(f"/v1/sessions/{session_id}/checklist")).body["items"]
    return [item["text"] for item in items]


async def prepared(api: Api) -> str:
    earlier = await api.new_session(title="First call")
    await api.start_call(earlier, lease_s=0.0)
    await api.post(f"/v1/sessions/{earlier}/end")
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute(
            "UPDATE summaries SET tldr = 'They liked it.', action_items = $2, follow_up_questions = $3"
            " WHERE session_id = $1",
            UUID(earlier),
            '[{"task": "Send the price list"}]',
            '["Who signs?"]',
        )
    session_id = await api.new_session(title="Second call")
    body = {"text": "They renew in May.", "linked_session_ids": [earlier]}
    assert (await api.send("PUT", f"/v1/sessions/{session_id}/context", json=body)).status == 200
    await api.post(f"/v1/sessions/{session_id}/checklist", {"text": "Ask who signs"})
    return session_id


async def test_the_model_reads_what_is_known_and_adds_what_is_new(make_api: MakeApi) -> None:
    answer = {
        "items": ["Send the price list", "ask WHO signs", " Ask about\nMay ", "Send the price list", "", "x" * 500]
    }
    async with language_model(answer) as model, make_api(language_model=settings(model.url)) as api:
        session_id = await prepared(api)
        made = await api.post(f"/v1/sessions/{session_id}/checklist/suggestions")
        assert made.status == 201
        assert [item["text"] for item in made.body["items"]] == [
            "Ask who signs", "Send the price list", "Ask about May", "x" * 200,
        ]  # fmt: skip
        assert await texts(api, session_id) == [item["text"] for item in made.body["items"]]
        [asked] = model.asked
        material = json.loads(asked["messages"][1]["content"])
        assert material["notes"] == "They renew in May."
        assert material["checklist"] == ["Ask who signs"]
        assert material["earlier"] == [
            {
                "title": "First call",
                "summary": "They liked it.",
                "open_tasks": ["Send the price list"],
                "open_questions": ["Who signs?"],
            }
        ]
        await api.post(f"/v1/sessions/{session_id}/checklist/suggestions")
        assert len(await texts(api, session_id)) == 4  # nothing twice


async def test_a_checklist_has_an_end(make_api: MakeApi) -> None:
    answer = {"items": [f"Item {number}" for number in range(50)]}
    async with language_model(answer) as model, make_api(language_model=settings(model.url)) as api:
        session_id = await api.new_session()
        made = await api.post(f"/v1/sessions/{session_id}/checklist/suggestions")
        assert len(made.body["items"]) == 10
        for number in range(MAX_ITEMS - 12):
            await api.post(f"/v1/sessions/{session_id}/checklist", {"text": f"Own {number}"})
        model.script[:] = [{"items": [f"More {number}" for number in range(5)]}]
        await api.post(f"/v1/sessions/{session_id}/checklist/suggestions")
        assert (await texts(api, session_id))[-2:] == ["More 0", "More 1"]


@pytest.mark.parametrize("reply", [500, "no JSON", {"tasks": []}, {"items": [1]}, CUT_OFF, b"<html>"])
async def test_a_model_that_fails_is_told_and_changes_nothing(make_api: MakeApi, reply: object) -> None:
    async with language_model(reply) as model, make_api(language_model=settings(model.url)) as api:
        session_id = await prepared(api)
        answer = await api.post(f"/v1/sessions/{session_id}/checklist/suggestions")
        assert (answer.status, answer.code) == (503, "language_model_failed")
        assert len(model.asked) == 2
        assert await texts(api, session_id) == ["Ask who signs"]


async def test_one_bad_answer_is_asked_for_again(make_api: MakeApi) -> None:
    async with language_model("no", {"items": ["Ask"]}) as model, make_api(language_model=settings(model.url)) as api:
        session_id = await api.new_session()
        assert (await api.post(f"/v1/sessions/{session_id}/checklist/suggestions")).status == 201
        assert await texts(api, session_id) == ["Ask"]


async def test_it_is_the_creators_and_needs_a_model(api: Api) -> None:
    path = f"/v1/sessions/{await api.new_session()}/checklist/suggestions"
    answers = [await api.post(path, who=who) for who in ("bob", "charlie", "alice")]
    assert [(answer.status, answer.code) for answer in answers] == [
        (403, "forbidden"), (404, "not_found"), (404, "no_language_model"),
    ]  # fmt: skip
