"""Signing in with Google: whom it lets in, and every way in which it does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from joserfc.jwk import RSAKey

from control_api.settings import GoogleSettings
from db.pool import owner_connection
from tests.api import Answer, Api, MakeApi
from tests.mailbox import Mailbox, token_of
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, OidcProvider, oidc_provider

ADA = {"sub": "1001", "email": "Ada@Example.org", "email_verified": True, "name": "Ada Lovelace"}


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[OidcProvider]:
    async with oidc_provider() as provider:
        provider.person = dict(ADA)
        yield provider


@pytest_asyncio.fixture
async def api(make_api: MakeApi, provider: OidcProvider) -> AsyncIterator[Api]:
    async with make_api(google=GoogleSettings(CLIENT_ID, CLIENT_SECRET, provider.issuer, deadline_s=3)) as api:
        yield api


async def start(api: Api) -> tuple[str, str]:
    """Where the browser is sent, and its cookie."""
    answer = await api.get("/v1/auth/google", None, allow_redirects=False)
    api.client.session.cookie_jar.clear()
    assert answer.status == 302, answer.body
    return answer.headers["Location"], answer.headers["Set-Cookie"].partition(";")[0]


async def back(api: Api, came_with: dict[str, str], cookie: str) -> Answer:
    headers = {"Cookie": cookie} if cookie else {}
    answer = await api.get("/v1/auth/google/callback", None, params=came_with, headers=headers, allow_redirects=False)
    api.client.session.cookie_jar.clear()
    return answer


async def sign_in(api: Api, provider: OidcProvider) -> Answer:
    address, cookie = await start(api)
    return await back(api, provider.authorize(address), cookie)


def screen(answer: Answer) -> str:
    assert answer.status == 302
    return urlsplit(answer.headers["Location"]).fragment.removeprefix("/")


def session_cookie(answer: Answer) -> str | None:
    for header in answer.headers.getall("Set-Cookie", []):
        if header.startswith("liveconvo_session="):
            return header.partition(";")[0]
    return None


async def me(api: Api, answer: Answer) -> Any:
    cookie = session_cookie(answer)
    assert cookie is not None
    return (await api.get("/v1/me/profile", None, headers={"Cookie": cookie})).body


async def set_user(api: Api, assignment: str) -> None:
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute(
            f"UPDATE users SET {assignment} WHERE id = $1",  # noqa: S608  of this file
            api.people.alice.user_id,
        )


async def test_a_stranger_gets_an_account_and_finds_it_again(api: Api, provider: OidcProvider) -> None:
    first = await sign_in(api, provider)
    assert screen(first) == ""
    profile = await me(api, first)
    assert (profile["email"], profile["full_name"], profile["email_verified"]) == (
        "ada@example.org", "Ada Lovelace", True,
    )  # fmt: skip
    provider.person |= {"email": "ada.married@example.org", "name": "Ada L."}
    assert (await me(api, await sign_in(api, provider)))["id"] == profile["id"]


async def test_an_account_is_linked_when_both_sides_proved_the_address(api: Api, provider: OidcProvider) -> None:
    provider.person["email"] = api.people.alice.email
    await set_user(api, "email_verified = true")
    answer = await sign_in(api, provider)
    assert (await me(api, answer))["id"] == str(api.people.alice.user_id)
    letter = await Mailbox(api).one()
    assert (letter["To"], letter["Subject"]) == (api.people.alice.email, "Google sign-in was connected")
    assert (await me(api, await sign_in(api, provider)))["id"] == str(api.people.alice.user_id)
    assert await Mailbox(api).work() == []


TAKEOVERS: list[tuple[str, dict[str, Any], str]] = [
    ("email_verified = false", {}, "google/unproven"),
    ("email_verified = true", {"email_verified": False}, "google/unverified"),
    ("email_verified = true", {"email_verified": None}, "google/unverified"),
    ("email_verified = true", {"email_verified": "true"}, "google/unverified"),
    ("email_verified = true, google_id = '7'", {}, "google/other_google_account"),
    ("email_verified = true, is_active = false", {}, "google/closed"),
    ("is_active = false, google_id = '1001'", {}, "google/closed"),
]


async def test_nobody_takes_over_an_account(api: Api, provider: OidcProvider) -> None:
    for user, person, outcome in TAKEOVERS:
        provider.person = {**ADA, "email": api.people.alice.email, **person}
        await set_user(api, "google_id = NULL, is_active = true")
        await set_user(api, user)
        answer = await sign_in(api, provider)
        assert screen(answer) == outcome
        assert session_cookie(answer) is None
        async with owner_connection(api.database.owner_url) as conn:
            kept = await conn.fetchval("SELECT google_id FROM users WHERE id = $1", api.people.alice.user_id)
        assert kept == ("1001" if "1001" in user else "7" if "'7'" in user else None)


async def test_whoever_took_an_address_beforehand_is_out_once_its_owner_comes(api: Api, provider: OidcProvider) -> None:
    """T50: an account with the victim's address, never proven, with a password and a sign-in of the attacker's."""
    victim, password = api.people.alice, "known to the attacker"
    await set_user(api, "email_verified = false")
    assert (await api.send("PUT", "/v1/me/password", json={"password": password})).status == 204
    attack = {"email": victim.email, "password": password}
    attackers = (await api.post("/v1/auth/sign-in", attack, None)).body["token"]
    provider.person["email"] = victim.email
    refused = await sign_in(api, provider)  # nothing of the attacker's is joined to what is the victim's
    assert (screen(refused), session_cookie(refused)) == ("google/unproven", None)
    await Mailbox(api).work()
    assert (await api.post("/v1/auth/password/forgot", {"email": victim.email}, None)).status == 202
    letter = await Mailbox(api).one()
    renewed = {"token": token_of(letter), "password": "of the victim alone"}
    assert (await api.post("/v1/auth/password/reset", renewed, None)).status == 200
    assert (await api.get("/v1/me", None, headers={"Authorization": f"Bearer {attackers}"})).status == 401
    assert (await api.post("/v1/auth/sign-in", attack, None)).status == 401
    assert (await me(api, await sign_in(api, provider)))["id"] == str(victim.user_id)
    assert (await api.get("/v1/me", None, headers={"Authorization": f"Bearer {attackers}"})).status == 401


FORGED: list[dict[str, Any]] = [
    {"claims": {"iss": "https://evil.example"}}, {"claims": {"aud": "another.client"}}, {"claims": {"aud": None}},
    {"claims": {"aud": [CLIENT_ID, "b"], "azp": "b"}}, {"claims": {"nonce": "of another attempt"}},
    {"claims": {"nonce": None}}, {"claims": {"exp": 1}}, {"claims": {"exp": None}}, {"claims": {"iat": None}},
    {"claims": {"iat": 4102444800}}, {"claims": {"sub": None}}, {"claims": {"sub": ""}}, {"claims": {"sub": 7}},
    {"claims": {"email": None}}, {"claims": {"email": "no address"}}, {"claims": {"email": ["a@example.org"]}},
    {"header": {"kid": "unknown"}}, {"status": 500}, {"status": 400},
]  # fmt: skip


async def test_a_token_that_is_not_for_us_and_now_lets_nobody_in(api: Api, provider: OidcProvider) -> None:
    for forged in FORGED:
        provider.claims, provider.header, provider.status = {}, {}, 200
        for name, given in forged.items():
            setattr(provider, name, given)
        answer = await sign_in(api, provider)
        assert screen(answer) == "google/failed", forged
        assert session_cookie(answer) is None


async def test_a_token_signed_by_somebody_else_lets_nobody_in(api: Api, provider: OidcProvider) -> None:
    provider.published = [provider.key]
    provider.key = RSAKey.generate_key(2048, {"kid": "first"})
    assert screen(await sign_in(api, provider)) == "google/failed"


async def test_new_keys_of_the_provider_are_looked_for(
    api: Api, provider: OidcProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert screen(await sign_in(api, provider)) == ""
    provider.key = RSAKey.generate_key(2048, {"kid": "second"})
    assert screen(await sign_in(api, provider)) == "google/failed"  # looked for a moment ago
    monkeypatch.setattr("control_api.oidc.REFRESH_S", -1.0)
    assert screen(await sign_in(api, provider)) == ""


async def test_an_answer_is_good_for_the_browser_that_asked_and_once(api: Api, provider: OidcProvider) -> None:
    address, cookie = await start(api)
    came_with = provider.authorize(address)
    _, others = await start(api)
    for wrong_with, wrong_cookie in (
        (came_with, ""), (came_with, others),
        ({**came_with, "state": ""}, cookie), ({**came_with, "state": "x"}, cookie),
    ):  # fmt: skip
        answer = await back(api, wrong_with, wrong_cookie)
        assert screen(answer) == "google/not_asked"
        assert session_cookie(answer) is None
    refused = await back(api, {"state": came_with["state"], "error": "access_denied"}, cookie)
    assert screen(refused) == "google/failed"
    assert screen(await back(api, came_with, cookie)) == ""
    assert screen(await back(api, came_with, cookie)) == "google/failed"


async def test_a_stolen_code_is_worth_nothing_without_the_browsers_secret(api: Api, provider: OidcProvider) -> None:
    victims = provider.authorize((await start(api))[0])
    address, cookie = await start(api)
    mine = provider.authorize(address)
    assert screen(await back(api, {**mine, "code": victims["code"]}, cookie)) == "google/failed"


async def test_ten_first_visits_at_once_make_one_account(api: Api, provider: OidcProvider) -> None:
    visits = [await start(api) for _ in range(10)]
    answers = await asyncio.gather(*(back(api, provider.authorize(address), cookie) for address, cookie in visits))
    assert {screen(answer) for answer in answers} == {""}
    async with owner_connection(api.database.owner_url) as conn:
        assert await conn.fetchval("SELECT count(*) FROM users WHERE google_id = '1001'") == 1


async def test_behind_the_gate_strangers_stay_outside(make_api: MakeApi, provider: OidcProvider) -> None:
    settings = GoogleSettings(CLIENT_ID, CLIENT_SECRET, provider.issuer)
    async with make_api(google=settings, beta_gate=True) as api:
        assert screen(await sign_in(api, provider)) == "google/closed"
        async with owner_connection(api.database.owner_url) as conn:
            await conn.execute(
                "INSERT INTO beta_waitlist (name, email, company, use_case, status)"
                " VALUES ('Ada', 'ada@example.org', 'B', 'sales', 'approved')"
            )
        assert screen(await sign_in(api, provider)) == ""


async def test_a_provider_that_is_away_or_odd_is_said_to_be_unavailable(
    make_api: MakeApi, provider: OidcProvider
) -> None:
    for odd in ({"issuer": "https://evil.example"}, {"token_endpoint": "file:///etc/passwd"}, {"jwks_uri": None}):
        provider.configuration = odd
        async with make_api(google=GoogleSettings(CLIENT_ID, CLIENT_SECRET, provider.issuer)) as api:
            answer = await api.get("/v1/auth/google", None, allow_redirects=False)
            assert screen(answer) == "google/unavailable"
    async with make_api(google=GoogleSettings(CLIENT_ID, CLIENT_SECRET, "http://127.0.0.1:9")) as api:
        assert screen(await api.get("/v1/auth/google", None, allow_redirects=False)) == "google/unavailable"


async def test_behind_tls_the_attempt_belongs_to_this_origin_alone(make_api: MakeApi, provider: OidcProvider) -> None:
    settings = GoogleSettings(CLIENT_ID, CLIENT_SECRET, provider.issuer)
    async with make_api(google=settings, public_origin="https://convo.example.org") as api:
        answer = await api.get("/v1/auth/google", None, allow_redirects=False)
    assert answer.headers["Set-Cookie"].startswith("__Host-liveconvo_google=")
    assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/"} <= set(answer.headers["Set-Cookie"].split("; "))


async def test_the_page_is_told_whether_it_is_offered(api: Api) -> None:
    assert (await api.get("/v1/auth/options", None)).body == {"google": True, "is_gated": False}


async def test_without_a_client_id_it_is_not_offered(make_api: MakeApi) -> None:
    async with make_api() as api:
        assert (await api.get("/v1/auth/options", None)).body == {"google": False, "is_gated": False}
        for path in ("/v1/auth/google", "/v1/auth/google/callback?state=x&code=y"):
            answer = await api.get(path, None, allow_redirects=False)
            assert (answer.status, answer.code) == (404, "google_not_set")


async def test_codes_and_secrets_are_in_no_log(
    api: Api, provider: OidcProvider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    provider.claims = {"nonce": "x"}
    address, cookie = await start(api)
    came_with = provider.authorize(address)
    await back(api, came_with, cookie)
    said = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("control_api"))
    assert "sign-in provider failed at=token" in said
    for secret in (came_with["code"], came_with["state"], cookie.partition("=")[2], CLIENT_SECRET, "ada@"):
        assert secret not in said
