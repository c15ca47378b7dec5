"""What nobody should send, in every body of every route: refused or kept as it is, never a fault of ours (T03, T22)."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from control_api.routing import Policy, Route
from db.pool import owner_connection
from tests.api import Api
from tests.integration.control_api.test_api_matrix import Scene, make_ids, set_scene
from tests.route_matrix import ENTRIES, Ids, api_routes, member_routes, name_of, path_with

TEXTS = (
    "'; DROP TABLE sessions; --", "<script>alert(1)</script>{{7*7}}%s%n{0}", "\x00", "\u202e\ud800", "x" * 30_000,
    "\U0001f468\u200d\U0001f469 ../../etc/passwd",
)  # fmt: skip
OTHER_TYPES: tuple[Any, ...] = (None, 2**70, -1.5, {"$ne": 1}, [None] * 500)
NEVER_A_BODY = (
    b"", b"\xff\xfe{}", b"[" * 30_000, b'{"a":' * 5_000 + b"1" + b"}" * 5_000, b'{"name":"\\u0000"}', b"null", b"[]",
    b'"x"', b"{" + b" " * (1024 * 1024) + b"}", b'{"name":' + b"9" * 10_000 + b"}", b'{"a":1,"a":2}',
)  # fmt: skip

MATTERS = frozenset(
    {
        "id", "organization_id", "user_id", "created_by", "is_admin", "is_verified", "is_system_template", "deleted_at",
        "recording_duration_seconds", "plan_id", "total_sessions_count", "usage_count", "version", "stripe_customer_id",
    }
)  # fmt: skip


def with_bodies() -> list[Route]:
    return [route for route in member_routes() if route.body is not None and name_of(route) != "PUT /v1/me/password"]


def variants(route: Route, sent: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The body with one field at a time replaced by each thing that it should not be."""
    assert route.body is not None
    for name in route.body.model_fields:
        for value in (*TEXTS, *OTHER_TYPES):
            yield {**sent, name: value}


@pytest.fixture
async def scene(api: Api) -> Scene:
    return await set_scene(api)


async def send_raw(scene: Scene, route: Route, ids: Ids, raw: bytes) -> int:
    entry = ENTRIES[name_of(route)]
    headers = {**entry.headers, "Content-Type": "application/json"}
    answer = await scene.api.send(route.method, path_with(route, entry, ids), data=io.BytesIO(raw), headers=headers)
    return answer.status


async def test_no_field_of_any_body_makes_a_fault(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene.api.state.limiter, "check", _unlimited)
    ids = await make_ids(scene, "alice")
    for route in with_bodies():
        sent = ENTRIES[name_of(route)].body(ids)
        for body in variants(route, sent):
            status = await send_raw(scene, route, ids, json.dumps(body).encode())
            assert status < 500, (name_of(route), str(body)[:200])
    async with owner_connection(scene.api.database.owner_url) as conn:
        assert await conn.fetchval("SELECT count(*) FROM sessions") > 0


async def test_what_is_no_body_is_refused_by_every_route(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene.api.state.limiter, "check", _unlimited)
    ids = await make_ids(scene, "alice")
    for route in with_bodies():
        for raw in NEVER_A_BODY:
            status = await send_raw(scene, route, ids, raw)
            assert status in {400, 408, 413, 422}, (name_of(route), raw[:40], status)


async def test_no_column_of_the_database_slips_in_by_its_name(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mass assignment: what is no field of a body refuses all of it; all columns at once, and what matters alone."""
    monkeypatch.setattr(scene.api.state.limiter, "check", _unlimited)
    async with owner_connection(scene.api.database.owner_url) as conn:
        rows = await conn.fetch("SELECT column_name FROM information_schema.columns WHERE table_schema = 'public'")
    columns = {str(row["column_name"]) for row in rows}
    assert columns >= MATTERS
    ids = await make_ids(scene, "alice")
    for route in with_bodies():
        assert route.body is not None
        sent = ENTRIES[name_of(route)].body(ids)
        more = columns - route.body.model_fields.keys()
        for named in (more, *({column} for column in sorted(MATTERS & more))):
            body = {**sent, **dict.fromkeys(named, "x")}
            status = await send_raw(scene, route, ids, json.dumps(body).encode())
            assert status == 422, (name_of(route), named)


async def test_no_query_and_no_id_makes_a_fault(scene: Scene) -> None:
    ids = await make_ids(scene, "alice")
    for route in member_routes():
        if route.method != "GET" or name_of(route) == "GET /v1/me/export":  # a file, and rarely
            continue
        path = path_with(route, ENTRIES[name_of(route)], ids)
        for name in (*(route.query.model_fields if route.query else ()), "unknown"):
            for value in ("", "%00", "'%F0%9F%98%80", "-1", "x" * 3000, "%ff", "2026-01-01"):
                answer = await scene.api.get(f"{path}?{name}={value}")
                assert answer.status < 500, (path, name, value)
        if "{id}" in route.path:
            asked = route.query.model_fields if route.query else {}
            needed = "&".join(f"{name}=plan" for name, field in asked.items() if field.is_required())
            for wrong in ("%00", "..%2f..", "x" * 3000, "%F0%9F%98%80", "'; --", "00000000000000000000000000000000"):
                path = path_with(route, ENTRIES[name_of(route)], dict.fromkeys(ids, wrong))
                answer = await scene.api.get(f"{path}?{needed}")
                assert answer.status in {400, 404}, (route.path, wrong, answer.status)


async def test_no_token_makes_a_fault(api: Api) -> None:
    for route in api_routes():
        if route.policy is not Policy.PUBLIC or "{token}" not in route.path:
            continue
        for token in ("x", "%00", "%ff", "'", "%F0%9F%98%80", "x" * 5000):
            body = {"name": "Eve"} if route.body is not None else None
            answer = await api.send(route.method, route.path.format(token=token), None, json=body)
            assert answer.status in {400, 404}, (route.path, token, answer.status)


async def _unlimited(*_: object) -> None:
    """Rate limits are tried elsewhere."""
