"""The route of exports."""

from __future__ import annotations

from control_api import errors, limits
from control_api.exports import handlers
from control_api.routing import Policy, Route

EXPORTS = (
    Route(
        method="GET",
        path="/v1/sessions/{id}/export",
        handler=handlers.export_session,
        policy=Policy.MEMBER,
        summary="A session as a file: Markdown, text, JSON, WebVTT, SubRip, PDF or DOCX",
        tag="sessions",
        query=handlers.ExportQuery,
        media_types=tuple(kind.media_type for kind in handlers.KINDS.values()),
        errors=(errors.NotFoundError, errors.ExportTooLongError, errors.ExportFailedError),
        limit=limits.EXPORT_SESSION,
    ),
)
