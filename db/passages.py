"""What documents say, found by what is being talked about.

Rules:
- Every document is stemmed in its own language, and a question in the language of each document it is asked of.
- Any of a question's words will do; passages that have more of them, and rarer ones closer together, come first.
- A session's passages are those of its own documents, and of the earlier sessions that its context names.
- Inside the tenant, by row level security; a node, which it does not bind, is held to the session's organization.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from db.pool import Connection

LONGEST_QUESTION = 2_000
"""Characters; what comes after them is left out."""


@dataclass(frozen=True, slots=True)
class Passage:
    position: int
    """In its document, from 0 on."""
    page: int | None
    """From 1 on; None: the document has none."""
    content: str


@dataclass(frozen=True, slots=True)
class Found:
    document_id: UUID
    original_filename: str
    session_id: UUID
    position: int
    page: int | None
    content: str
    language: str
    rank: float


async def store_passages(conn: Connection, document_id: UUID, passages: Sequence[Passage], text: str) -> None:
    """In place of those of an earlier try; `text` is what the language is found out from. For jobs.

    What is said of a document that is deleted meanwhile is not kept.
    """
    await conn.execute(
        """
        DELETE FROM document_passages
        WHERE document_id = $1
            AND EXISTS (SELECT FROM sessions WHERE id = document_passages.session_id AND deleted_at IS NULL)
        """,
        document_id,
    )
    await conn.execute(
        """
        INSERT INTO document_passages (
            document_id, position, session_id, organization_id, page, content, language, words
        )
        SELECT
            documents.id, passage.position, session_id, organization_id, page, content, language,
            to_tsvector(language::regconfig, content)
        FROM documents
        CROSS JOIN text_language($5) AS language
        CROSS JOIN unnest($2::integer[], $3::integer[], $4::text[]) AS passage (position, page, content)
        WHERE documents.id = $1
            AND deleted_at IS NULL
            AND EXISTS (SELECT FROM sessions WHERE id = documents.session_id AND deleted_at IS NULL)
        """,
        document_id,
        [passage.position for passage in passages],
        [passage.page for passage in passages],
        [passage.content for passage in passages],
        text,
    )


async def find_passages(conn: Connection, session_id: UUID, question: str, limit: int = 5) -> list[Found]:
    """The best first."""
    rows = await conn.fetch(
        """
        WITH asked_in AS MATERIALIZED (
            SELECT id, organization_id
            FROM sessions
            WHERE id = $1
                AND deleted_at IS NULL
        ), looked_into AS MATERIALIZED (
            SELECT sessions.id
            FROM asked_in
            JOIN sessions ON sessions.organization_id = asked_in.organization_id
            WHERE sessions.id = ANY (array_append(
                    ARRAY(
                        SELECT linked::uuid
                        FROM session_context
                        CROSS JOIN jsonb_array_elements_text(context_metadata -> 'linked_session_ids') AS linked
                        WHERE session_context.session_id = $1
                            AND jsonb_typeof(context_metadata -> 'linked_session_ids') = 'array'
                    ),
                    $1
                ))
                AND deleted_at IS NULL
        ), known AS MATERIALIZED (
            SELECT document_id, position, page, content, language, words
            FROM document_passages
            WHERE session_id = ANY (ARRAY(SELECT id FROM looked_into))
        ), asked AS MATERIALIZED (
            SELECT language, replace(plainto_tsquery(language::regconfig, $2)::text, ' & ', ' | ')::tsquery AS question
            FROM (SELECT DISTINCT language FROM known) AS languages
        )
        SELECT
            document_id, original_filename, session_id, position, page, content, language,
            ts_rank_cd(words, question, 1)::float8 + ts_rank(words, question, 1)::float8 AS rank
        FROM known
        JOIN asked USING (language)
        JOIN documents ON documents.id = document_id
        WHERE words @@ question
            AND documents.deleted_at IS NULL
        ORDER BY rank DESC, document_id, position
        LIMIT $3
        """,
        session_id,
        question[:LONGEST_QUESTION],
        limit,
    )
    return [Found(**row) for row in rows]
