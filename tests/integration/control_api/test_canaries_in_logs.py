"""T24: whatever somebody sends, in whichever field, parameter or header, no log and no refusal repeats it."""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import logging
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from aiohttp import web

from control_api.logs import OneLine
from control_api.routing import Policy, Route
from db.log_writer import LogWriter
from db.pool import owner_connection, transaction
from tests.api import Api
from tests.integration.control_api.test_api_matrix import Scene, make_ids, set_scene
from tests.route_matrix import ENTRIES, api_routes, name_of, path_with

CANARY = "canary-5f0c9a2b"
SHAPES: tuple[Any, ...] = (
    CANARY, f"{CANARY}@example.org", f"https://{CANARY}.example.org/\x00", f"{CANARY}\n{CANARY}" * 5000,
    [CANARY], {"$ne": CANARY}, f"'; DROP TABLE {CANARY}; --",
)  # fmt: skip
RAW = (
    f'{{"name": "{CANARY}'.encode(), f'"{CANARY}"'.encode(), f"{CANARY}".encode() + b"\xff", f'["{CANARY}"]'.encode(),
)  # fmt: skip
HEADERS = (
    {"Authorization": f"Bearer {CANARY}"}, {"Authorization": f"Bearer lc_{CANARY}"}, {"Cookie": f"liveconvo={CANARY}"},
    {"Idempotency-Key": f"{CANARY}é"}, {"Idempotency-Key": CANARY}, {"If-Match": CANARY}, {"Content-Type": CANARY},
    {"Origin": f"https://{CANARY}.example.org"}, {"User-Agent": CANARY}, {"Last-Event-ID": CANARY},
    {"Sec-Fetch-Site": CANARY}, {"X-Forwarded-For": CANARY},
)  # fmt: skip


class Overheard(logging.Handler):
    """Every line of every logger, as the server would write it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(OneLine())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def overheard() -> Iterator[Overheard]:
    handler, root = Overheard(), logging.getLogger()
    root.addHandler(handler)
    yield handler
    root.removeHandler(handler)


async def tell_everything(scene: Scene, ids: dict[str, str]) -> list[tuple[str, int, str]]:
    """The canary in all that every route reads, one thing at a time; what was refused, and how."""
    refused: list[tuple[str, int, str]] = []
    headers_in_turn, shapes_in_turn = itertools.cycle(HEADERS), itertools.cycle(SHAPES)

    async def ask(route: Route, path: str, **arguments: Any) -> None:
        # Whoever asks is signed in, unless the headers say otherwise.
        who = None if "Authorization" in arguments.get("headers", {}) else "alice"
        answer = await scene.api.send(route.method, path, who, **arguments)
        if answer.status >= 400:
            refused.append((name_of(route), answer.status, json.dumps(answer.body) + str(answer.headers)))

    for route in api_routes():
        entry = ENTRIES.get(name_of(route))
        if route.method == "DELETE" or name_of(route) in NOT_TRIED or "webhooks/{webhook_id}/" in route.path:
            continue
        own = path_with(route, entry, ids) if entry else route.path.replace("{token}", CANARY)
        body = entry.body(ids) if entry else {}
        sent = {"json": body} if body is not None and route.body is not None else {}
        for headers in itertools.islice(headers_in_turn, 4):
            await ask(route, own, headers=headers, **sent)
        if "{" in route.path:
            await ask(route, route.path.replace("{", "").replace("}", CANARY), **sent)
        for name in (*(route.query.model_fields if route.query else ()), "unknown"):
            await ask(route, f"{own}?{name}={CANARY}", **sent)
        if route.body is not None:
            for name in route.body.model_fields:
                for value in itertools.islice(shapes_in_turn, 3):
                    await ask(route, own, json={**body, name: value})
            for raw in RAW:
                await ask(route, own, data=io.BytesIO(raw), headers={"Content-Type": "application/json"})
    return refused


NOT_TRIED = frozenset(
    {"POST /v1/auth/sign-out", "POST /v1/auth/sign-out-everywhere", "PUT /v1/me/password", "GET /v1/me/export"}
)
"""After these nobody is signed in any more, or it is a file of what is kept."""


def repeats(texts: list[str]) -> list[str]:
    return [text[:300] for text in texts if CANARY in text]


@pytest.mark.slow
async def test_nothing_that_is_sent_stands_in_a_log_or_a_refusal(
    api: Api, overheard: Overheard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.state.limiter, "check", _unlimited)
    notes, stop = LogWriter(partial(transaction, api.state.pool)), asyncio.Event()
    scene = await set_scene(api)
    ids = await make_ids(scene, "alice")
    with notes.attached():
        refused = await tell_everything(scene, ids)
    stop.set()
    await notes.run(stop)
    assert len(refused) > 500
    assert {status for _, status, _ in refused} >= {400, 401, 404, 422}
    assert [(name, status) for name, status, _ in refused if status >= 500] == []
    assert repeats([text for _, _, text in refused]) == []
    assert repeats(overheard.lines) == []
    async with owner_connection(api.database.owner_url) as conn:
        kept = await conn.fetch("SELECT system_logs::text AS line FROM system_logs")
    assert repeats([row["line"] for row in kept]) == []


async def test_nor_when_everything_fails(api: Api, overheard: Overheard, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours in every route, which quotes what was sent, and then a Postgres that is away."""
    monkeypatch.setattr(api.state.limiter, "check", _unlimited)

    async def fail(request: web.Request) -> web.StreamResponse:
        said = (await request.read()).decode() + str(request.headers) + request.path_qs
        raise ValueError(said) from KeyError(said)

    fault = Route(
        method="POST", path="/v1/fault/{token}", handler=fail, policy=Policy.PUBLIC, summary="A fault", tag="test"
    )
    client = await api.serve(fault)
    notes, stop = LogWriter(partial(transaction, api.state.pool)), asyncio.Event()
    with notes.attached():
        async with client.post(
            f"/v1/fault/{CANARY}?q={CANARY}", data=CANARY, headers={"Authorization": f"Bearer {CANARY}"}
        ) as answer:
            assert answer.status == 500
            assert CANARY not in await answer.text() + str(answer.headers)
    stop.set()
    await notes.run(stop)
    assert any("error=ValueError" in line for line in overheard.lines)
    async with owner_connection(api.database.owner_url) as conn:
        kept = [row["line"] for row in await conn.fetch("SELECT system_logs::text AS line FROM system_logs")]
    assert any("request failed fault_id=" in line for line in kept)
    api.state.pool.terminate()
    for headers in HEADERS:
        body = {"email": f"{CANARY}@example.org", "password": CANARY}
        answer_away = await api.send("POST", "/v1/auth/sign-in", None, headers=headers, json=body)
        assert answer_away.status in {400, 403, 415, 503}
        kept.append(json.dumps(answer_away.body) + str(answer_away.headers))
    assert repeats(overheard.lines + kept) == []


async def _unlimited(*_: object) -> None:
    """Rate limits are tried elsewhere."""
