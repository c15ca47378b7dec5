"""What is sent and answered about sessions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, StringConstraints, TypeAdapter

from control_api.fields import (
    CallRole,
    CoachedRole,
    ConversationType,
    GuestRole,
    Line,
    Moment,
    PageSize,
    PersonName,
    Prose,
    Tag,
)
from control_api.http import Body, Query, View
from control_api.sessions.ice import IceServer
from db.records import GuestLink, Guidance, Invite, Participant, Session, Transcript

State = Literal["draft", "active", "paused", "finalizing", "completed", "archived"]


def _unique(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))


def _with_host(roles: tuple[str, ...]) -> tuple[str, ...]:
    if "host" not in roles:
        raise ValueError("the host is always coached")
    return roles


Tags = Annotated[tuple[Tag, ...], Field(max_length=20), AfterValidator(_unique)]
CoachedRoles = Annotated[
    tuple[CoachedRole, ...], Field(max_length=3), AfterValidator(_unique), AfterValidator(_with_host)
]


MAX_LINKED = 10


class NewContext(Body):
    """In place of all that was there."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "They renew in May.", "linked_session_ids": []}]}
    )

    text: Annotated[Prose, StringConstraints(max_length=20_000)] | None = None
    linked_session_ids: Annotated[tuple[UUID, ...], Field(max_length=MAX_LINKED)] = ()


class NewSession(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"title": "Renewal", "conversation_type": "sales", "tags": ["acme"]}]}
    )

    title: Line
    conversation_type: ConversationType
    selected_template_id: UUID | None = None
    tags: Tags = ()
    context: NewContext | None = None
    """What the coach should know beforehand; it can be written later, too."""


class SessionEdit(Body):
    """What is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "Renewal, second call", "tags": ["acme"]}]})

    title: Line = ""
    conversation_type: ConversationType = "meeting"
    selected_template_id: UUID | None = None
    tags: Tags = ()
    coached_roles: CoachedRoles = ("host",)
    """Who is shown guidance; it counts for whoever joins from then on."""
    data_retention_days: Annotated[int, Field(ge=1, le=3650)] = 30


class Consent(Body):
    """What the participant agreed to, and when; without it one only listens."""

    version: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50)]
    at: AwareDatetime


class Joining(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Grace", "consent": {"version": "1", "at": "2026-11-29T09:00:00Z"}}]}
    )

    name: PersonName
    shared_mic: bool = False
    consent: Consent | None = None
    previous_ticket: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    """Of the same person's earlier join: who lost the connection comes back as the same participant."""


class JoiningMember(Joining):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "Ada", "role": "host", "consent": {"version": "1", "at": "2026-11-29T09:00:00Z"}}]
        }
    )

    role: CallRole


class NewInvite(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Grace", "role": "customer"}]})

    name: PersonName | None = None
    role: GuestRole = "participant"


class SessionList(Query):
    status: Literal["draft", "active", "completed", "archived"] | None = None
    state: State | None = None
    """What is under way as well; not together with `status`."""
    conversation_type: ConversationType | None = None
    created_from: Moment | None = None
    created_to: Moment | None = None
    """The first moment that is too late."""
    participant: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)] | None = None
    """Part of the name of somebody who was admitted to the call."""
    tag: Tag | None = None
    user_id: UUID | None = None
    """Of whoever made them: one's own, by one's own id."""
    q: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)] | None = None
    """Part of the title."""
    limit: PageSize = 20
    cursor: Annotated[str, StringConstraints(max_length=200)] | None = None


class TranscriptPage(Query):
    since: Annotated[int, Field(ge=0, le=2**62)] = 0
    """Only what has a higher sequence number."""
    limit: Annotated[int, Field(ge=1, le=1000)] = 200


class SessionView(View):
    id: UUID
    user_id: UUID = Field(description="Who made it, and is its host")
    title: str
    conversation_type: str | None
    status: str
    state: State = Field(description="The status, with what is under way: paused, finalizing")
    selected_template_id: UUID | None
    tags: list[str]
    coached_roles: list[str] = Field(description="Who is shown guidance")
    data_retention_days: int
    created_at: datetime
    recording_started_at: datetime | None
    recording_ended_at: datetime | None
    recording_duration_seconds: int
    total_words_spoken: int
    user_talk_time_seconds: int
    silence_periods_count: int
    finalized_at: datetime | None

    @classmethod
    def of(cls, session: Session, *, is_paused: bool = False) -> SessionView:
        return cls.model_validate({**_fields(session, cls), "state": state_of(session, is_paused=is_paused)})


class ParticipantView(View):
    id: UUID
    name: str
    role: str
    source: str
    shared_mic: bool
    joined_at: datetime | None
    left_at: datetime | None


