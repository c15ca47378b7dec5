"""A client of the control API in which Alice, Bob and Charlie are signed in."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from multidict import CIMultiDict
from pytest_aiohttp import AiohttpClient

from control_api.app import SERVER_OPTIONS, build_app, open_state
from control_api.client_files import WEB_FOLDER
from control_api.metrics import Metrics
from control_api.routing import Route
from control_api.settings import Settings
from control_api.state import State
from control_api.tokens import new_token, token_hash
from db import accounts, calls, sessions, transcripts
from db.pool import Pool, owner_connection, transaction
from db.records import NewTranscript
from tests.conftest import Database
from tests.people import People, connected, make_people

ORIGIN = "http://localhost:8080"


MakeApi = Callable[..., AbstractAsyncContextManager["Api"]]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any
    """Decoded JSON, or text."""
    headers: CIMultiDict[str]

    @property
    def code(self) -> str:
        """The code of a problem document."""
        return str(self.body["code"])


@dataclass(frozen=True, slots=True)
class Api:
    client: TestClient[Any, Any]
    aiohttp_client: AiohttpClient
    state: State
    people: People
    tokens: dict[str, str]
    media: Pool
    jobs: Pool
    database: Database

    async def serve(self, *more: Route, web_folder: Path = WEB_FOLDER) -> TestClient[Any, Any]:
        """A second server on the same state, with more routes or another web client."""
        app = await asyncio.to_thread(build_app, self.state, more, web_folder)
        return await _serve(app, self.aiohttp_client)

    async def send(self, method: str, path: str, who: str | None = "alice", **arguments: Any) -> Answer:
        """A request by bearer token; `who=None` is signed out."""
        headers = dict(arguments.pop("headers", {}))
        if who is not None:
            headers["Authorization"] = f"Bearer {self.tokens[who]}"
        async with self.client.request(method, path, headers=headers, **arguments) as response:
            if response.content_type == "text/event-stream":  # it has no end
                return Answer(response.status, "", CIMultiDict(response.headers))
            is_json = "json" in response.content_type
            body = await response.json(content_type=None) if is_json else await response.text(errors="replace")
            return Answer(response.status, body, CIMultiDict(response.headers))

    async def get(self, path: str, who: str | None = "alice", **arguments: Any) -> Answer:
        return await self.send("GET", path, who, **arguments)

    async def post(self, path: str, json: Any = None, who: str | None = "alice", **arguments: Any) -> Answer:
        return await self.send("POST", path, who, json=json, **arguments)

    async def new_session(self, who: str = "alice", title: str = "Demo") -> str:
        answer = await self.post("/v1/sessions", {"title": title, "conversation_type": "sales"}, who)
        assert answer.status == 201, answer.body
        return str(answer.body["id"])

    async def new_link(self, user_id: UUID, *, lifetime_s: float = 60) -> str:
        token = new_token()
        async with owner_connection(self.database.owner_url) as conn:
            expires_at = datetime.now(UTC) + timedelta(seconds=lifetime_s)
            await accounts.create_sign_in_link(conn, user_id, token_hash(token), expires_at)
        return token

    async def add_node(self, node: str = "host-0", media_url: str = "http://localhost:8081") -> None:
        async with transaction(self.media) as conn:
            await calls.register_node(conn, node, media_url)

    async def start_call(self, session_id: str, node: str = "host-0", lease_s: float = 60.0) -> None:
        """A call in which somebody is heard; with `lease_s` 0 nobody holds it any more."""
        async with transaction(self.media) as conn:
            await calls.acquire_lease(conn, UUID(session_id), node, "http://localhost:8081", lease_s)
            await sessions.activate_session(conn, UUID(session_id), datetime.now(UTC))

    async def say(self, session_id: str, *said: tuple[str, str], organization_id: UUID | None = None) -> list[UUID]:
        """Finals of a call, one after the other; of Alice's organization unless it is another one's."""
        rows = [
            NewTranscript(
                id=uuid4(),
                session_id=UUID(session_id),
                organization_id=organization_id or self.people.alice.organization_id,
                content=text,
                speaker=speaker,
                sequence_number=10 * (number + 1),
                start_time_seconds=Decimal(5 * number),
                end_time_seconds=Decimal(5 * number + 4),
                confidence_score=Decimal("0.9"),
                language="en",
            )
            for number, (speaker, text) in enumerate(said)
        ]
        async with transaction(self.media) as conn:
            await transcripts.insert_transcripts(conn, rows)
        return [row.id for row in rows]


@asynccontextmanager
async def open_api(
    database: Database, redis_url: str, aiohttp_client: AiohttpClient, **settings: Any
) -> AsyncIterator[Api]:
    addresses = {"database_url": database.api_url, "jobs_database_url": database.jobs_url, "redis_url": redis_url}
    async with (
        _files() as files,
        open_state(
            Settings(**{**addresses, "public_origin": ORIGIN, "files_folder": files, **settings}), Metrics()
        ) as state,
        connected(database.media_url, max_size=2) as media,
        connected(database.jobs_url, max_size=2) as jobs,
    ):
        people = await make_people(database.owner_url)
        client = await _serve(build_app(state), aiohttp_client)
        yield Api(client, aiohttp_client, state, people, await _sign_everybody_in(state, people), media, jobs, database)


@asynccontextmanager
async def _files() -> AsyncIterator[Path]:
    with tempfile.TemporaryDirectory(prefix="liveconvo-files-") as folder:
        yield Path(folder)


async def _serve(app: web.Application, aiohttp_client: AiohttpClient) -> TestClient[Any, Any]:
    """With the options of the real server."""
    server = TestServer(app)
    await server.start_server(**SERVER_OPTIONS)
    return await aiohttp_client(server)


async def _sign_everybody_in(state: State, people: People) -> dict[str, str]:
    tokens: dict[str, str] = {}
    for name in ("alice", "bob", "charlie"):
        tokens[name] = new_token()
        user_id = getattr(people, name).user_id
        async with transaction(state.pool, user_id=user_id) as conn:
            await accounts.create_app_session(conn, user_id, token_hash(tokens[name]), "127.0.0.1", "test")
    return tokens
