"""What a route declares, and the endpoint that holds it to that.

A route says who may call it, what it reads and what it answers. The endpoint checks policy, rate limit, body and query
before the handler runs; the API's description is generated from the same declaration. A handler that was added to the
router without one stops the server from starting.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from aiohttp import web
from pydantic import BaseModel

from control_api import auth, http
from control_api.errors import Refusal
from control_api.limits import RateLimit
from control_api.state import state

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
STARTED_S = web.RequestKey("started_s", float)
ENDPOINTS = web.AppKey("endpoints", set[object])


class Policy(Enum):
    PUBLIC = "public"
    """Nobody is known yet; what is asked for carries its own credential, or is for everybody."""
    MEMBER = "member"
    """A signed-in person, acting in the current organization."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    method: str
    path: str
    handler: Handler
    policy: Policy
    summary: str
    tag: str
    status: int = 200
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    response: type[BaseModel] | None = None
    errors: tuple[type[Refusal], ...] = ()
    limit: RateLimit | None = None
    is_described: bool = True
    """Whether it is part of the API, and not a page or a probe."""


def add_routes(app: web.Application, routes: Iterable[Route]) -> None:
    app[ENDPOINTS] = set()
    for route in routes:
        if not isinstance(route.policy, Policy):
            raise TypeError(f"{route.method} {route.path} declares no policy")
        endpoint = _endpoint(route)
        app[ENDPOINTS].add(endpoint)
        app.router.add_route(route.method, route.path, endpoint)
    app.on_startup.append(_refuse_undeclared)


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
        return await route.handler(request)

    return endpoint


async def _admit(route: Route, request: web.Request) -> None:
    if route.policy is Policy.MEMBER:
        request[auth.MEMBER] = await auth.authenticate(request)
    elif route.method not in auth.SAFE_METHODS:
        auth.refuse_other_sites(request)
    if route.limit is not None:
        await _limit(route.limit, request)


async def _limit(limit: RateLimit, request: web.Request) -> None:
    key = str(auth.member(request).user_id) if limit.by == "member" else (request.remote or "")
    await state(request).limiter.check(limit, key)
