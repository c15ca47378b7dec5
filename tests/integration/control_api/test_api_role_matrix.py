"""Every route × those who are nobody here, or are in no organization; `test_api_matrix` has the roles and the ids."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest_asyncio

from control_api.routes import ROUTES
from control_api.routing import Policy, Route
from control_api.tokens import new_token, token_hash
from db import accounts
from db.pool import owner_connection, transaction
from tests.api import Answer, Api

NEEDS_SIGN_IN = [route for route in ROUTES if route.policy is not Policy.PUBLIC]


def name_of(route: Route) -> str:
    return f"{route.method} {route.path}"


@pytest_asyncio.fixture
async def strangers(api: Api) -> dict[str, str]:
    """Headers of those who are nobody here."""
    ended, closed, homeless = new_token(), new_token(), new_token()
    async with transaction(api.state.pool, user_id=api.people.alice.user_id) as conn:
        await accounts.create_app_session(conn, api.people.alice.user_id, token_hash(ended), None, None)
        await accounts.end_app_session(conn, token_hash(ended))
    async with owner_connection(api.database.owner_url) as conn:
        for token, active in ((closed, False), (homeless, True)):
            user_id = await conn.fetchval(
                "INSERT INTO users (email, is_active) VALUES ($1, $2) RETURNING id", f"{uuid4()}@example.org", active
            )
            await accounts.create_app_session(conn, user_id, token_hash(token), None, None)
    return {"ended": ended, "closed": closed, "unknown": "0" * 64, "key": "lc_" + "0" * 64, "homeless": homeless}


def homeless_at(route: Route) -> tuple[int, str]:
    """What is named is not there for who belongs to nothing; before anything else one sets oneself up."""
    return (404, "not_found") if route.names_something else (403, "setup_required")


async def come(api: Api, route: Route, token: str | None, row_id: str = "", body: Any = None) -> Answer:
    path = re.sub(r"{\w+}", lambda _: row_id or str(uuid4()), route.path)
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return await api.send(route.method, path, None, json=body, headers=headers)


async def test_nobody_gets_in_without_being_somebody(api: Api, strangers: dict[str, str]) -> None:
    nobody = {name: token for name, token in strangers.items() if name != "homeless"}
    for route in NEEDS_SIGN_IN:
        for name, token in {**nobody, "none": None}.items():
            answer = await come(api, route, token)
            # A key is told that it is one before it is looked up: that says nothing of any key.
            expected = (
                {(401, "not_signed_in"), (403, "not_for_programs")} if name == "key" else {(401, "not_signed_in")}
            )
            assert (answer.status, answer.code) in expected, (name_of(route), name)


async def test_who_is_in_no_organization_does_what_is_their_own_and_nothing_else(
    api: Api, strangers: dict[str, str]
) -> None:
    ending = ("POST /v1/auth/sign-out", "POST /v1/auth/sign-out-everywhere", "POST /v1/me/onboarding")
    for route in NEEDS_SIGN_IN:
        if name_of(route) in ending:
            continue
        answer = await come(api, route, strangers["homeless"], body={} if route.body else None)
        if route.policy is Policy.MEMBER:
            assert (answer.status, answer.code) == homeless_at(route), name_of(route)
        elif route.policy is Policy.ADMIN:
            assert (answer.status, answer.code) == (403, "administrators_only"), name_of(route)
        else:
            assert answer.status not in {401, 500}, name_of(route)
            assert answer.status != 403 or answer.code == "setup_required", name_of(route)
    assert (await come(api, NEEDS_SIGN_IN[0], strangers["homeless"])).status == 204


async def test_a_member_who_was_removed_is_out_at_the_next_request(api: Api) -> None:
    session_id = await api.new_session()
    assert (await api.get(f"/v1/sessions/{session_id}", "bob")).status == 200
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute(
            "UPDATE organization_members SET status = 'removed' WHERE user_id = $1", api.people.bob.user_id
        )
    for route in NEEDS_SIGN_IN:
        if route.policy is Policy.MEMBER:
            answer = await come(api, route, api.tokens["bob"], session_id, {} if route.body else None)
            assert (answer.status, answer.code) == homeless_at(route), name_of(route)
