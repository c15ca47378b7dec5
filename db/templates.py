"""Playbooks: the system's, those that an organization shares, and one's own.

Rules:
- Everybody may use the system's and public ones, and members what their organization shares. One's own are nobody
  else's to see.
- Shared ones are made and changed by owners and admins, one's own by oneself; the system's by nobody here: clone them.
- A deleted one is not there; sessions that chose it keep their choice, and use what they know of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

import asyncpg
import orjson

from db.changes import assignments
from db.errors import NotFoundError
from db.pool import Connection


@dataclass(frozen=True, slots=True)
class Template:
    id: UUID
    user_id: UUID | None
    organization_id: UUID | None
    name: str
    description: str | None
    conversation_type: str | None
    """None: for any."""
    is_system_template: bool
    is_organization_template: bool
    is_public: bool
    guidance_prompts: list[dict[str, Any]] | None
    """Cues, prompts and bands, as SCHEMA.md describes them."""
    context_instructions: str | None
    summary_template: str | None
    version: int
    """One more with every other text."""
    usage_count: int
    last_used_at: datetime | None
    is_active: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewTemplate:
    organization_id: UUID
    name: str
    description: str | None = None
    conversation_type: str | None = None
    is_organization_template: bool = False
    """Shared with the organization; else its author's own in it."""
    guidance_prompts: list[dict[str, Any]] | None = None
    context_instructions: str | None = None
    summary_template: str | None = None


class TemplateChanges(TypedDict, total=False):
    """What is left out stays."""

    name: str
    description: str | None
    conversation_type: str | None
    guidance_prompts: list[dict[str, Any]] | None
    context_instructions: str | None
    summary_template: str | None
    is_public: bool
    """True: everybody of every organization may use it."""
    is_active: bool
    """False: kept, and offered to nobody."""


_CHANGEABLE = frozenset(TemplateChanges.__annotations__)


async def list_templates(
    conn: Connection,
    organization_id: UUID,
    user_id: UUID,
    *,
    conversation_type: str | None = None,
    scope: str | None = None,
    is_active: bool = True,
    limit: int = 100,
    after: tuple[str, UUID] | None = None,
) -> list[Template]:
    """What `user_id` may use in this organization, by name, those that come after `after` (name and id).

    Of a type: those for it, and those for any. Of a scope: system, organization or personal; what other organizations
    published is theirs. Those that are not active are shown to whom they belong.
    """
    rows = await conn.fetch(
        """
        WITH usable AS (
            SELECT id
            FROM templates
            WHERE user_id = $2
                AND (organization_id IS NULL OR organization_id = $1)
            UNION
            SELECT id
            FROM templates
            WHERE organization_id = $1
                AND is_organization_template
            UNION
            SELECT id
            FROM templates
            WHERE $5
                AND (is_system_template OR is_public)
        )
        SELECT
            id, user_id, organization_id, name, description, conversation_type, is_system_template,
            is_organization_template, is_public, guidance_prompts, context_instructions, summary_template,
            version, usage_count, last_used_at, is_active, created_at
        FROM templates
        JOIN usable USING (id)
        WHERE is_active = $5
            AND deleted_at IS NULL
            AND ($3::text IS NULL OR conversation_type = $3 OR conversation_type IS NULL)
            AND ($4::text IS NULL OR $4 = CASE
                WHEN is_system_template THEN 'system'
                WHEN is_organization_template THEN 'organization'
                ELSE 'personal'
            END)
            AND ($6::text IS NULL OR (name, id) > ($6, $7::uuid))
        ORDER BY name, id
        LIMIT $8
        """,
        organization_id,
        user_id,
        conversation_type,
        scope,
        is_active,
        *(after or (None, None)),
        limit,
    )
    return [_template(row) for row in rows]


async def get_template(conn: Connection, template_id: UUID) -> Template:
    """
    Raises:
        NotFoundError: there is none, or it is nobody's business here.
    """
    row = await conn.fetchrow(
        """
        SELECT
            id, user_id, organization_id, name, description, conversation_type, is_system_template,
            is_organization_template, is_public, guidance_prompts, context_instructions, summary_template,
            version, usage_count, last_used_at, is_active, created_at
        FROM templates
        WHERE id = $1
            AND deleted_at IS NULL
        """,
        template_id,
    )
    return _found(row)


