"""Signing in and out."""

from __future__ import annotations

from db.pool import owner_connection
from tests.api import Api, MakeApi

PASSWORD = "correct horse battery"


async def test_a_sign_in_link_signs_in(api: Api) -> None:
    link = await api.new_link(api.people.alice.user_id)
    answer = await api.post("/v1/auth/links/redeem", {"token": link}, who=None)
    assert answer.status == 200
    me = await api.get("/v1/me", who=None, headers={"Authorization": f"Bearer {answer.body['token']}"})
    assert me.body == answer.body["me"]
    assert me.body["user"]["email"] == api.people.alice.email
    assert me.body["role"] == "owner"


async def test_a_sign_in_link_works_once(api: Api) -> None:
    link = await api.new_link(api.people.alice.user_id)
    await api.post("/v1/auth/links/redeem", {"token": link}, who=None)
    again = await api.post("/v1/auth/links/redeem", {"token": link}, who=None)
    assert (again.status, again.code) == (401, "invalid_link")


async def test_an_expired_link_is_as_good_as_an_unknown_one(api: Api) -> None:
    expired = await api.new_link(api.people.alice.user_id, lifetime_s=-1)
    one = await api.post("/v1/auth/links/redeem", {"token": expired}, who=None)
    other = await api.post("/v1/auth/links/redeem", {"token": "x" * 43}, who=None)
    assert one.status == 401
    assert one.body == other.body


async def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(api: Api) -> None:
    link = await api.new_link(api.people.alice.user_id)
    answer = await api.post("/v1/auth/links/redeem", {"token": link}, who=None)
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("liveconvo_session=")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))


async def test_behind_tls_the_cookie_belongs_to_this_origin_alone(make_api: MakeApi) -> None:
    async with make_api(public_origin="https://convo.example.org") as api:
        link = await api.new_link(api.people.alice.user_id)
        answer = await api.post("/v1/auth/links/redeem", {"token": link}, who=None)
        assert answer.headers["Set-Cookie"].startswith("__Host-liveconvo_session=")
        assert "Secure" in answer.headers["Set-Cookie"]
        assert "Strict-Transport-Security" in answer.headers


async def test_a_password_signs_in(api: Api) -> None:
    assert (await api.send("PUT", "/v1/me/password", json={"password": PASSWORD})).status == 204
    answer = await api.post("/v1/auth/sign-in", {"email": api.people.alice.email.upper(), "password": PASSWORD}, None)
    assert answer.status == 200
    assert answer.body["me"]["user"]["has_password"] is True


async def test_a_wrong_password_and_an_unknown_account_look_the_same(api: Api) -> None:
    await api.send("PUT", "/v1/me/password", json={"password": PASSWORD})
    wrong = await api.post("/v1/auth/sign-in", {"email": api.people.alice.email, "password": "guess"}, None)
    unknown = await api.post("/v1/auth/sign-in", {"email": "nobody@example.org", "password": "guess"}, None)
    without = await api.post("/v1/auth/sign-in", {"email": api.people.bob.email, "password": "guess"}, None)
    assert (wrong.status, wrong.code) == (401, "wrong_credentials")
    assert wrong.body == unknown.body == without.body


async def test_changing_a_password_needs_the_current_one(api: Api) -> None:
    await api.send("PUT", "/v1/me/password", json={"password": PASSWORD})
    without = await api.send("PUT", "/v1/me/password", json={"password": "another long one"})
    assert (without.status, without.code) == (401, "wrong_credentials")
    change = {"password": "another long one", "current_password": PASSWORD}
    assert (await api.send("PUT", "/v1/me/password", json=change)).status == 204


async def test_a_short_password_is_refused(api: Api) -> None:
    answer = await api.send("PUT", "/v1/me/password", json={"password": "short"})
    assert (answer.status, answer.code) == (422, "invalid_request")
    assert answer.body["errors"][0]["field"] == "password"


async def test_signing_out_ends_the_token(api: Api) -> None:
    assert (await api.post("/v1/auth/sign-out")).status == 204
    assert (await api.get("/v1/me")).status == 401


async def test_signing_out_leaves_others_signed_in(api: Api) -> None:
    await api.post("/v1/auth/sign-out")
    assert (await api.get("/v1/me", who="bob")).status == 200


async def test_a_credential_that_is_none_is_refused(api: Api) -> None:
    for header in ("Bearer", "Bearer ", "Basic YWxpY2U6", "Bearer " + "x" * 300, "Bearer unknown"):
        answer = await api.get("/v1/me", who=None, headers={"Authorization": header})
        assert (answer.status, answer.code) == (401, "not_signed_in"), header
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_tokens_are_not_in_the_database(api: Api) -> None:
    async with owner_connection(api.database.owner_url) as conn:
        rows = await conn.fetch("SELECT session_token FROM user_app_sessions")
    assert len(rows) == 3
    assert not {row["session_token"] for row in rows} & set(api.tokens.values())
