"""The routes of documents."""

from __future__ import annotations

from control_api import errors, limits
from control_api.documents import handlers
from control_api.documents.kinds import KINDS
from control_api.documents.models import (
    DocumentEdit,
    Documents,
    DocumentText,
    DocumentView,
    PassageQuery,
    Passages,
    UploadQuery,
)
from control_api.routing import Policy, Route

MEMBER = Policy.MEMBER
_ALL = "/v1/sessions/{id}/documents"
_ONE = f"{_ALL}/{{document_id}}"
_READ = (errors.NotFoundError,)
_CHANGE = (errors.NotFoundError, errors.ForbiddenError)

DOCUMENTS = (
    Route(
        method="POST",
        path=_ALL,
        handler=handlers.upload_document,
        policy=MEMBER,
        summary="Give a file to a session: the body is the file; for the session's creator",
        tag="documents",
        status=201,
        query=UploadQuery,
        upload=("application/octet-stream",),
        response=DocumentView,
        errors=(
            *_CHANGE,
            errors.FileTooLargeError,
            errors.UploadTooSlowError,
            errors.UnsupportedFileError,
            errors.EmptyFileError,
            errors.DocumentLimitError,
            errors.NoFilesError,
        ),
        limit=limits.UPLOAD,
    ),
    Route(
        method="GET",
        path=_ALL,
        handler=handlers.list_documents,
        policy=MEMBER,
        summary="A session's documents, oldest first",
        tag="documents",
        response=Documents,
        errors=_READ,
    ),
    Route(
        method="GET",
        path=_ONE,
        handler=handlers.get_document,
        policy=MEMBER,
        summary="One document, and whether it was read",
        tag="documents",
        response=DocumentView,
        errors=_READ,
    ),
    Route(
        method="PATCH",
        path=_ONE,
        handler=handlers.rename_document,
        policy=MEMBER,
        summary="Call it something else",
        tag="documents",
        body=DocumentEdit,
        response=DocumentView,
        errors=_CHANGE,
    ),
    Route(
        method="DELETE",
        path=_ONE,
        handler=handlers.delete_document,
        policy=MEMBER,
        summary="Remove it, what it says, and its file",
        tag="documents",
        status=204,
        errors=_CHANGE,
    ),
    Route(
        method="GET",
        path=f"{_ONE}/text",
        handler=handlers.get_document_text,
        policy=MEMBER,
        summary="What it says",
        tag="documents",
        response=DocumentText,
        errors=_READ,
    ),
    Route(
        method="GET",
        path=f"{_ONE}/file",
        handler=handlers.download_document,
        policy=MEMBER,
        summary="The file, to be saved",
        tag="documents",
        media_types=tuple(kind.media_type for kind in KINDS.values()),
        errors=(*_READ, errors.FileGoneError, errors.FileNotReadyError, errors.NoFilesError),
        limit=limits.DOWNLOAD,
    ),
    Route(
        method="GET",
        path="/v1/sessions/{id}/passages",
        handler=handlers.find_passages,
        policy=MEMBER,
        summary="What the session's documents say about something, and those of the earlier sessions it names",
        tag="documents",
        query=PassageQuery,
        response=Passages,
        errors=_READ,
        limit=limits.FIND_PASSAGES,
    ),
)
