"""API keys: shown once, stored as a hash, held to their scopes, their organization and their member."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from control_api.auth import SAFE_METHODS
from control_api.routes import ROUTES
from control_api.routing import Policy
from db.pool import owner_connection
from tests.api import Answer, Api

NEW = {"name": "CRM import", "scopes": ["read"]}


async def make(api: Api, who: str = "alice", **more: Any) -> Answer:
    answer = await api.post("/v1/api-keys", {**NEW, **more}, who)
    assert answer.status == 201, answer.body
    return answer


async def by_key(api: Api, key: str, method: str = "GET", path: str = "/v1/me", json: Any = None) -> Answer:
    return await api.send(method, path, None, json=json, headers={"Authorization": f"Bearer {key}"})


async def test_a_key_is_shown_once_and_kept_as_a_hash(api: Api) -> None:
    made = await make(api)
    key = made.body["key"]
    assert key.startswith(made.body["key_prefix"])
    (listed,) = (await api.get("/v1/api-keys")).body["api_keys"]
    assert "key" not in listed
    assert listed == {name: made.body[name] for name in listed}
    async with owner_connection(api.database.owner_url) as conn:
        rows = await conn.fetch("SELECT api_keys::text AS line FROM api_keys")
        audited = await conn.fetch("SELECT action, details::text AS said FROM audit_log WHERE target_kind = 'api_keys'")
    assert key not in rows[0]["line"]
    assert [row["action"] for row in audited] == ["api_keys.insert"]
    assert key not in audited[0]["said"]


async def test_a_key_acts_for_its_member_in_its_organization(api: Api) -> None:
    made = await make(api, "bob", scopes=["read", "write"])
    me = await by_key(api, made.body["key"])
    assert me.body["user"]["email"] == api.people.bob.email
    assert me.body["role"] == "member"
    answer = await by_key(
        api, made.body["key"], "POST", "/v1/sessions", {"title": "By program", "conversation_type": "sales"}
    )
    assert answer.status == 201
    charlies = await api.new_session("charlie")
    assert (await by_key(api, made.body["key"], path=f"/v1/sessions/{charlies}")).status == 404


@pytest.mark.parametrize("scopes", [["read"], ["write"], ["admin"], ["read", "write"]])
async def test_a_key_does_what_its_scopes_say(api: Api, scopes: list[str]) -> None:
    key = (await make(api, scopes=scopes)).body["key"]
    for route in ROUTES:
        if route.policy is Policy.PUBLIC:
            continue
        path = re.sub(r"{\w+}", lambda _: str(uuid4()), route.path)
        answer = await by_key(api, key, route.method, path, {} if route.body else None)
        wanted = route.scope or ("read" if route.method in SAFE_METHODS else "write")
        if route.policy in {Policy.PERSON, Policy.ADMIN}:
            assert (answer.status, answer.code) == (403, "not_for_programs"), route.path
        elif wanted not in scopes:
            assert (answer.status, answer.code) == (403, "insufficient_scope"), route.path
        else:
            assert answer.status not in {401, 403, 500}, route.path


async def test_a_key_that_expired_or_was_revoked_is_nobody(api: Api) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    expiring, revoked = await make(api, expires_at=soon), await make(api)
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute(
            "UPDATE api_keys SET created_at = now() - interval '2 h', expires_at = now() - interval '1 h'"
            " WHERE expires_at IS NOT NULL"
        )
    for _ in range(2):
        assert (await api.send("DELETE", f"/v1/api-keys/{revoked.body['id']}")).status == 204
    for made in (expiring, revoked):
        answer = await by_key(api, made.body["key"])
        assert (answer.status, answer.code) == (401, "not_signed_in")
    unknown = await by_key(api, "lc_" + "0" * 64)
    assert (unknown.status, unknown.code) == (401, "not_signed_in")


async def test_members_see_and_revoke_their_own_keys_and_owners_all(api: Api) -> None:
    alices, bobs, charlies = await make(api), await make(api, "bob"), await make(api, "charlie")
    listed = {who: {key["id"] for key in (await api.get("/v1/api-keys", who)).body["api_keys"]} for who in api.tokens}
    assert listed == {
        "alice": {alices.body["id"], bobs.body["id"]}, "bob": {bobs.body["id"]}, "charlie": {charlies.body["id"]},
    }  # fmt: skip
    for who, made, status in (
        ("bob", alices, 404), ("charlie", alices, 404), ("alice", charlies, 404), ("alice", bobs, 204),
    ):  # fmt: skip
        assert (await api.send("DELETE", f"/v1/api-keys/{made.body['id']}", who)).status == status
    assert (await by_key(api, bobs.body["key"])).status == 401
    assert (await by_key(api, charlies.body["key"])).status == 200


async def test_a_removed_members_key_is_nobody(api: Api) -> None:
    made = await make(api, "bob")
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute(
            "UPDATE organization_members SET status = 'removed' WHERE user_id = $1", api.people.bob.user_id
        )
    assert (await by_key(api, made.body["key"])).status == 401


NO_KEYS: list[dict[str, Any]] = [
    {"name": ""}, {"name": "a\nb"}, {"scopes": []}, {"scopes": ["everything"]}, {"scopes": "read"},
    {"expires_at": "2020-01-01T00:00:00Z"}, {"expires_at": "2099-01-01T00:00:00"}, {"expires_at": 7},
    {"user_id": str(uuid4())}, {"key_hash": "x"}, {"organization_id": str(uuid4())},
]  # fmt: skip


async def test_what_is_no_key_is_refused(api: Api) -> None:
    for wrong in NO_KEYS:
        answer = await api.post("/v1/api-keys", {**NEW, **wrong})
        assert answer.status == 422
        assert [fault["field"].partition(".")[0] for fault in answer.body["errors"]] == [*wrong]
        assert (await api.get("/v1/api-keys")).body["api_keys"] == []
