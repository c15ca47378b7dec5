"""What the API does with requests it should not have got."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import zlib
from contextlib import suppress
from typing import Any
from uuid import uuid4

import aiohttp
import psutil
import pytest
from aiohttp import web

from control_api.app import build_app
from control_api.routing import Policy, Route
from tests.api import ORIGIN, Api, MakeApi
from tests.conftest import Database
from tests.fakes import breakable

JSON = {"Content-Type": "application/json"}
SESSION = {"title": "A", "conversation_type": "sales"}


async def post_raw(api: Api, body: bytes, **headers: str) -> Any:
    return await api.send("POST", "/v1/sessions", data=body, headers={**JSON, **headers})


AMBIGUOUS = (
    b"", b"{", b"[1,]", b"nope", b"\xff\xfe", b'{"title": NaN}', b'{"title": 1e999999, "title": Infinity}',
    b'{"title":"A","title":"B","conversation_type":"sales"}', b"[" * 17 + b"]" * 17, b"[" * 30000,
    b'{"a":' * 9000, b'{"title":"a\\u0000b","conversation_type":"sales"}', b'{"title":"\\ud800"}',
    b'{"title":' + b"9" * 5000 + b"}", b'{"a\\u0000":1}',
)  # fmt: skip


async def test_json_that_two_readers_could_read_differently_is_refused(api: Api) -> None:
    for body in AMBIGUOUS:
        answer = await post_raw(api, body)
        assert (answer.status, answer.code) == (400, "unreadable_body"), body[:80]


MISSHAPEN = (
    {}, {"title": "A"}, {**SESSION, "organization_id": "x"}, {**SESSION, "status": "completed"},
    {**SESSION, "title": ""}, {**SESSION, "title": "   "}, {**SESSION, "title": "x" * 256},
    {**SESSION, "title": "a\nb"}, {**SESSION, "title": 7}, {**SESSION, "title": None},
    {**SESSION, "conversation_type": "chat"}, [], "text", 1, None,
)  # fmt: skip


async def test_a_body_of_another_shape_is_refused_with_the_field(api: Api) -> None:
    for body in MISSHAPEN:
        answer = await post_raw(api, json.dumps(body).encode())
        assert (answer.status, answer.code) == (422, "invalid_request"), body
        assert answer.body["errors"], body


async def test_a_large_body_is_refused_before_it_is_read(api: Api) -> None:
    answer = await post_raw(api, b" " * (64 * 1024 + 1))
    assert (answer.status, answer.code) == (413, "body_too_large")


async def test_a_large_body_without_a_length_is_cut_off(api: Api) -> None:
    async def endless() -> Any:
        for _ in range(100):
            yield b" " * 4096

    headers = {**JSON, "Authorization": f"Bearer {api.tokens['alice']}"}
    try:
        async with api.client.post("/v1/sessions", data=endless(), headers=headers) as response:
            assert response.status == 413
    except aiohttp.ClientError:
        return  # the connection was closed while we were still sending: cut off as well


@pytest.mark.parametrize(("length", "goes_on"), [(10_000, True), (1_000_000, False)])
async def test_a_connection_goes_on_after_a_short_body_that_nobody_read(api: Api, length: int, goes_on: bool) -> None:
    reader, writer = await asyncio.open_connection(api.client.server.host, api.client.server.port)
    head = "POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    try:
        for number in range(2 if goes_on else 1):
            writer.write(f"{head}Content-Length: {length}\r\n\r\n".encode() + b" " * length)
            async with asyncio.timeout(10):
                answer = await reader.readuntil(b"\r\n\r\n")
                assert b" 401 " in answer.splitlines()[0], number
                size = next(line for line in answer.lower().splitlines() if line.startswith(b"content-length"))
                await reader.readexactly(int(size.split(b":")[1]))
        if not goes_on:
            async with asyncio.timeout(10):
                with suppress(ConnectionError):
                    assert await reader.read() == b""
    finally:
        writer.close()


async def test_a_slow_body_is_given_up(make_api: MakeApi) -> None:
    async def slow() -> Any:
        yield b'{"title"'
        await asyncio.sleep(5)
        yield b"}"

    async with make_api(body_timeout_s=0.2) as api:
        headers = {**JSON, "Authorization": f"Bearer {api.tokens['alice']}"}
        async with asyncio.timeout(3), api.client.post("/v1/sessions", data=slow(), headers=headers) as response:
            assert response.status == 408
            assert (await response.json(content_type=None))["code"] == "body_too_slow"


async def test_anything_but_json_is_refused(api: Api) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = await post_raw(api, json.dumps(SESSION).encode(), **{"Content-Type": kind})
        assert (answer.status, answer.code) == (415, "unsupported_media_type"), kind


async def test_a_compressed_body_is_refused(api: Api) -> None:
    """Unread: what would be thirty megabytes takes none (T21), as a body of JSON and as a file."""
    large = bytes(30 * 2**20)
    bombs = {"gzip": gzip.compress(large, 9), "deflate": zlib.compress(large, 9), "br": b"\x00" * 100, "zstd": b"(\xb5"}
    del large
    session_id = await api.new_session()
    before_mb = psutil.Process().memory_info().rss / 2**20
    for encoding, bomb in bombs.items():
        for path in ("/v1/sessions", f"/v1/sessions/{session_id}/documents?name=x.txt"):
            headers = {**JSON, "Content-Encoding": encoding}
            answer = await api.send("POST", path, data=io.BytesIO(bomb), headers=headers)
            assert answer.status == 415, (encoding, path)
    assert psutil.Process().memory_info().rss / 2**20 - before_mb < 5


async def test_an_unknown_path_is_a_problem_document(api: Api) -> None:
    answer = await api.get("/v1/nothing")
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.body == {
        "type": "urn:liveconvo:problem:not_found", "title": "Not Found", "status": 404,
        "detail": answer.body["detail"], "code": "not_found",
    }  # fmt: skip


async def test_a_wrong_method_names_the_right_ones(api: Api) -> None:
    answer = await api.send("DELETE", "/v1/sessions")
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET,POST"


async def test_an_unexpected_fault_tells_an_id_and_nothing_else(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(_: web.Request) -> web.Response:
        raise ValueError("the secret of alice")

    route = Route(method="GET", path="/fail", handler=fail, policy=Policy.PUBLIC, summary="", tag="")
    client = await api.serve(route)
    async with client.get("/fail") as response:
        body = await response.json(content_type=None)
    assert (body["status"], body["code"]) == (500, "internal_error")
    fault_id = body["instance"].removeprefix("urn:liveconvo:fault:")
    assert fault_id in caplog.text
    assert "secret" not in json.dumps(body) + caplog.text


async def test_a_route_without_a_declaration_keeps_the_server_from_starting(api: Api) -> None:
    async def forgotten(_: web.Request) -> web.Response:
        return web.Response()

    app = await asyncio.to_thread(build_app, api.state)
    app.router.add_get("/v1/forgotten", forgotten)
    app.freeze()
    with pytest.raises(RuntimeError, match="forgotten"):
        await app.startup()


SITES: dict[str, dict[str, str]] = {
    "absent": {},
    "null": {"Origin": "null"},
    "foreign": {"Origin": "https://evil.example"},
    "suffix alike": {"Origin": "http://localhost:8080.evil.example"},
    "prefix alike": {"Origin": "http://localhost:80"},
    "other port": {"Origin": "http://localhost:8081"},
    "other scheme": {"Origin": "https://localhost:8080"},
    "fetch metadata: cross-site": {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"},
    "fetch metadata: same-site": {"Origin": ORIGIN, "Sec-Fetch-Site": "same-site"},
}


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/x-www-form-urlencoded"])
async def test_a_cookie_from_another_site_changes_nothing(api: Api, kind: str) -> None:
    for site, origin in SITES.items():
        headers = {"Cookie": f"liveconvo_session={api.tokens['alice']}", "Content-Type": kind, **origin}
        answer = await api.send("POST", "/v1/sessions", None, data=json.dumps(SESSION), headers=headers)
        assert (answer.status, answer.code) == (403, "cross_site"), site
    assert (await api.get("/v1/sessions")).body["items"] == []


@pytest.mark.parametrize("site", [{"Origin": ORIGIN}, {"Sec-Fetch-Site": "same-origin"}])
async def test_a_cookie_from_our_own_page_works(api: Api, site: dict[str, str]) -> None:
    headers = {"Cookie": f"liveconvo_session={api.tokens['alice']}", **site}
    assert (await api.post("/v1/sessions", SESSION, None, headers=headers)).status == 201


async def test_another_site_signs_nobody_in(api: Api) -> None:
    link = await api.new_link(api.people.alice.user_id)
    headers = {"Origin": "https://evil.example"}
    answer = await api.post("/v1/auth/links/redeem", {"token": link}, None, headers=headers)
    assert (answer.status, answer.code) == (403, "cross_site")


async def test_no_origin_is_ever_let_in_by_cors(api: Api) -> None:
    """Neither a foreign one nor one that looks like ours, whatever is asked for and however it ends (T13)."""
    origins = ["null", "https://evil.example", ORIGIN, f"{ORIGIN}.evil.example", f"https://{uuid4()}.example"]
    asked = [
        ("GET", "/v1/me"),
        ("GET", "/v1/nothing"),
        ("POST", "/v1/sessions"),
        ("GET", "/openapi.json"),
        ("GET", "/"),
    ]
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    for origin in origins:
        for method, path in [*asked, *(("OPTIONS", path) for _, path in asked)]:
            for who in ("alice", None):
                answer = await api.send(method, path, who, headers={"Origin": origin, **preflight})
                told = [name for name in answer.headers if name.lower().startswith("access-control-")]
                assert not told, (origin, method, path)
                assert origin in {"null", ORIGIN} or origin not in str(answer.headers)


async def test_too_many_sign_ins_have_to_wait(api: Api) -> None:
    body = {"email": api.people.alice.email, "password": "guess"}
    answers = [await api.post("/v1/auth/sign-in", body, None) for _ in range(11)]
    assert {answer.status for answer in answers[:10]} == {401}
    assert (answers[10].status, answers[10].code) == (429, "too_many_requests")
    assert 0 < int(answers[10].headers["Retry-After"]) <= 301


async def test_one_account_under_attack_does_not_lock_another(api: Api) -> None:
    for _ in range(11):
        await api.post("/v1/auth/sign-in", {"email": api.people.alice.email, "password": "guess"}, None)
    other = await api.post("/v1/auth/sign-in", {"email": api.people.bob.email, "password": "guess"}, None)
    assert other.status == 401


async def test_without_redis_limits_still_hold(make_api: MakeApi) -> None:
    async with make_api(redis_url="redis://127.0.0.1:1/0") as api:
        body = {"email": api.people.alice.email, "password": "guess"}
        answers = [await api.post("/v1/auth/sign-in", body, None) for _ in range(22)]  # a minute may end in between
        assert 429 in [answer.status for answer in answers]


async def test_without_redis_everything_works(make_api: MakeApi) -> None:
    async with make_api(redis_url="redis://127.0.0.1:1/0") as api:
        await api.add_node()
        session_id = await api.new_session()
        joining = {"name": "Ada", "role": "host", "shared_mic": False, "consent": None}
        assert (await api.post(f"/v1/sessions/{session_id}/join", joining)).status == 200
        await api.start_call(session_id)
        assert (await api.post(f"/v1/sessions/{session_id}/end")).status == 202
        ready = await api.get("/readyz", who=None)
        assert (ready.status, ready.body["degraded"]) == (200, ["redis does not answer"])


async def test_without_postgres_one_is_told_to_come_back(database: Database, make_api: MakeApi) -> None:
    async with breakable(database.api_url) as relay, make_api(database_url=relay.url) as api:
        relay.cut()
        answer = await api.get("/v1/me")
        assert (answer.status, answer.code) == (503, "unavailable")
        assert "Retry-After" in answer.headers
        ready = await api.get("/readyz", who=None)
        assert (ready.status, ready.body["reasons"]) == (503, ["postgres does not answer"])
        assert (await api.get("/healthz", who=None)).status == 200


@pytest.mark.parametrize(
    "rest",
    [
        b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"Content-Length: 50\r\n\r\n{",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
async def test_a_broken_message_is_no_fault_of_ours(api: Api, rest: bytes, caplog: pytest.LogCaptureFixture) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.client.port)
    token = api.tokens["alice"].encode()
    writer.write(b"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + b"\r\n")
    writer.write(b"Content-Type: application/json\r\n" + rest)
    await writer.drain()
    writer.write_eof()
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    assert b" 500 " not in answer.split(b"\r\n")[0]
    assert "request failed" not in caplog.text
