"""What is asked of documents, and what is shown of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from control_api.documents.extraction.reasons import REASONS
from control_api.fields import Line
from control_api.http import Body, Query, View
from db.documents import Document
from db.passages import LONGEST_QUESTION

FileName = Annotated[Line, StringConstraints(max_length=255)]
"""What people call it; nothing is stored under it."""


class UploadQuery(Query):
    name: FileName = Field(description="What the file is called", examples=["offer.pdf"])


class DocumentEdit(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Offer of May.pdf"}]})

    name: FileName


class DocumentView(View):
    id: UUID
    session_id: UUID
    user_id: UUID = Field(description="Who gave it")
    name: str
    file_type: str = Field(description="By its content: pdf, docx, txt, md, csv, json, png, jpg")
    size_bytes: int
    status: str = Field(description="pending, processing, completed, failed")
    error_code: str | None = Field(description="Why nothing was read")
    error: str | None = Field(description="The same in words")
    has_file: bool
    created_at: datetime

    @classmethod
    def of(cls, document: Document) -> Self:
        code = document.processing_error
        return cls(
            id=document.id,
            session_id=document.session_id,
            user_id=document.user_id,
            name=document.original_filename,
            file_type=document.file_type,
            size_bytes=document.file_size_bytes,
            status=document.processing_status,
            error_code=code,
            error=REASONS.get(code, code) if code else None,
            has_file=document.file_url is not None,
            created_at=document.created_at,
        )


class Documents(View):
    documents: list[DocumentView]


class DocumentText(View):
    text: str | None = Field(description="What it says; null if it was not read. Pages end with a form feed")


class PassageQuery(Query):
    q: str = Field(min_length=1, max_length=LONGEST_QUESTION, description="What is being talked about")
    limit: int = Field(default=5, ge=1, le=20)


class PassageView(View):
    document_id: UUID
    original_filename: str
    session_id: UUID
    position: int = Field(description="Which passage of the document, from 0 on")
    page: int | None = Field(description="From 1 on; null: the document has no pages")
    content: str
    language: str
    rank: float


class Passages(View):
    passages: list[PassageView]
