"""T53 for every route of administration: who gets in, what is written down, and that nothing is read without it."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from pytest_aiohttp import AiohttpClient

from control_api.routing import Route
from tests.admins import add_admin, ask_owner
from tests.api import Answer, Api, open_api
from tests.conftest import Database
from tests.integration.control_api.test_api_bad_input import NEVER_A_BODY, variants
from tests.route_matrix import ADMIN_ENTRIES, admin_routes, name_of

ROWS = "SELECT count(*) FROM audit_log WHERE actor_kind = 'platform_admin'"


@dataclass(frozen=True, slots=True)
class Scene:
    api: Api
    ids: dict[str, str]
    """What {id} is, by what lies under it."""

    def path(self, route: Route, **given: str) -> str:
        kind = route.path.split("/")[3]
        return route.path.format_map({"id": self.ids.get(kind, ""), "session_id": self.ids["sessions"], **given})

    async def send(self, route: Route, who: str | None, **given: str) -> Answer:
        body = ADMIN_ENTRIES[name_of(route)]
        arguments: dict[str, Any] = {} if body is None else {"json": body}
        return await self.api.send(route.method, self.path(route, **given), who, **arguments)


@pytest.fixture
async def scene(database: Database, valkey: str, aiohttp_client: AiohttpClient) -> AsyncIterator[Scene]:
    async with open_api(database, valkey, aiohttp_client) as api:
        await add_admin(api)
        people = api.people
        session_id = await api.new_session("alice", "canary-title")
        await api.start_call(session_id, lease_s=0.0)
        await api.say(session_id, ("Alice", "canary-speech"))
        await api.post("/v1/waitlist", {"name": "W", "email": "w@x.org", "company": "C", "use_case": "sales"}, None)
        door = await api.post(
            f"/v1/admin/organizations/{people.alice.organization_id}/doors", {"reason": "x", "minutes": 5}, "ada"
        )
        ids = {
            "users": str(people.bob.user_id),
            "organizations": str(people.alice.organization_id),
            "sessions": session_id,
            "doors": door.body["id"],
            "waitlist": str(await ask_owner(api, "SELECT id FROM beta_waitlist")),
            "plans": str(await ask_owner(api, "SELECT id FROM plans WHERE name = 'org_starter'")),
        }
        yield Scene(api, ids)


async def test_nobody_but_administrators_gets_in(scene: Scene) -> None:
    key = await scene.api.post("/v1/api-keys", {"name": "A program", "scopes": ["read", "write", "admin"]})
    scene.api.tokens["key"] = key.body["key"]
    before = await ask_owner(scene.api, ROWS)
    for route in admin_routes():
        for given in ({}, {"id": str(uuid4())}):
            answers = {who: await scene.send(route, who, **given) for who in (None, "key", "alice", "bob", "charlie")}
            told = {who: (answer.status, answer.code) for who, answer in answers.items()}
            assert told.pop(None) == (401, "not_signed_in"), name_of(route)
            assert told.pop("key") == (403, "not_for_programs"), name_of(route)
            assert set(told.values()) == {(403, "administrators_only")}, name_of(route)
    assert await ask_owner(scene.api, ROWS) == before


async def test_each_read_and_each_change_is_written_down_as_an_administrators(scene: Scene) -> None:
    """The chain is whole afterwards, in the organization and in the installation."""
    for route in sorted(admin_routes(), key=lambda route: "DELETE" in route.method):
        before = await ask_owner(scene.api, ROWS)
        answer = await scene.send(route, "ada")
        written = await ask_owner(scene.api, ROWS) - before
        is_done = answer.status < 300
        assert answer.status in {200, 201, 202, 204, 404, 409}, (name_of(route), answer.body)
        assert written == (1 if is_done else 0), (name_of(route), answer.status, written)
        assert is_done or route.method != "GET", (name_of(route), answer.body)
    for path in ("/v1/admin/audit-log/check", f"/v1/admin/organizations/{scene.ids['organizations']}/audit-log/check"):
        assert (await scene.api.get(path, "ada")).body == {"is_whole": True, "first_broken": None}


async def test_what_is_not_there_is_not_found_and_not_written_down(scene: Scene) -> None:
    before = await ask_owner(scene.api, ROWS)
    for route in admin_routes():
        if "{id}" not in route.path:
            continue
        answer = await scene.send(route, "ada", id=str(uuid4()))
        is_behind_door = "/sessions" in route.path
        expected = (403, "door_needed") if is_behind_door else (404, "not_found")
        assert (answer.status, answer.code) == expected, (name_of(route), answer.body)
        answer = await scene.send(route, "ada", id="nonsense")
        assert answer.status == 404, name_of(route)
    assert await ask_owner(scene.api, ROWS) == before


async def test_no_field_and_no_body_makes_a_fault(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unlimited(*_: object) -> None:
        """Rate limits are tried elsewhere."""

    monkeypatch.setattr(scene.api.state.limiter, "check", unlimited)
    headers = {"Content-Type": "application/json"}
    for route in admin_routes():
        sent = ADMIN_ENTRIES[name_of(route)]
        if route.body is None:
            continue
        # A plan's many fields are the same for making and for changing one.
        wrongs = [] if route.method == "PATCH" else variants(route, sent)
        for body in [*wrongs, {**sent, "is_admin": True}]:
            raw = io.BytesIO(json.dumps(body).encode())
            answer = await scene.api.send(route.method, scene.path(route), "ada", data=raw, headers=headers)
            assert answer.status < 500, (name_of(route), str(body)[:200])
        assert answer.status == 422, name_of(route)
        for wrong in NEVER_A_BODY:
            raw = io.BytesIO(wrong)
            answer = await scene.api.send(route.method, scene.path(route), "ada", data=raw, headers=headers)
            assert answer.status in {400, 408, 413, 422}, (name_of(route), wrong[:40])


async def test_no_query_makes_a_fault(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unlimited(*_: object) -> None:
        """Rate limits are tried elsewhere."""

    monkeypatch.setattr(scene.api.state.limiter, "check", unlimited)
    for route in admin_routes():
        for name in (*(route.query.model_fields if route.query else ()), "unknown"):
            for value in ("", "%00", "'%F0%9F%98%80", "-1", "x" * 3000, "%ff", "2026-01-01", "2026-01-01T00:00:00"):
                if route.method == "GET":
                    answer = await scene.api.get(f"{scene.path(route)}?{name}={value}", "ada")
                    assert answer.status < 500, (route.path, name, value)
