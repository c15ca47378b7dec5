"""WHIP-shaped signalling (RFC 9725): POST an offer with a ticket, get an answer and a resource to DELETE."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from uuid import UUID

import orjson
from aiohttp import hdrs, web

from media_server.calls import Calls
from media_server.errors import (
    BodyTimeoutError,
    MediaError,
    OfferTooLargeError,
    OfferTypeError,
    SessionUnknownError,
    TicketError,
    TrickleUnsupportedError,
)
from media_server.settings import Settings

log = logging.getLogger(__name__)

CALLS = web.AppKey("calls", Calls)
SETTINGS = web.AppKey("settings", Settings)

UNREAD_S = 10
"""How long an answer may wait for its reader."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_routes(app: web.Application) -> None:
    app.router.add_route("OPTIONS", "/whip/{rest:.*}", preflight)
    app.router.add_post("/whip/{session_id}", post_offer)
    app.router.add_delete("/whip/{session_id}/{resource_id}", delete_resource)
    app.router.add_patch("/whip/{session_id}/{resource_id}", patch_resource)


async def post_offer(request: web.Request) -> web.Response:
    session_id, token = _session_id(request), _bearer(request)
    offer = await _read_offer(request)
    resource_id, answer = await request.app[CALLS].join(session_id, token, offer)
    return web.Response(
        status=201,
        text=answer,
        content_type="application/sdp",
        headers={hdrs.LOCATION: f"/whip/{session_id}/{resource_id}"},
    )


async def delete_resource(request: web.Request) -> web.Response:
    request.app[CALLS].leave(_session_id(request), request.match_info["resource_id"], _bearer(request))
    return web.Response()


async def patch_resource(request: web.Request) -> web.Response:
    request.app[CALLS].resource(_session_id(request), request.match_info["resource_id"], _bearer(request))
    raise TrickleUnsupportedError


def _session_id(request: web.Request) -> UUID:
    try:
        return UUID(request.match_info["session_id"])
    except ValueError as error:
        raise SessionUnknownError from error


def _bearer(request: web.Request) -> str:
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise TicketError
    return token.strip()


async def _read_offer(request: web.Request) -> str:
    limits = request.app[SETTINGS].limits
    if request.content_type != "application/sdp" or hdrs.CONTENT_ENCODING in request.headers:
        raise OfferTypeError
    body = bytearray()
    try:
        async with asyncio.timeout(limits.body_s):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > limits.offer_bytes:
                    raise OfferTooLargeError(f"An offer may have {limits.offer_bytes} bytes.")
    except TimeoutError as error:
        raise BodyTimeoutError from error
    return body.decode("utf-8", "replace")


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Outermost: every refusal is a problem document (RFC 9457), and CORS answers the public origin only."""
    _wait_no_longer_than(UNREAD_S, request)
    try:
        response = await handler(request)
    except MediaError as error:
        response = _problem(error.status, error.code, str(error))
        if error.status == 503:
            response.headers[hdrs.RETRY_AFTER] = "2"
    except web.HTTPException as error:
        response = _problem(error.status, "http_" + str(error.status), error.reason)
    except Exception as error:
        log.exception("request failed kind=%s", type(error).__name__)
        response = _problem(500, "internal", "Something went wrong here; try again.")
    _allow_origin(request, response)
    return response


def _wait_no_longer_than(seconds: int, request: web.Request) -> None:
    """A connection whose other side is gone, or does not read, is closed by the system (TCP_USER_TIMEOUT)."""
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * seconds)


def _problem(status: int, code: str, detail: str) -> web.Response:
    body = {"type": "about:blank", "title": code.replace("_", " "), "status": status, "detail": detail, "code": code}
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/problem+json")


def _allow_origin(request: web.Request, response: web.StreamResponse) -> None:
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None or origin != request.app[SETTINGS].public_origin:
        return
    response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
    response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = "Location"
    response.headers[hdrs.VARY] = "Origin"


async def preflight(request: web.Request) -> web.Response:
    return web.Response(
        status=204,
        headers={
            hdrs.ACCESS_CONTROL_ALLOW_METHODS: "POST, DELETE, PATCH",
            hdrs.ACCESS_CONTROL_ALLOW_HEADERS: "Authorization, Content-Type",
            hdrs.ACCESS_CONTROL_MAX_AGE: "600",
        },
    )