async def lock_template(conn: Connection, template_id: UUID) -> Template:
    """As it is, and as nobody else changes it until the end of the transaction.

    Raises:
        NotFoundError: there is none that the one who acts may change.
    """
    row = await conn.fetchrow(
        """
        SELECT
            id, user_id, organization_id, name, description, conversation_type, is_system_template,
            is_organization_template, is_public, guidance_prompts, context_instructions, summary_template,
            version, usage_count, last_used_at, is_active, created_at
        FROM templates
        WHERE id = $1
            AND deleted_at IS NULL
        FOR NO KEY UPDATE
        """,
        template_id,
    )
    return _found(row)


async def insert_template(conn: Connection, user_id: UUID, new: NewTemplate) -> Template:
    """
    Raises:
        NotFoundError: `user_id` is not the one who acts, or may not make one in that organization.
        InvalidError
    """
    row = await conn.fetchrow(
        """
        INSERT INTO templates (
            user_id, organization_id, name, description, conversation_type, is_organization_template,
            guidance_prompts, context_instructions, summary_template
        )
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        RETURNING
            id, user_id, organization_id, name, description, conversation_type, is_system_template,
            is_organization_template, is_public, guidance_prompts, context_instructions, summary_template,
            version, usage_count, last_used_at, is_active, created_at
        """,
        user_id,
        new.organization_id,
        new.name,
        new.description,
        new.conversation_type,
        new.is_organization_template,
        _json(new.guidance_prompts),
        new.context_instructions,
        new.summary_template,
    )
    return _found(row)


async def update_template(conn: Connection, template_id: UUID, changes: TemplateChanges) -> Template:
    """
    Raises:
        NotFoundError: there is none that the one who acts may change.
        InvalidError: a value, or nothing to change.
    """
    stored: dict[str, Any] = dict(changes)
    if "guidance_prompts" in stored:
        stored["guidance_prompts"] = _json(stored["guidance_prompts"])
    columns, values = assignments(stored, _CHANGEABLE, first=2)
    row = await conn.fetchrow(
        f"""
        UPDATE templates
        SET {columns}
        WHERE id = $1
            AND deleted_at IS NULL
        RETURNING
            id, user_id, organization_id, name, description, conversation_type, is_system_template,
            is_organization_template, is_public, guidance_prompts, context_instructions, summary_template,
            version, usage_count, last_used_at, is_active, created_at
        """,  # noqa: S608  the columns are those of TemplateChanges
        template_id,
        *values,
    )
    return _found(row)


async def delete_template(conn: Connection, template_id: UUID) -> None:
    """
    Raises:
        NotFoundError: there is none that the one who acts may delete.
    """
    status = await conn.execute(
        "UPDATE templates SET deleted_at = now() WHERE id = $1 AND deleted_at IS NULL",
        template_id,
    )
    if status != "UPDATE 1":
        raise NotFoundError("template_not_found")


async def clone_template(
    conn: Connection,
    template_id: UUID,
    *,
    user_id: UUID,
    organization_id: UUID,
    name: str,
    is_organization_template: bool = False,
) -> Template:
    """A copy, to change: one's own, or the organization's.

    Raises:
        NotFoundError: nothing to copy, or no right to make one there.
        InvalidError
    """
    row = await conn.fetchrow(
        """
        INSERT INTO templates (
            user_id, organization_id, name, description, conversation_type, is_organization_template,
            guidance_prompts, context_instructions, summary_template
        )
        SELECT
            $2, $3, $4, description, conversation_type, $5, guidance_prompts, context_instructions, summary_template
        FROM templates
        WHERE id = $1
            AND deleted_at IS NULL
        RETURNING
            id, user_id, organization_id, name, description, conversation_type, is_system_template,
            is_organization_template, is_public, guidance_prompts, context_instructions, summary_template,
            version, usage_count, last_used_at, is_active, created_at
        """,
        template_id,
        user_id,
        organization_id,
        name,
        is_organization_template,
    )
    return _found(row)


def _found(row: asyncpg.Record | None) -> Template:
    if row is None:
        raise NotFoundError("template_not_found")
    return _template(row)


def _template(row: asyncpg.Record) -> Template:
    prompts = row["guidance_prompts"]
    return Template(**{**row, "guidance_prompts": prompts and orjson.loads(prompts)})


def _json(prompts: list[dict[str, Any]] | None) -> str | None:
    return None if prompts is None else orjson.dumps(prompts).decode()
