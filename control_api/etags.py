"""ETag and If-Match (RFC 9110 §13.1.1): an edit of what somebody else changed meanwhile is refused, not lost."""

from __future__ import annotations

import hashlib

import orjson
from aiohttp import web
from pydantic import BaseModel

from control_api.errors import PreconditionError
from control_api.http import respond


def etag_of(view: BaseModel) -> str:
    """Of what the client sees: the same document has the same tag, on every server."""
    document = orjson.dumps(view.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
    return f'"{hashlib.sha256(document).hexdigest()[:32]}"'


def respond_tagged(view: BaseModel, status: int = 200) -> web.Response:
    response = respond(view, status)
    response.headers["ETag"] = etag_of(view)
    return response


def check_if_match(request: web.Request, current: BaseModel) -> None:
    """To be asked while nobody else can change it; a request without If-Match takes what comes.

    Raises:
        PreconditionError
    """
    wanted = request.headers.get("If-Match")
    if wanted is None or wanted.strip() == "*":
        return
    if etag_of(current) not in {tag.strip() for tag in wanted.split(",")}:
        raise PreconditionError
