"""What can be refused, and the outermost middleware that turns every refusal into a problem document (RFC 9457).

Rules:
- `code` is stable: clients branch on it, never on the text. The class docstring is the default `detail`.
- A foreign id and a missing id are the same NotFound.
- What nobody expected becomes a 500 that carries an id and nothing else; the log line has the same id.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import traceback
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import ClassVar

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

from db import errors as db_errors

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER_S = 2
"""For those who come while something of ours is away."""
log = logging.getLogger(__name__)


class SettingsError(Exception):
    """A setting is missing or unreadable."""


class Refusal(Exception):
    """The request was refused."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "bad_request"

    def __init__(
        self,
        detail: str | None = None,
        *,
        retry_after_s: int | None = None,
        errors: list[dict[str, str]] | None = None,
    ) -> None:
        self.detail = detail or (type(self).__doc__ or "").strip()
        self.retry_after_s = retry_after_s
        self.errors = errors
        super().__init__(self.code)


class InvalidBodyError(Refusal):
    """The request does not have the expected fields."""

    status, code = 422, "invalid_request"


class UnreadableBodyError(Refusal):
    """The body is not JSON this service reads."""

    status, code = 400, "unreadable_body"


class BodyTooLargeError(Refusal):
    """The body is larger than 64 kB."""

    status, code = 413, "body_too_large"


class BodyTooSlowError(Refusal):
    """The body did not arrive in time."""

    status, code = 408, "body_too_slow"


class UnsupportedBodyError(Refusal):
    """Send JSON as application/json, without a content encoding."""

    status, code = 415, "unsupported_media_type"


class InvalidCursorError(Refusal):
    """The cursor does not come from this list."""

    status, code = 422, "invalid_cursor"


class NotSignedInError(Refusal):
    """Sign in first."""

    status, code = 401, "not_signed_in"


class WrongCredentialsError(Refusal):
    """E-mail and password do not match an account."""

    status, code = 401, "wrong_credentials"


class InvalidLinkError(Refusal):
    """This sign-in link is unknown, used or expired."""

    status, code = 401, "invalid_link"


class CrossSiteError(Refusal):
    """This request came from another site."""

    status, code = 403, "cross_site"


class ForbiddenError(Refusal):
    """Your role does not allow this."""

    status, code = 403, "forbidden"


class NotFoundError(Refusal):
    """There is nothing here, or not for you."""

    status, code = 404, "not_found"


class SummaryNotFoundError(Refusal):
    """The summary is written when the session is completed."""

    status, code = 404, "summary_not_found"


class SessionCompletedError(Refusal):
    """This session has ended."""

    status, code = 409, "session_completed"


class SummaryNotFailedError(Refusal):
    """Only a summary that failed is made again."""

    status, code = 409, "summary_not_failed"


class ConflictError(Refusal):
    """The resource is not in a state that allows this."""

    status, code = 409, "conflict"


class TooManyRequestsError(Refusal):
    """Too many requests: wait before the next one."""

    status, code = 429, "too_many_requests"


class NoMediaNodeError(Refusal):
    """No media node is running."""

    status, code = 503, "no_media_node"


class UnavailableError(Refusal):
    """The service cannot answer at the moment."""

    status, code = 503, "unavailable"


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    errors: list[dict[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
    instance: str | None = None,
) -> web.Response:
    """One RFC 9457 document; `instance` names the log line of an unexpected fault."""
    document: dict[str, object] = {
        "type": f"urn:liveconvo:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    if errors:
        document["errors"] = errors
    if instance:
        document["instance"] = instance
    return web.Response(status=status, body=orjson.dumps(document), content_type=PROBLEM_JSON, headers=headers)


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Outermost: whatever is raised below becomes a problem document."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return _refused(refusal)
    except db_errors.DbError as error:
        return _from_database(error)
    except web.HTTPException as error:
        return _from_aiohttp(error)
    except TimeoutError:
        return _refused(UnavailableError(retry_after_s=RETRY_AFTER_S))
    except ConnectionError:
        raise  # the client is gone: there is nobody to answer
    except asyncio.CancelledError:
        raise
    except Exception as error:  # noqa: BLE001 -- the edge of every request
        return _unexpected(request, error)


def route_of(request: web.Request) -> str:
    """The route's template, so that ids and tokens stay out of logs and metrics."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown"


def frames_of(error: BaseException) -> str:
    """Where it happened, without messages: those may quote what a person sent."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    return ">".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)


def _unexpected(request: web.Request, error: Exception) -> web.Response:
    fault_id = secrets.token_hex(8)
    log.error(
        "request failed fault_id=%s method=%s route=%s error=%s at=%s",
        fault_id,
        request.method,
        route_of(request),
        type(error).__name__,
        frames_of(error),
    )
    instance = f"urn:liveconvo:fault:{fault_id}"
    return problem(500, "internal_error", "Something failed on our side.", instance=instance)


def _from_database(error: db_errors.DbError) -> web.Response:
    if isinstance(error, db_errors.NotFoundError):
        return _refused(NotFoundError())
    if isinstance(error, db_errors.UnavailableError):
        return _refused(UnavailableError(retry_after_s=RETRY_AFTER_S))
    if isinstance(error, db_errors.ConflictError):
        return problem(409, error.code, ConflictError.__doc__ or "")
    if isinstance(error, db_errors.InvalidError):
        return problem(422, error.code, InvalidBodyError.__doc__ or "")
    raise error


def _from_aiohttp(error: web.HTTPException) -> web.Response:
    """aiohttp's own refusals: unknown route, wrong method, oversized header."""
    code = HTTPStatus(error.status).phrase.lower().replace(" ", "_").replace("-", "_")
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
    return problem(error.status, code, HTTPStatus(error.status).description or error.reason, headers=headers)


def _refused(refusal: Refusal) -> web.Response:
    headers: dict[str, str] = {}
    if refusal.retry_after_s is not None:
        headers["Retry-After"] = str(refusal.retry_after_s)
    if refusal.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="liveconvo"'
    if refusal.status in {408, 413}:
        headers["Connection"] = "close"  # the rest of the body is never read
    return problem(refusal.status, refusal.code, refusal.detail, errors=refusal.errors, headers=headers)
