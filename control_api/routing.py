"""What a route declares, and the endpoint that holds it to that.

A route says who may call it, what it reads and what it answers. The endpoint checks policy, rate limit, body and query
before the handler runs; the API's description is generated from the same declaration. A handler that was added to the
router without one stops the server from starting.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from aiohttp import web
from pydantic import BaseModel

from control_api import auth, http, idempotency
from control_api.errors import Refusal
from control_api.limits import RateLimit
from control_api.state import state
from control_api.visitors import network_of

Scope = Literal["read", "write", "admin"]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
STARTED_S = web.RequestKey("started_s", float)
_IDS = re.compile(r"{(id|\w+_id)}")
_ID_SHAPE = "[0-9A-Fa-f-]{32,36}"
ENDPOINTS = web.AppKey("endpoints", set[object])


class Policy(Enum):
    PUBLIC = "public"
    """Nobody is known yet; what is asked for carries its own credential, or is for everybody."""
    PERSON = "person"
    """A signed-in person, in whatever organization or in none; no program."""
    MEMBER = "member"
    """A signed-in person, acting in the current organization, or a program with one's API key."""
    ADMIN = "admin"
    """A signed-in administrator of the installation; no program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    method: str
    path: str
    handler: Handler
    policy: Policy
    summary: str
    tag: str
    status: int = 200
    also: tuple[int, ...] = ()
    """Further statuses of success."""
    body: type[BaseModel] | None = None
    upload: tuple[str, ...] = ()
    """Media types of a body that is a file, which the handler reads as a stream."""
    query: type[BaseModel] | None = None
    response: type[BaseModel] | None = None
    errors: tuple[type[Refusal], ...] = ()
    limit: RateLimit | None = None
    scope: Scope | None = None
    """What an API key must allow; None: reading for GET, else writing."""
    media_types: tuple[str, ...] = ()
    """What it answers that is no JSON model: files."""
    is_versioned: bool = False
    """Whether it minds If-Match, and tells the version of what it shows."""
    is_described: bool = True
    """Whether it is part of the API, and not a page or a probe."""

    @property
    def names_something(self) -> bool:
        """Whether it is about one thing, by its id."""
        return "{id}" in self.path

    @property
    def takes_idempotency_key(self) -> bool:
        return self.method == "POST" and self.policy is not Policy.PUBLIC


def add_routes(app: web.Application, routes: Iterable[Route]) -> None:
    app[ENDPOINTS] = set()
    for route in routes:
        if not isinstance(route.policy, Policy):
            raise TypeError(f"{route.method} {route.path} declares no policy")
        endpoint = _endpoint(route)
        app[ENDPOINTS].add(endpoint)
        app.router.add_route(route.method, _with_shapes(route.path), endpoint)
        if route.method == "GET" and not route.path.startswith("/v1/"):
            app.router.add_route("HEAD", _with_shapes(route.path), endpoint)  # what watches a server asks so
    app.on_startup.append(_refuse_undeclared)


def _with_shapes(path: str) -> str:
    """What can be no id is none: `/v1/sessions/counts` is not what PATCH on `/v1/sessions/{id}` is about."""
    return _IDS.sub(rf"{{\1:{_ID_SHAPE}}}", path)


async def _refuse_undeclared(app: web.Application) -> None:
    for route in app.router.routes():
        if route.handler not in app[ENDPOINTS]:
            raise RuntimeError(f"{route.method} {route.resource} was added without a declaration")


def _endpoint(route: Route) -> Handler:
    async def endpoint(request: web.Request) -> web.StreamResponse:
        request[STARTED_S] = time.monotonic()
        await _admit(route, request)
        settings = state(request).settings
        if route.query is not None:
            request[http.QUERY] = http.read_query(request, route.query)
        if route.body is not None:
            request[http.BODY] = await http.read_json(
                request, route.body, limit_bytes=settings.body_bytes, timeout_s=settings.body_timeout_s
            )
        return await _handle(route, request)

    return endpoint


async def _handle(route: Route, request: web.Request) -> web.StreamResponse:
    """Once, however often a member sends the same POST with the same Idempotency-Key."""
    if not route.takes_idempotency_key:
        return await route.handler(request)
    key = idempotency.note(request, request[http.BODY] if route.body is not None else None)
    if key is None:
        return await route.handler(request)
    try:
        response = await route.handler(request)
    except idempotency.RepeatedError:
        return await idempotency.replay(request, key)
    await idempotency.keep(request, key, response)
    return response


async def _admit(route: Route, request: web.Request) -> None:
    if route.policy is Policy.MEMBER:
        scope = route.scope or ("read" if route.method in auth.SAFE_METHODS else "write")
        request[auth.MEMBER] = await auth.authenticate(request, scope, names_something=route.names_something)
    elif route.policy is Policy.PERSON:
        request[auth.PERSON] = await auth.authenticate_person(request)
    elif route.policy is Policy.ADMIN:
        request[auth.PERSON] = await auth.authenticate_admin(request)
    elif route.method not in auth.SAFE_METHODS:
        auth.refuse_other_sites(request)
    if route.limit is not None:
        await _limit(route.limit, request)


async def _limit(limit: RateLimit, request: web.Request) -> None:
    key = str(auth.user_id(request)) if limit.by == "member" else network_of(request)
    await state(request).limiter.check(limit, key)
