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
from collections.abc import Awaitable, Mapping
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
        numbers: Mapping[str, int] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.headers = headers or {}
        self.detail = detail or (type(self).__doc__ or "").strip()
        self.numbers = numbers
        """What a limit is and what is used of it."""
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


class FileTooLargeError(Refusal):
    """The file is larger than this plan allows."""

    status, code = 413, "file_too_large"


class UploadTooSlowError(Refusal):
    """The file did not arrive in time."""

    status, code = 408, "upload_too_slow"


class UnsupportedFileError(Refusal):
    """Send the file itself as the body: PDF, Word (docx), text, Markdown, CSV, JSON, PNG or JPEG."""

    status, code = 415, "unsupported_file"


class UnsupportedRecordingError(UnsupportedFileError):
    """Send the recording itself as the body: Ogg, WAV, FLAC, MP3, AAC, MP4, QuickTime, WebM or Matroska."""

    code = "unsupported_recording"


class SessionNotDraftError(Refusal):
    """A recording is given to a session that has had no call."""

    status, code = 409, "session_not_draft"


class RecordingProcessingError(Refusal):
    """A recording of this session is being written down."""

    status, code = 409, "recording_processing"


class RecordingLimitError(Refusal):
    """There are as many recordings as are allowed."""

    status, code = 409, "recording_limit"


class EmptyFileError(Refusal):
    """The file is empty."""

    status, code = 422, "empty_file"


class DocumentLimitError(Refusal):
    """There are as many documents as are allowed."""

    status, code = 409, "document_limit"


class FileNotReadyError(Refusal):
    """The virus scanner has not looked at this file yet."""

    status, code = 409, "file_not_scanned"


class FileGoneError(Refusal):
    """The file was removed."""

    status, code = 410, "file_gone"


class NoFilesError(Refusal):
    """This installation keeps no files."""

    status, code = 503, "no_files"


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
    """This link is unknown, used or expired."""

    status, code = 401, "invalid_link"


class SetupRequiredError(Refusal):
    """You are in no organization yet: create one, or accept an invitation."""

    status, code = 403, "setup_required"


class ScopeError(Refusal):
    """This API key does not allow this."""

    status, code = 403, "insufficient_scope"


class NotForProgramsError(Refusal):
    """This is for people who are signed in, not for API keys."""

    status, code = 403, "not_for_programs"


class PreconditionError(Refusal):
    """It was changed since you read it: read it again."""

    status, code = 412, "precondition_failed"


class GoogleNotSetError(Refusal):
    """This installation offers no sign-in with Google."""

    status, code = 404, "google_not_set"


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


class AdministratorsOnlyError(Refusal):
    """This is for administrators of the installation."""

    status, code = 403, "administrators_only"


class DoorNeededError(Refusal):
    """Open a door to this organization first, with a reason."""

    status, code = 403, "door_needed"


class NoApiAccessError(Refusal):
    """The plan of this organization has no API keys."""

    status, code = 403, "no_api_access"


class SessionLimitError(Refusal):
    """The organization has made all the sessions that its plan, or its own limit, allows this month."""

    status, code = 403, "session_limit"


class MemberSessionLimitError(Refusal):
    """You have made all the sessions that you may make this month."""

    status, code = 403, "member_session_limit"


class AudioLimitError(Refusal):
    """The minutes of this month are used up."""

    status, code = 403, "audio_limit"


class NothingToChangeError(Refusal):
    """Name at least one field to change."""

    status, code = 422, "nothing_to_change"


class TemplateContentError(Refusal):
    """The playbook's cues, prompts and bands are not as they should be."""

    status, code = 422, "invalid_template"


class WebhookUrlError(Refusal):
    """The url must be a public https address."""

    status, code = 422, "webhook_url_refused"


class LinkGoneError(Refusal):
    """This link has expired or was taken back."""

    status, code = 410, "link_gone"


class VersionNeededError(Refusal):
    """Say in If-Match which version you have read."""

    status, code = 428, "version_needed"


class RepeatedDifferentlyError(Refusal):
    """This Idempotency-Key was used for another request."""

    status, code = 422, "idempotency_key_reused"


class BadIdempotencyKeyError(Refusal):
    """An Idempotency-Key has 8 to 200 visible ASCII characters."""

    status, code = 400, "bad_idempotency_key"


class RepeatedTooSoonError(Refusal):
    """The request with this Idempotency-Key was carried out; its answer is not there yet, or was lost."""

    status, code = 409, "idempotency_answer_missing"


class NoLanguageModelError(Refusal):
    """This installation has no language model."""

    status, code = 404, "no_language_model"


class LanguageModelFailedError(Refusal):
    """The language model gave no usable answer: try again later."""

    status, code = 503, "language_model_failed"


class RecordingMissingError(Refusal):
    """The recording's file is gone, or this installation keeps no files."""

    status, code = 404, "recording_missing"


class RangeError(Refusal):
    """The file has no such bytes."""

    status, code = 416, "range_not_satisfiable"


class ExportTooLongError(Refusal):
    """This session has too many lines for this format: take it as text, Markdown or JSON."""

    status, code = 422, "export_too_long"


class ExportFailedError(Refusal):
    """The file could not be written in time: take another format, or try again."""

    status, code = 503, "export_failed"


class TooManyRequestsError(Refusal):
    """Too many requests: wait before the next one."""

    status, code = 429, "too_many_requests"


