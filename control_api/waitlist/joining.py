"""Putting oneself on the waiting list: an address that waits already is answered as one that does not."""

from __future__ import annotations

from typing import Annotated, Literal

from aiohttp import web
from pydantic import ConfigDict, Field, StringConstraints

from control_api import limits
from control_api.access import as_nobody
from control_api.fields import Email, Line
from control_api.http import Body, View, body, respond
from control_api.routing import Policy, Route
from db import waitlist


class NewApplicant(Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"name": "Ada", "email": "ada@example.org", "company": "Engines Ltd", "use_case": "sales"},
            ]
        }
    )

    name: Annotated[Line, StringConstraints(max_length=100)]
    email: Email
    company: Annotated[Line, StringConstraints(max_length=200)]
    use_case: Literal["sales", "consulting", "hiring", "support", "other"]
    referral_source: Annotated[Line, StringConstraints(max_length=200)] | None = None


class Received(View):
    status: Literal["received"] = Field(description="The same, whether the address waits already or not")


async def join_waitlist(request: web.Request) -> web.Response:
    sent = body(request, NewApplicant)
    async with as_nobody(request) as conn:
        await waitlist.join_waitlist(conn, waitlist.NewApplicant(**sent.model_dump()))
    return respond(Received(status="received"), 202)


WAITLIST = (
    Route(
        method="POST",
        path="/v1/waitlist",
        handler=join_waitlist,
        policy=Policy.PUBLIC,
        summary="Wait for an account",
        tag="waitlist",
        status=202,
        body=NewApplicant,
        response=Received,
        limit=limits.JOIN_WAITLIST,
    ),
)
