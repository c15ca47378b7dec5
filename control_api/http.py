"""The body in, the answer out, and the cursor between two pages: what every handler shares.

Bodies and queries are pydantic models that forbid unknown fields; a route declares them, its endpoint reads them
before the handler runs, and the handler takes them from the request.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from control_api import strict_json
from control_api.errors import (
    BodyTooLargeError,
    BodyTooSlowError,
    InvalidBodyError,
    InvalidCursorError,
    NotFoundError,
    UnreadableBodyError,
    UnsupportedBodyError,
)

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
BODY = web.RequestKey("body", BaseModel)
QUERY = web.RequestKey("query", BaseModel)


class Body(BaseModel):
    """What a client sends: nothing but the declared fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Query(BaseModel):
    """What a client asks for in the address: text, so numbers are read from it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class View(BaseModel):
    """What a client gets: an allow-list of fields, filled from records by name."""

    model_config = ConfigDict(frozen=True, from_attributes=True, extra="ignore")


async def read_json(request: web.Request, model: type[M], *, limit_bytes: int, timeout_s: float) -> M:
    """The validated body, read by ourselves: aiohttp's own readers bound neither a multipart preamble nor the time."""
    if request.headers.get("Content-Encoding", "identity") != "identity" or request.content_type != "application/json":
        raise UnsupportedBodyError
    raw = await _read_bounded(request, limit_bytes, timeout_s)
    try:
        strict_json.parse(raw)
    except ValueError as error:
        raise UnreadableBodyError(f"{error}.") from None
    return _validated(lambda: model.model_validate_json(raw))


def read_query(request: web.Request, model: type[M]) -> M:
    """The validated query; a name given twice is as wrong as an unknown one."""
    if len(request.query) != len(set(request.query)):
        raise InvalidBodyError("A query parameter is given twice.")
    if any("\x00" in value for value in request.query.values()):
        raise InvalidBodyError("A query parameter holds a NUL.")
    return _validated(lambda: model.model_validate(dict(request.query)))


def body(request: web.Request, model: type[M]) -> M:
    """The body that the endpoint has read."""
    return _declared(request[BODY], model)


def query(request: web.Request, model: type[M]) -> M:
    """The query that the endpoint has read."""
    return _declared(request[QUERY], model)


def path_id(request: web.Request, name: str = "id") -> UUID:
    """The id in the path; what is no UUID names nothing."""
    try:
        return UUID(request.match_info[name])
    except ValueError:
        raise NotFoundError from None


def respond(view: BaseModel | None, status: int = 200) -> web.Response:
    """The answer, never kept by a cache on the way."""
    headers = {"Cache-Control": "no-store"}
    if view is None:
        return web.Response(status=204, headers=headers)
    return web.Response(
        status=status,
        body=view.__pydantic_serializer__.to_json(view),
        content_type="application/json",
        headers=headers,
    )


_Place = TypeAdapter(tuple[datetime, UUID])
_NamedPlace = TypeAdapter(tuple[str, UUID])


def to_cursor(created_at: datetime, row_id: UUID) -> str:
    """Where the next page begins: opaque to clients, worthless to strangers."""
    return _cursor(created_at, row_id)


def to_name_cursor(name: str, row_id: UUID) -> str:
    """The same for what comes in the order of its names."""
    return _cursor(name, row_id)


def from_cursor(cursor: str | None) -> tuple[datetime, UUID] | None:
    if cursor is None:
        return None
    created_at, row_id = _place(cursor, _Place)
    if created_at.tzinfo is None:
        raise InvalidCursorError
    return created_at, row_id


def from_name_cursor(cursor: str | None) -> tuple[str, UUID] | None:
    if cursor is None:
        return None
    name, row_id = _place(cursor, _NamedPlace)
    if "\x00" in name:
        raise InvalidCursorError
    return name, row_id


def _cursor(place: datetime | str, row_id: UUID) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([place, str(row_id)])).decode().rstrip("=")


def _place(cursor: str, adapter: TypeAdapter[T]) -> T:
    try:
        return adapter.validate_json(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValidationError, ValueError):
        raise InvalidCursorError from None


async def _read_bounded(request: web.Request, limit_bytes: int, timeout_s: float) -> bytes:
    if (request.content_length or 0) > limit_bytes:
        raise BodyTooLargeError
    chunks = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            async for chunk in request.content.iter_any():
                chunks += chunk
                if len(chunks) > limit_bytes:
                    raise BodyTooLargeError
    except TimeoutError:
        raise BodyTooSlowError from None
    return bytes(chunks)


def _validated(validate: Callable[[], M]) -> M:
    try:
        return validate()
    except ValidationError as error:
        faults = [
            {
                "field": ".".join(str(part) for part in fault["loc"])[:100] or "body",
                "message": fault["msg"].removeprefix("Value error, "),
            }
            for fault in error.errors(include_input=False, include_url=False, include_context=False)
        ]
        raise InvalidBodyError(errors=faults[:20]) from None


def _declared(value: BaseModel, model: type[M]) -> M:
    if not isinstance(value, model):
        raise TypeError(f"the route declares {type(value).__name__}, its handler reads {model.__name__}")
    return value
