"""What queries take and give: frozen rows, named as the columns are.

`db/SCHEMA.md` says what each column means; a contract test holds these classes, that page and the database together.
`New…` classes are what a caller inserts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Account:
    """A person with the organization that was made for them."""

    user_id: UUID
    email: str
    full_name: str | None
    organization_id: UUID
    organization_name: str
    organization_slug: str


@dataclass(frozen=True, slots=True)
class Member:
    """Who makes a request: a person in their current organization."""

    user_id: UUID
    email: str
    full_name: str | None
    has_password: bool
    organization_id: UUID
    organization_name: str
    organization_slug: str
    role: str


@dataclass(frozen=True, slots=True)
class Person:
    """Who is signed in, in whatever organization they act, or in none."""

    user_id: UUID
    email: str
    email_verified: bool
    full_name: str | None
    has_password: bool
    app_session_id: UUID
    """The sign-in by which they are known."""
    deletion_due_at: datetime | None
    """When their account will be erased."""
    organization_id: UUID | None
    organization_name: str | None
    organization_slug: str | None
    role: str | None


@dataclass(frozen=True, slots=True)
class Credentials:
    user_id: UUID
    password_hash: str | None
    """None: this person signs in by link only."""


@dataclass(frozen=True, slots=True)
class Session:
    id: UUID
    user_id: UUID
    organization_id: UUID
    title: str
    conversation_type: str | None
    status: str
    selected_template_id: UUID | None
    recording_duration_seconds: int
    recording_started_at: datetime | None
    recording_ended_at: datetime | None
    total_words_spoken: int
    user_talk_time_seconds: int
    silence_periods_count: int
    data_retention_days: int
    tags: list[str]
    coached_roles: list[str]
    """Who of its call is shown guidance, beside nobody else."""
    finalized_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Participant:
    id: UUID
    session_id: UUID
    organization_id: UUID
    user_id: UUID | None
    name: str
    role: str
    source: str
    shared_mic: bool
    coached: bool
    consent_version: str | None
    consented_at: datetime | None
    """None: joined without consent, so listens only."""
    joined_at: datetime | None
    left_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewParticipant:
    id: UUID
    session_id: UUID
    organization_id: UUID
    name: str
    role: str
    source: str = "browser"
    user_id: UUID | None = None
    shared_mic: bool = False
    coached: bool = False
    consent_version: str | None = None
    consented_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Node:
    node: str
    media_url: str
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Call:
    """A session's live place."""

    session_id: UUID
    organization_id: UUID
    node: str
    epoch: int
    media_url: str
    lease_until: datetime
    started_at: datetime
    paused: bool


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to publish in a session until `lease_until`, and the sequence numbers to do it with."""

    session_id: UUID
    organization_id: UUID
    user_id: UUID
    title: str
    conversation_type: str | None
    status: str
    epoch: int
    first_seq: int
    last_seq: int
    lease_until: datetime
    recording_started_at: datetime | None
    now: datetime
    """Postgres' clock at the moment of the grant."""
    paused: bool


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of a session's log."""

    session_id: UUID
    organization_id: UUID
    seq: int
    epoch: int
    type: str
    at_ms: int
    audience: str
    payload: bytes
    """A JSON object."""


@dataclass(frozen=True, slots=True)
class NewTranscript:
    id: UUID
    session_id: UUID
    organization_id: UUID
    content: str
    speaker: str
    sequence_number: int
    start_time_seconds: Decimal
    end_time_seconds: Decimal
    confidence_score: Decimal | None = None
    stt_provider: str | None = None
    participant_id: UUID | None = None
    utterance_id: str | None = None
    words: bytes | None = None
    """A JSON array of {text, start_ms, end_ms, probability}."""
    language: str | None = None
    created_at: datetime | None = None
    """None: now."""


@dataclass(frozen=True, slots=True)
class Transcript:
    id: UUID
    session_id: UUID
    content: str
    speaker: str
    confidence_score: Decimal | None
    start_time_seconds: Decimal
    end_time_seconds: Decimal | None
    stt_provider: str | None
    is_final: bool
    sequence_number: int
    participant_id: UUID | None
    utterance_id: str | None
    words: str | None
    """A JSON array of {text, start_ms, end_ms, probability}."""
    language: str | None
    revision: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewGuidance:
    id: UUID
    session_id: UUID
    organization_id: UUID
    content: str
    guidance_type: str
    priority: int
    triggered_at_seconds: Decimal
    cue: str | None = None
    evidence: bytes | None = None
    """A JSON array of {transcript_id, quote}."""
    triggered_by_transcript_id: UUID | None = None
    """Kept only if that transcript is there."""
    context_snippet: str | None = None
    expires_at_seconds: Decimal | None = None
    model_used: str | None = None
    processing_time_ms: int | None = None
    created_at: datetime | None = None
    """None: now."""
    audience: str = "coached"
    """Who reads it, in the words of the log."""


@dataclass(frozen=True, slots=True)
class Guidance:
    id: UUID
    session_id: UUID
    content: str
    guidance_type: str
    priority: int
    triggered_by_transcript_id: UUID | None
    context_snippet: str | None
    triggered_at_seconds: Decimal | None
    was_displayed: bool
    was_clicked: bool
    was_dismissed: bool
    user_feedback: str | None
    model_used: str | None
    processing_time_ms: int | None
    cue: str | None
    evidence: list[dict[str, Any]] | None
    expires_at_seconds: Decimal | None
    audience: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a join ticket entitles to."""

    session_id: UUID
    organization_id: UUID
    participant_id: UUID
    name: str
    role: str
    source: str
    shared_mic: bool
    coached: bool
    consented: bool
    user_id: UUID | None
    expires_at: datetime
    node: str
    """The only one that takes it."""


@dataclass(frozen=True, slots=True)
class Invite:
    """What the holder of an invitation link may know and be.

    A guest joins with the rights of `created_by`: open the transaction of the join for that user.
    """

    id: UUID
    session_id: UUID
    organization_id: UUID
    role: str
    name: str | None
    created_by: UUID
    expires_at: datetime
    session_title: str
    conversation_type: str | None
    session_status: str
    organization_name: str


@dataclass(frozen=True, slots=True)
class GuestLink:
    """An invitation link, for those who gave it away; its token is nowhere."""

    id: UUID
    role: str
    name: str | None
    created_by: UUID
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Command:
    id: UUID
    session_id: UUID
    organization_id: UUID
    kind: str
    payload: dict[str, Any]
    created_by: UUID | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SummaryContent:
    """What a finished summary says; lists are JSON values."""

    title: str
    tldr: str
    key_decisions: list[str]
    action_items: list[dict[str, Any]]
    follow_up_questions: list[str]
    conversation_highlights: list[dict[str, Any]]
    full_transcript: str
    structured_notes: str | None
    model_used: str
    generation_time_seconds: Decimal


@dataclass(frozen=True, slots=True)
class Summary:
    id: UUID
    session_id: UUID
    user_id: UUID
    organization_id: UUID
    title: str | None
    tldr: str | None
    key_decisions: list[str] | None
    action_items: list[dict[str, Any]] | None
    follow_up_questions: list[str] | None
    conversation_highlights: list[dict[str, Any]] | None
    full_transcript: str | None
    structured_notes: str | None
    generation_status: str
    generation_error: str | None
    model_used: str | None
    generation_time_seconds: Decimal | None
    is_marked_done: bool
    export_count: int
    last_exported_at: datetime | None
    created_at: datetime
    updated_at: datetime