class NoMediaNodeError(Refusal):
    """No media node is running."""

    status, code = 503, "no_media_node"


class TooManyFollowersError(Refusal):
    """Too many follow this session, or others, at the moment: come back later."""

    status, code = 503, "too_many_followers"


class NoWebSocketError(Refusal):
    """This is a WebSocket: ask for the upgrade."""

    status, code = 400, "no_websocket"


class NoLiveCallError(Refusal):
    """Nobody is in a call of this session."""

    status, code = 409, "no_live_call"


class ParticipantAwayError(Refusal):
    """Nobody of that id, or of that role, is in the call."""

    status, code = 409, "no_participant"


class MutedByThemselvesError(Refusal):
    """They muted themselves, and nobody else unmutes them."""

    status, code = 409, "muted_by_themselves"


class CallNotStartedError(Refusal):
    """Nobody has been heard in this call yet."""

    status, code = 409, "not_started"


class NotCoachedError(Refusal):
    """This session grants them no guidance."""

    status, code = 409, "not_coached"


class CommandNotKeptError(Refusal):
    """The call's server cannot keep anything at the moment, so nothing was changed."""

    status, code = 503, "command_not_kept"


class CommandFailedError(Refusal):
    """The call's server did not carry this out."""

    status, code = 409, "command_failed"


class UnavailableError(Refusal):
    """The service cannot answer at the moment."""

    status, code = 503, "unavailable"


REFUSED_AS: dict[str, type[Refusal]] = {
    "share_link_expired": LinkGoneError,
    "revision_changed": PreconditionError,
    "audio_limit": AudioLimitError,
    "recordings_processing_key": RecordingProcessingError,
    "session_limit": SessionLimitError,
    "member_session_limit": MemberSessionLimitError,
}
"""Rules of the database that HTTP has a status of its own for."""
CONFLICTS: dict[str, str] = {
    "already_member": "Whoever has this address is a member already.",
    "email_verified": "This address is proven already.",
    "free_plan": "The free plan is what everybody begins with; it stays on offer.",
    "not_an_owner": "Only an owner makes owners.",
    "own_account": "Nobody deactivates their own account; let another administrator do it.",
    "paid_by_stripe": "This organization pays by Stripe: change its plan there.",
    "plans_name_key": "There is a plan of this name.",
    "user_inactive": "This account is deactivated.",
    "verification_not_requested": "Nobody asked for this organization to be verified.",
    "invitation_not_yours": "This invitation is for another address, or yours is not confirmed yet.",
    "invitation_state": "This invitation was accepted, declined or taken back.",
    "invitation_expired": "This invitation has expired; ask for another one.",
    "member_limit": "No seat is free.",
    "member_state": "This member is not active, or is the owner already.",
    "organization_exists": "Nobody owns two organizations.",
    "organization_invitations_pending_key": "This address has an invitation that waits.",
    "organization_needs_owner": "An organization keeps an owner; hand it over first.",
    "organization_verified": "The organization is verified already.",
    "session_live": "Somebody speaks in this session; end it first.",
    "session_state": "The session is not in a state that allows this.",
    "sole_owner": "Organizations of which you are the only owner: hand them over, or close them, first.",
    "summary_state": "The summary is not written yet, or is being written anew.",
    "template_not_shared": "Only what the organization shares is published.",
    "too_many_invitations": "Fifty invitations wait; take one back first.",
    "too_many_webhook_endpoints": "Ten webhooks are the most; take one away first.",
    "webhook_delivery_waits": "It waits for its next attempt as it is.",
}
"""What the database's refusals mean, for people; the code is what clients branch on."""


async def code_of(work: Awaitable[None]) -> str | None:
    """The code of what work of many was refused with; None: it was done. Our own faults are not caught."""
    try:
        await work
    except Refusal as refusal:
        return refusal.code
    except db_errors.NotFoundError:
        return NotFoundError.code
    except (db_errors.ConflictError, db_errors.InvalidError) as error:
        return error.code
    return None


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    errors: list[dict[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
    instance: str | None = None,
    numbers: Mapping[str, int] | None = None,
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
    document |= numbers or {}
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
    if error.code in REFUSED_AS:
        return _refused(REFUSED_AS[error.code](numbers=error.numbers))
    if isinstance(error, db_errors.ConflictError):
        return problem(409, error.code, CONFLICTS.get(error.code) or ConflictError.__doc__ or "")
    if isinstance(error, db_errors.InvalidError):
        return problem(422, error.code, InvalidBodyError.__doc__ or "")
    raise error


def _from_aiohttp(error: web.HTTPException) -> web.Response:
    """aiohttp's own refusals: unknown route, wrong method, oversized header."""
    code = HTTPStatus(error.status).phrase.lower().replace(" ", "_").replace("-", "_")
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
    return problem(error.status, code, HTTPStatus(error.status).description or error.reason, headers=headers)


def _refused(refusal: Refusal) -> web.Response:
    headers = dict(refusal.headers)
    if refusal.retry_after_s is not None:
        headers["Retry-After"] = str(refusal.retry_after_s)
    if refusal.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="liveconvo"'
    if refusal.status in {408, 413}:
        headers["Connection"] = "close"  # the rest of the body is never read
    return problem(
        refusal.status,
        refusal.code,
        refusal.detail,
        errors=refusal.errors,
        headers=headers,
        numbers=refusal.numbers,
    )
