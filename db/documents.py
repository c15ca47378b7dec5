"""Files that were given to a session: pending → processing → completed or failed, by the jobs role.

Rules:
- Whose session it is gives them. One that was deleted, and those of a deleted session, are not there, for jobs either.
- A failed one, or one whose worker died, may be claimed again; a completed one stays as it is.
- Whoever deletes one queues the job that removes it for good: its row, what it says, and then its file.
- How many there may be is counted under a lock of the organization, in the transaction that adds one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import orjson

from db import jobs
from db.erasure import REMOVE_FILES
from db.errors import NotFoundError
from db.pool import Connection

READ_DOCUMENT = "read_document"
"""The job for one that was given; its payload is the id as text, as of the next one."""
ERASE_DOCUMENT = "erase_document"
TIDY_UPLOAD = "tidy_upload"
"""The job that looks, an hour after an upload began, whether its file came to belong to a document; its payload is
the key."""
TIDY_AFTER = timedelta(hours=1)


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


@dataclass(frozen=True, slots=True)
class Limits:
    """Of the plan; None limits nothing."""

    per_session: int | None
    file_mb: int | None


@dataclass(frozen=True, slots=True)
class Held:
    """What there is, without what was deleted."""

    in_session: int
    in_organization: int
    bytes_in_organization: int


async def get_limits(conn: Connection, organization_id: UUID, user_id: UUID) -> Limits:
    """Of the organization's plan, else of the person's own, else of the free one."""
    row = await conn.fetchrow(
        """
        SELECT max_documents_per_session AS per_session, max_file_size_mb AS file_mb
        FROM plans
        WHERE id = coalesce(
            (
                SELECT plan_id
                FROM subscriptions
                WHERE organization_id = $1
                    AND status IN ('active', 'trialing', 'past_due')
            ),
            (
                SELECT plan_id
                FROM subscriptions
                WHERE user_id = $2
                    AND status IN ('active', 'trialing', 'past_due')
            ),
            (SELECT id FROM plans WHERE name = 'individual_free')
        )
        """,
        organization_id,
        user_id,
    )
    return Limits(**row) if row else Limits(0, 0)


async def hold_count(conn: Connection, organization_id: UUID) -> None:
    """Until the end of the transaction nobody else adds a document to the organization."""
    await conn.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('documents of ' || $1::uuid, 0))", organization_id
    )


async def count_held(conn: Connection, organization_id: UUID, session_id: UUID) -> Held:
    row = await conn.fetchrow(
        """
        SELECT
            count(*) FILTER (WHERE session_id = $2) AS in_session,
            count(*) AS in_organization,
            coalesce(sum(file_size_bytes), 0)::bigint AS bytes_in_organization
        FROM documents
        WHERE organization_id = $1
            AND deleted_at IS NULL
        """,
        organization_id,
        session_id,
    )
    assert row is not None  # noqa: S101 -- an aggregate has a row
    return Held(**row)


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


async def rename_document(conn: Connection, document_id: UUID, name: str) -> Document:
    """By whoever gave it, or manages the organization.

    Raises:
        NotFoundError
    """
    row = await conn.fetchrow(
        """
        UPDATE documents
        SET original_filename = $2
        WHERE id = $1
            AND deleted_at IS NULL
            AND EXISTS (SELECT FROM sessions WHERE id = documents.session_id AND deleted_at IS NULL)
        RETURNING
            id, session_id, user_id, organization_id, original_filename, file_type, file_size_bytes, file_url,
            processing_status, processing_error, ocr_confidence_score, created_at
        """,
        document_id,
        name,
    )
    if row is None:
        raise NotFoundError("document_not_found")
    return Document(**row)


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
    await jobs.enqueue(conn, ERASE_DOCUMENT, str(document_id).encode())


async def erase_document(conn: Connection, document_id: UUID) -> bool:
    """A deleted one: its row and its passages go, and its file is queued to go. For jobs."""
    rows = await conn.fetch(
        "DELETE FROM documents WHERE id = $1 AND deleted_at IS NOT NULL RETURNING file_url", document_id
    )
    if files := [row["file_url"] for row in rows if row["file_url"] is not None]:
        await jobs.enqueue(conn, REMOVE_FILES, orjson.dumps(files))
    return bool(rows)


async def expect_upload(conn: Connection, key: str) -> None:
    """A file is about to be written; if no document comes of it, a job removes it."""
    await jobs.enqueue(conn, TIDY_UPLOAD, key.encode(), after=TIDY_AFTER)


async def is_known_file(conn: Connection, key: str) -> bool:
    """Whether a document, deleted or not, has this file. For jobs."""
    return bool(await conn.fetchval("SELECT EXISTS (SELECT FROM documents WHERE file_url = $1)", key))


async def forget_file(conn: Connection, document_id: UUID) -> None:
    """The file is queued to go, and the document stays without one. For jobs."""
    key = await conn.fetchval(
        """
        UPDATE documents
        SET file_url = NULL
        FROM (SELECT id, file_url AS key FROM documents WHERE id = $1 AND deleted_at IS NULL) AS before
        WHERE documents.id = before.id
            AND EXISTS (SELECT FROM sessions WHERE id = documents.session_id AND deleted_at IS NULL)
        RETURNING key
        """,
        document_id,
    )
    if key is not None:
        await jobs.enqueue(conn, REMOVE_FILES, orjson.dumps([key]))


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
    """processing → failed, with the code of its reason; False if nobody claimed it. For jobs."""
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
