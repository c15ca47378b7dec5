"""The routes of recordings."""

from __future__ import annotations

from control_api import errors, limits
from control_api.recordings import handlers
from control_api.routing import Policy, Route

_RECORDINGS = "/v1/sessions/{id}/recordings"

RECORDINGS = (
    Route(
        method="GET",
        path=_RECORDINGS,
        handler=handlers.list_recordings,
        policy=Policy.MEMBER,
        summary="What was recorded, in the order in which it began",
        tag="recordings",
        response=handlers.RecordingList,
        errors=(errors.NotFoundError,),
    ),
    Route(
        method="GET",
        path=f"{_RECORDINGS}/{{recording_id}}",
        handler=handlers.get_recording,
        policy=Policy.MEMBER,
        summary="A recording's file, or the part that Range asks for (206)",
        tag="recordings",
        media_types=(*handlers.SUFFIXES, handlers.UNKNOWN),
        errors=(errors.NotFoundError, errors.RecordingMissingError, errors.RangeError),
        limit=limits.RECORDING,
    ),
)