class SessionDetail(SessionView):
    participants: list[ParticipantView]

    @classmethod
    def with_participants(cls, session: Session, people: list[Participant], *, is_paused: bool) -> SessionDetail:
        return cls.model_validate(
            {
                **_fields(session, cls),
                "state": state_of(session, is_paused=is_paused),
                "participants": [ParticipantView.model_validate(person) for person in people],
            }
        )


class SessionPage(View):
    items: list[SessionView]
    next_cursor: str | None


class SessionCounts(View):
    draft: int = 0
    active: int = 0
    completed: int = 0
    archived: int = 0


class JoinView(View):
    media_url: str = Field(description="POST the SDP offer here, with the ticket as bearer (WHIP, RFC 9725)")
    ticket: str
    ice_servers: list[IceServer]
    expires_at: datetime
    participant_id: UUID


class GuestJoinView(JoinView):
    session_id: UUID
    role: str


class InviteView(View):
    id: UUID
    url: str
    token: str
    role: str
    expires_at: datetime


class GuestLinkView(View):
    id: UUID
    role: str
    name: str | None
    created_by: UUID
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None

    @classmethod
    def of(cls, link: GuestLink) -> Self:
        return cls.model_validate(link)


class GuestLinkPage(View):
    items: list[GuestLinkView]
    next_cursor: str | None


class InvitedSession(View):
    title: str
    conversation_type: str | None


class InvitingOrganization(View):
    name: str


class InviteOffer(View):
    session: InvitedSession
    organization: InvitingOrganization
    role: str
    name: str | None

    @classmethod
    def of(cls, invite: Invite) -> InviteOffer:
        return cls(
            session=InvitedSession(title=invite.session_title, conversation_type=invite.conversation_type),
            organization=InvitingOrganization(name=invite.organization_name),
            role=invite.role,
            name=invite.name,
        )


class WordView(View):
    text: str
    start_ms: int
    end_ms: int
    probability: float


_WORDS = TypeAdapter(list[WordView])


class TranscriptView(View):
    transcript_id: UUID
    sequence_number: int
    utterance_id: str | None
    participant_id: UUID | None
    speaker: str
    start_ms: int
    end_ms: int | None
    text: str = Field(description="Empty: something was said here and could not be transcribed; its times hold")
    words: list[WordView]
    confidence: float | None
    language: str | None
    revision: int

    @classmethod
    def of(cls, row: Transcript) -> Self:
        return cls(
            transcript_id=row.id,
            sequence_number=row.sequence_number,
            utterance_id=row.utterance_id,
            participant_id=row.participant_id,
            speaker=row.speaker,
            start_ms=round(row.start_time_seconds * 1000),
            end_ms=None if row.end_time_seconds is None else round(row.end_time_seconds * 1000),
            text=row.content,
            words=_WORDS.validate_json(row.words or "[]"),
            confidence=None if row.confidence_score is None else float(row.confidence_score),
            language=row.language,
            revision=row.revision,
        )


class TranscriptList(View):
    items: list[TranscriptView]
    latest_sequence_number: int
    next_since: int | None = Field(description="Pass as `since` for the next page; null at the end")


class EvidenceView(View):
    transcript_id: UUID
    quote: str


class GuidanceView(View):
    guidance_id: UUID
    guidance_type: str
    priority: int
    content: str
    cue: str | None
    evidence: list[EvidenceView]
    triggered_at_ms: int | None
    transcript_id: UUID | None
    was_displayed: bool
    was_clicked: bool
    was_dismissed: bool
    user_feedback: str | None

    @classmethod
    def of(cls, row: Guidance) -> Self:
        return cls(
            guidance_id=row.id,
            guidance_type=row.guidance_type,
            priority=row.priority,
            content=row.content,
            cue=row.cue,
            evidence=[EvidenceView.model_validate(part) for part in row.evidence or []],
            triggered_at_ms=None if row.triggered_at_seconds is None else round(row.triggered_at_seconds * 1000),
            transcript_id=row.triggered_by_transcript_id,
            was_displayed=row.was_displayed,
            was_clicked=row.was_clicked,
            was_dismissed=row.was_dismissed,
            user_feedback=row.user_feedback,
        )


class GuidanceList(View):
    items: list[GuidanceView]


class Ended(View):
    state: State


def state_of(session: Session, *, is_paused: bool = False) -> State:
    """The wire's state: a completed session is `finalizing` until its summary is there."""
    if session.status == "completed" and session.finalized_at is None:
        return "finalizing"
    if session.status == "active" and is_paused:
        return "paused"
    return session.status  # type: ignore[return-value]  # the column's CHECK holds the rest


def _fields(session: Session, view: type[View]) -> dict[str, object]:
    return {name: getattr(session, name) for name in view.model_fields if hasattr(session, name)}
