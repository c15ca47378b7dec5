"""Files that were given to a session: pending → processing → completed or failed, by the jobs role.

Rules:
- Whose session it is gives them. One that was deleted, and those of a deleted session, are not there, for jobs either.
- A failed one, or one whose worker died, may be claimed again; a completed one stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from db.errors import NotFoundError
from db.pool import Connection


@dataclass(frozen=True, slots=True)
class Document:
    """Without its words: they may be long."""

    id: UUID
    session_id: UUID
    user_id: UUID
    organization_id: UUID
    original_filename: str
    file_type: str
    file_size_bytes: int
    file_url: str | None
    processing_status: str
    processing_error: str | None
    ocr_confidence_score: Decimal | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewDocument:
    session_id: UUID
    user_id: UUID
    original_filename: str
    file_type: str
    file_size_bytes: int
    file_url: str | None = None


async def insert_document(conn: Connection, new: NewDocument) -> Document:
    """
    Raises:
        NotFoundError: `user_id` is not the one who acts, or has no such session.
        InvalidError
    """
    row = await conn.fetchrow(
        """
        INSERT INTO documents (
            session_id, user_id, organization_id, original_filename, file_type, file_size_bytes, file_url
        )
        SELECT id, user_id, organization_id, $3, $4, $5, $6
        FROM sessions
        WHERE id = $1
            AND user_id = $2
            AND deleted_at IS NULL
        RETURNING
            id, session_id, user_id, organization_id, original_filename, file_type, file_size_bytes, file_url,
            processing_status, processing_error, ocr_confidence_score, created_at
        """,
        new.session_id,
        new.user_id,
        new.original_filename,
        new.file_type,
        new.file_size_bytes,
        new.file_url,
    )
    if row is None:
        raise NotFoundError("session_not_found")
    return Document(**row)


async def list_documents(conn: Connection, session_id: UUID) -> list[Document]:
    """Oldest first."""
    rows = await conn.fetch(
        """
        SELECT
            id, session_id, user_id, organization_id, original_filename, file_type, file_size_bytes, file_url,
            processing_status, processing_error, ocr_confidence_score, created_at
        FROM documents
        WHERE session_id = $1
            AND deleted_at IS NULL
            AND EXISTS (SELECT FROM sessions WHERE id = documents.session_id AND deleted_at IS NULL)
        ORDER BY created_at, id
        """,
        session_id,
    )
    return [Document(**row) for row in rows]


async def get_document(conn: Connection, document_id: UUID) -> Document:
    """
    Raises:
        NotFoundError
    """
    row = await conn.fetchrow(
        """
        SELECT
            id, session_id, user_id, organization_id, original_filename, file_type, file_size_bytes, file_url,
            processing_status, processing_error, ocr_confidence_score, created_at
        FROM documents
        WHERE id = $1
            AND deleted_at IS NULL
            AND EXISTS (SELECT FROM sessions WHERE id = documents.session_id AND deleted_at IS NULL)
        """,
        document_id,
    )
    if row is None:
        raise NotFoundError("document_not_found")
    return Document(**row)


async def read_text(conn: Connection, document_id: UUID) -> str | None:
    """Its words; None while they are not read, or if it is not there."""
    text: str | None = await conn.fetchval(
        """
        SELECT extracted_text
        FROM documents
        WHERE id = $1
            AND deleted_at IS NULL
            AND EXISTS (SELECT FROM sessions WHERE id = documents.session_id AND deleted_at IS NULL)
        """,
        document_id,
    )
    return text


async def delete_document(conn: Connection, document_id: UUID) -> None:
    """By whoever gave it, or manages the organization.

    Raises:
        NotFoundError
    """
    status = await conn.execute(
        """
        UPDATE documents
        SET deleted_at = now()
        WHERE id = $1
            AND deleted_at IS NULL
            AND EXISTS (SELECT FROM sessions WHERE id = documents.session_id AND deleted_at IS NULL)
        """,
        document_id,
    )
    if status != "UPDATE 1":
        raise NotFoundError("document_not_found")


async def claim_document(conn: Connection, document_id: UUID) -> Document | None:
    """Begin to read it; None if there is nothing to read. For jobs."""
    row = await conn.fetchrow(
        """
        UPDATE documents
        SET processing_status = 'processing',
            processing_error = NULL
        WHERE id = $1
            AND processing_status <> 'completed'
            AND deleted_at IS NULL
            AND EXISTS (SELECT FROM sessions WHERE id = documents.session_id AND deleted_at IS NULL)
        RETURNING
            id, session_id, user_id, organization_id, original_filename, file_type, file_size_bytes, file_url,
            processing_status, processing_error, ocr_confidence_score, created_at
        """,
        document_id,
    )
    return Document(**row) if row else None


async def store_text(
    conn: Connection, document_id: UUID, text: str, *, ocr_confidence_score: Decimal | None = None
) -> bool:
    """processing → completed; False if nobody claimed it, or it was deleted meanwhile. For jobs."""
    status = await conn.execute(
        """
        UPDATE documents
        SET processing_status = 'completed',
            extracted_text = $2,
            ocr_confidence_score = $3
        WHERE id = $1
            AND processing_status = 'processing'
            AND deleted_at IS NULL
            AND EXISTS (SELECT FROM sessions WHERE id = documents.session_id AND deleted_at IS NULL)
        """,
        document_id,
        text,
        ocr_confidence_score,
    )
    return status == "UPDATE 1"


async def fail_document(conn: Connection, document_id: UUID, error: str) -> bool:
    """processing → failed, with the reason for people to read; False if nobody claimed it. For jobs."""
    status = await conn.execute(
        """
        UPDATE documents
        SET processing_status = 'failed',
            processing_error = $2
        WHERE id = $1
            AND processing_status = 'processing'
            AND deleted_at IS NULL
            AND EXISTS (SELECT FROM sessions WHERE id = documents.session_id AND deleted_at IS NULL)
        """,
        document_id,
        error,
    )
    return status == "UPDATE 1"
