"""What a page of another site can do to somebody who is signed in, in a real browser: nothing (T11 to T13).

The API serves https with a certificate of its own, so that cookies are what they are in production. The other sites are
two pages: one of another host, and one of the same host with another port, which the browser calls the same site.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from playwright.async_api import BrowserContext, Page, async_playwright
from pytest_aiohttp import AiohttpClient

from control_api.app import SERVER_OPTIONS, build_app
from deploy.ports import free_port
from tests.api import Api, open_api
from tests.conftest import Database
from tests.e2e.browser import CHROMIUM, require_chromium

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

COOKIE = "__Host-liveconvo_session"
FROM_A_FORM = """
([url, type]) => new Promise((done) => {
  const frame = Object.assign(document.createElement("iframe"), { name: "target" });
  frame.onload = () => done();
  const make = (tag, settings) => Object.assign(document.createElement(tag), settings);
  const form = make("form", { action: url, method: "POST", enctype: type, target: "target" });
  form.append(make("input", { name: '{"title": "', value: 'x", "conversation_type": "sales"}' }));
  document.body.append(frame);
  document.body.append(form);
  form.submit();
  setTimeout(done, 3000);
})
"""
BY_FETCH = """
async ([url, method, mode, type, body]) => {
  const headers = type ? { "Content-Type": type } : {};
  try {
    const answer = await fetch(url, { method, mode, credentials: "include", headers, ...(body ? { body } : {}) });
    return answer.type === "opaque" ? "opaque" : `${answer.status} ${await answer.text()}`;
  } catch (error) {
    return "blocked";
  }
}
"""


@dataclass(frozen=True, slots=True)
class Scene:
    api: Api
    url: str
    context: BrowserContext
    ours: Page
    """Signed in as Alice."""

    async def sessions(self) -> int:
        return len((await self.api.get("/v1/sessions")).body["items"])


def own_certificate(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "own.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


@asynccontextmanager
async def serving(app: web.Application, port: int, tls: ssl.SSLContext) -> AsyncIterator[None]:
    runner = web.AppRunner(app, **SERVER_OPTIONS)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
    try:
        yield
    finally:
        await runner.cleanup()


@pytest.fixture
async def scene(database: Database, valkey: str, aiohttp_client: AiohttpClient, tmp_path: Path) -> AsyncIterator[Scene]:
    require_chromium()
    tls = await asyncio.to_thread(own_certificate, tmp_path)
    port = free_port()
    url = f"https://localhost:{port}"
    async with (
        open_api(database, valkey, aiohttp_client, public_origin=url) as api,
        serving(await asyncio.to_thread(build_app, api.state), port, tls),
        async_playwright() as playwright,
    ):
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            context = await browser.new_context(ignore_https_errors=True)
            page = await context.new_page()
            await page.goto(url)
            token = json.dumps({"token": await api.new_link(api.people.alice.user_id)})
            redeemed = await fetched(page, f"{url}/v1/auth/links/redeem", "POST", "cors", "application/json", token)
            assert redeemed.startswith("200"), redeemed
            yield Scene(api, url, context, page)
        finally:
            await browser.close()


@asynccontextmanager
async def other_site(scene: Scene, host: str, tmp_path: Path) -> AsyncIterator[Page]:
    async def get(_: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>Elsewhere</title><body></body>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", get)
    port = free_port()
    async with serving(app, port, await asyncio.to_thread(own_certificate, tmp_path)):
        page = await scene.context.new_page()
        await page.goto(f"https://{host}:{port}/")
        yield page


async def fetched(page: Page, *arguments: Any) -> str:
    answer: str = await page.evaluate(BY_FETCH, [*arguments, *[None] * (5 - len(arguments))])
    return answer


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_another_site_changes_nothing_and_reads_nothing(scene: Scene, host: str, tmp_path: Path) -> None:
    body = json.dumps({"title": "Planted", "conversation_type": "sales"})
    sessions = f"{scene.url}/v1/sessions"
    assert (await fetched(scene.ours, sessions, "POST", "cors", "application/json", body)).startswith("201")
    before = await scene.sessions()
    assert before == 1
    async with other_site(scene, host, tmp_path) as page:
        for type_ in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            await page.evaluate(FROM_A_FORM, [sessions, type_])
        for type_ in ("text/plain", "application/json"):
            assert await fetched(page, sessions, "POST", "no-cors", type_, body) == "blocked"
        assert await fetched(page, sessions, "POST", "cors", "application/json", body) == "blocked"
        for path, method in (("/v1/me", "GET"), ("/v1/auth/sign-out-everywhere", "POST"), ("/openapi.json", "GET")):
            assert await fetched(page, scene.url + path, method, "cors") == "blocked"
        await page.evaluate(FROM_A_FORM, [f"{scene.url}/v1/auth/sign-out", "text/plain"])
    assert await scene.sessions() == before
    assert (await fetched(scene.ours, f"{scene.url}/v1/me", "GET", "cors")).startswith("200")


async def test_the_cookie_is_of_this_origin_and_out_of_reach_for_scripts(scene: Scene) -> None:
    (cookie,) = [each for each in await scene.context.cookies() if "liveconvo" in each["name"]]
    assert (cookie["name"], cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (COOKIE, True, True, "Lax")
    assert (cookie["path"], cookie["domain"]) == ("/", "localhost")
    assert await scene.ours.evaluate("document.cookie") == ""
    # A page cannot put its own in its place either.
    await scene.ours.evaluate(f"document.cookie = '{COOKIE}=planted; Path=/; Secure'")
    assert (await fetched(scene.ours, f"{scene.url}/v1/me", "GET", "cors")).startswith("200")


async def test_the_pages_policy_holds(scene: Scene, tmp_path: Path) -> None:
    violated = await scene.ours.evaluate(
        """
        () => new Promise((done) => {
          document.addEventListener("securitypolicyviolation", (event) => done(event.effectiveDirective));
          document.body.append(Object.assign(document.createElement("script"), { textContent: "window.ran = true" }));
          setTimeout(() => done("nothing"), 3000);
        })
        """
    )
    assert violated == "script-src-elem"
    assert await scene.ours.evaluate("window.ran === undefined")
    assert await fetched(scene.ours, "https://127.0.0.1:1/", "GET", "no-cors") == "blocked"
    answer = await scene.ours.goto(f"{scene.url}/docs")
    assert answer is not None
    headers = answer.headers
    assert headers["strict-transport-security"].startswith("max-age=31536000")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    async with other_site(scene, "localhost", tmp_path) as page:
        await page.evaluate(
            "(url) => { const f = document.createElement('iframe'); f.src = url; document.body.append(f) }", scene.url
        )
        await page.wait_for_timeout(1_000)
        framed = [frame for frame in page.frames if frame is not page.main_frame]
        assert [await frame.query_selector("#app") for frame in framed] == [None]
