"""The language model: any server that speaks OpenAI's chat completions. The one file that knows its client.

What it answers is text of a stranger, down to its frame: checked here that it is a completion, by the caller what it
says. It has no tools and nothing it says causes a request.
"""

from __future__ import annotations

import asyncio

import openai
from pydantic import BaseModel, ValidationError

from control_api.settings import LanguageModelSettings

MAX_ANSWER_CHARACTERS = 100_000


class LanguageModelError(Exception):
    """The language model gave no usable answer."""


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Completion(BaseModel):
    """What is read of an answer; servers differ in all the rest."""

    choices: list[_Choice]


class LanguageModel:
    """Asks one question at a time; retries are the caller's."""

    def __init__(self, settings: LanguageModelSettings) -> None:
        self.name = settings.model
        self.attempts = settings.attempts
        self._deadline_s = settings.deadline_s
        self._client = openai.AsyncOpenAI(
            api_key=settings.api_key or "none",  # local servers want none, the client wants some
            base_url=settings.base_url or None,
            timeout=settings.deadline_s,
            max_retries=0,
        )

    async def answer(self, *, instructions: str, material: str, name: str, schema: dict[str, object]) -> str:
        """JSON text that claims to follow `schema`; the material is data, in a message of its own.

        Raises:
            LanguageModelError: with a sentence for people, free of addresses and keys.
        """
        try:
            async with asyncio.timeout(self._deadline_s):
                # Raw: the client makes a completion of whatever it gets, and breaks on what is none.
                answer = await self._client.chat.completions.with_raw_response.create(
                    model=self.name,
                    messages=[
                        {"role": "system", "content": instructions},
                        {"role": "user", "content": material},
                    ],
                    response_format={
                        "type": "json_schema",
                        "json_schema": {"name": name, "schema": schema, "strict": True},
                    },
                )
        except (TimeoutError, openai.APITimeoutError):
            raise LanguageModelError(f"The language model did not answer within {self._deadline_s:g} s.") from None
        except openai.APIStatusError as error:
            raise LanguageModelError(f"The language model's server answered {error.status_code}.") from None
        except openai.OpenAIError as error:
            raise LanguageModelError(f"The language model cannot be reached ({type(error).__name__}).") from None
        return _text_of(answer.content)

    async def close(self) -> None:
        await self._client.close()


def _text_of(answer: bytes) -> str:
    try:
        completion = _Completion.model_validate_json(answer)
    except ValidationError:
        raise LanguageModelError("The language model's server answered something else than a completion.") from None
    choice = completion.choices[0] if completion.choices else None
    if choice is None or not choice.message.content:
        raise LanguageModelError("The language model answered nothing.")
    if choice.finish_reason == "length" or len(choice.message.content) > MAX_ANSWER_CHARACTERS:
        raise LanguageModelError("The language model's answer was cut off.")
    return choice.message.content
