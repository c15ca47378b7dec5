"""Documents over HTTP: the file is the body, and goes from the socket to where files are kept.

Rules:
- Whose session it is gives it documents; every reader of the session reads them; who gave one, and the organization's
  owner and admins, rename and delete it.
- What was uploaded is looked at in the worker; a download is never shown by a browser, and never before a scanner that
  there is has looked.
"""

from __future__ import annotations

from urllib.parse import quote
from uuid import UUID, uuid4

from aiohttp import web

from control_api import idempotency
from control_api.access import MANAGERS, as_member, as_user, own_session, readable_session
from control_api.auth import member
from control_api.documents.kinds import KINDS, Kind, kind_of
from control_api.documents.models import (
    DocumentEdit,
    Documents,
    DocumentText,
    DocumentView,
    PassageQuery,
    Passages,
    PassageView,
    UploadQuery,
)
from control_api.errors import (
    DocumentLimitError,
    FileGoneError,
    FileNotReadyError,
    ForbiddenError,
    NoFilesError,
    NotFoundError,
)
from control_api.http import body, path_id, query, respond
from control_api.state import state
from control_api.storage import FileMissingError, Storage
from control_api.taking import MEGABYTE, Upload
from db import documents, jobs, passages
from db.documents import Document, Limits
from db.pool import Connection
from db.records import Member

FILE_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"


async def upload_document(request: web.Request) -> web.Response:
    asked, who, storage = query(request, UploadQuery), member(request), _storage(request)
    session_id, settings = path_id(request), state(request).settings.uploads
    key = f"documents/{uuid4()}"
    async with as_user(request, who.user_id) as conn:
        await own_session(conn, who, session_id)
        limits = await _room_for(conn, request, session_id, 0)
        upload = Upload(lambda head: kind_of(head, asked.name), _limit_bytes(limits, settings.file_mb), settings)
        upload.check(request)
        await documents.expect_upload(conn, key)
    try:
        await storage.write(key, upload.pieces(request))
        idempotency.note_file(request, upload.digest)
        given = await _give(request, session_id, upload, asked.name, key)
    except BaseException:
        await storage.remove(key)
        raise
    return respond(DocumentView.of(given), 201)


async def list_documents(request: web.Request) -> web.Response:
    async with as_member(request) as conn:
        session = await readable_session(conn, member(request), path_id(request))
        found = await documents.list_documents(conn, session.id)
    return respond(Documents(documents=[DocumentView.of(each) for each in found]))


async def get_document(request: web.Request) -> web.Response:
    async with as_member(request) as conn:
        found = await _readable(conn, request)
    return respond(DocumentView.of(found))


async def rename_document(request: web.Request) -> web.Response:
    name = body(request, DocumentEdit).name
    async with as_member(request) as conn:
        found = await _changeable(conn, request)
        renamed = await documents.rename_document(conn, found.id, name)
    return respond(DocumentView.of(renamed))


async def delete_document(request: web.Request) -> web.Response:
    async with as_member(request) as conn:
        found = await _changeable(conn, request)
        await documents.delete_document(conn, found.id)
    return respond(None)


async def get_document_text(request: web.Request) -> web.Response:
    async with as_member(request) as conn:
        found = await _readable(conn, request)
        text = await documents.read_text(conn, found.id)
    return respond(DocumentText(text=text))


async def download_document(request: web.Request) -> web.StreamResponse:
    storage = _storage(request)
    async with as_member(request) as conn:
        found = await _readable(conn, request)
    if found.file_url is None:
        raise FileGoneError
    scanner = state(request).settings.scanner
    if (scanner.clamd or scanner.command) and found.processing_status in {"pending", "processing"}:
        raise FileNotReadyError(retry_after_s=2)
    pieces = storage.read(found.file_url)
    try:
        first = await anext(pieces, b"")
    except FileMissingError:
        raise FileGoneError from None
    response = web.StreamResponse(headers=_headers(found))
    response.content_length = found.file_size_bytes
    await response.prepare(request)
    await response.write(first)
    async for piece in pieces:
        await response.write(piece)
    await response.write_eof()
    return response


async def find_passages(request: web.Request) -> web.Response:
    asked = query(request, PassageQuery)
    async with as_member(request) as conn:
        session = await readable_session(conn, member(request), path_id(request))
        found = await passages.find_passages(conn, session.id, asked.q, asked.limit)
    return respond(Passages(passages=[PassageView.model_validate(each) for each in found]))


async def _give(request: web.Request, session_id: UUID, upload: Upload[Kind], name: str, key: str) -> Document:
    """The row and the job that reads the file; counted again, for others may have been quicker."""
    who = member(request)
    if upload.kind is None:
        raise TypeError("the upload was not read")
    async with as_member(request) as conn:
        await own_session(conn, who, session_id)
        await documents.hold_count(conn, who.organization_id)
        await _room_for(conn, request, session_id, upload.size_bytes)
        given = await documents.insert_document(
            conn,
            documents.NewDocument(session_id, who.user_id, name, upload.kind.name, upload.size_bytes, key),
        )
        await jobs.enqueue(conn, documents.READ_DOCUMENT, str(given.id).encode())
    return given


async def _room_for(conn: Connection, request: web.Request, session_id: UUID, size_bytes: int) -> Limits:
    """
    Raises:
        DocumentLimitError: there is none for one more file of this size.
    """
    who, settings = member(request), state(request).settings.uploads
    limits = await documents.get_limits(conn, who.organization_id, who.user_id)
    held = await documents.count_held(conn, who.organization_id, session_id)
    if limits.per_session is not None and held.in_session >= limits.per_session:
        raise DocumentLimitError(f"This plan allows {limits.per_session} documents a session.")
    if held.in_organization >= settings.files_per_organization:
        raise DocumentLimitError(f"An organization has {settings.files_per_organization} documents at most.")
    if held.bytes_in_organization + size_bytes > settings.mb_per_organization * MEGABYTE:
        raise DocumentLimitError(f"An organization's documents have {settings.mb_per_organization} MB at most.")
    return limits


def _limit_bytes(limits: Limits, file_mb: int) -> int:
    return MEGABYTE * (file_mb if limits.file_mb is None else min(file_mb, limits.file_mb))


async def _readable(conn: Connection, request: web.Request) -> Document:
    session = await readable_session(conn, member(request), path_id(request))
    found = await documents.get_document(conn, path_id(request, "document_id"))
    if found.session_id != session.id:
        raise NotFoundError
    return found


async def _changeable(conn: Connection, request: web.Request) -> Document:
    found = await _readable(conn, request)
    if not _may_change(member(request), found):
        raise ForbiddenError
    return found


def _may_change(who: Member, document: Document) -> bool:
    return document.user_id == who.user_id or who.role in MANAGERS


def _headers(document: Document) -> dict[str, str]:
    """For saving under its name, whatever that is."""
    kind = KINDS.get(document.file_type)
    plain = f"document-{document.id}.{document.file_type}"
    return {
        "Content-Type": kind.media_type if kind else "application/octet-stream",
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''"
        + quote(document.original_filename, safe=""),
        "Content-Security-Policy": FILE_POLICY,
    }


def _storage(request: web.Request) -> Storage:
    storage = state(request).storage
    if storage is None:
        raise NoFilesError
    return storage
