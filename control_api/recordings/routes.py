"""The routes of recordings."""

from __future__ import annotations

from control_api import errors, limits
from control_api.recordings import giving, handlers
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
        method="POST",
        path=_RECORDINGS,
        handler=giving.give_recording,
        policy=Policy.MEMBER,
        summary="Give a recording to a session that had no call: the body is the file; it is written down like a call",
        tag="recordings",
        status=202,
        query=giving.RecordingQuery,
        upload=("application/octet-stream",),
        response=handlers.RecordingView,
        errors=(
            errors.NotFoundError,
            errors.ForbiddenError,
            errors.SessionNotDraftError,
            errors.RecordingProcessingError,
            errors.RecordingLimitError,
            errors.AudioLimitError,
            errors.FileTooLargeError,
            errors.UploadTooSlowError,
            errors.UnsupportedRecordingError,
            errors.EmptyFileError,
            errors.NoFilesError,
        ),
        limit=limits.UPLOAD_RECORDING,
    ),
    Route(
        method="DELETE",
        path=f"{_RECORDINGS}/{{recording_id}}",
        handler=giving.delete_recording,
        policy=Policy.MEMBER,
        summary="Remove it and its file; of one that was given also what was written down of it, and the summary",
        tag="recordings",
        status=204,
        errors=(errors.NotFoundError, errors.ForbiddenError),
    ),
    Route(
        method="GET",
        path=f"{_RECORDINGS}/{{recording_id}}",
        handler=handlers.get_recording,
        policy=Policy.MEMBER,
        summary="A recording's file, or the part that Range asks for (206)",
        tag="recordings",
        media_types=(*handlers.SUFFIXES, handlers.UNKNOWN),
        errors=(errors.NotFoundError, errors.RecordingMissingError, errors.RangeError, errors.FileNotReadyError),
        limit=limits.RECORDING,
    ),
)
