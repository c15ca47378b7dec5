"""The way into a call: a participant, a place, a ticket for one POST within a minute, and relays for the way there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from aiohttp import web

from control_api.errors import AudioLimitError, NoMediaNodeError, RecordingProcessingError, SessionCompletedError
from control_api.sessions.ice import ice_servers
from control_api.sessions.models import Joining, JoinView
from control_api.sessions.nodes import Place, choose
from control_api.state import state
from control_api.tokens import new_token, token_hash
from db import calls, participants, recordings, tickets, usage
from db.pool import Connection
from db.records import NewParticipant

ENDED = frozenset({"completed", "archived"})


@dataclass(frozen=True, slots=True)
class Admission:
    """Somebody who may join, and as what."""

    session_id: UUID
    organization_id: UUID
    session_status: str
    role: str
    user_id: UUID | None
    """None: a guest without an account."""
    coached_roles: tuple[str, ...]
    """Who is shown guidance in this session."""


async def admit(request: web.Request, conn: Connection, admission: Admission, sent: Joining) -> JoinView:
    """Write the participant and the ticket down, in the caller's transaction.

    Raises:
        SessionCompletedError: nobody joins what has ended.
        RecordingProcessingError: a call would be a second conversation, and what was given would be refused for it.
        NoMediaNodeError: nobody would take the call.
        AudioLimitError: the minutes of whoever the session is charged to are used up; who comes back is let in.
    """
    if admission.session_status in ENDED:
        raise SessionCompletedError
    if admission.session_status == "draft" and await recordings.is_processing(
        conn, admission.organization_id, admission.session_id
    ):
        raise RecordingProcessingError
    place = await _place(request, conn, admission.session_id)
    st = state(request)
    now = datetime.now(UTC)
    participant_id = await _returning(conn, admission, sent)
    if participant_id is None:
        await _check_minutes(conn, admission)
        person = _participant(admission, sent)
        await participants.insert_participant(conn, person)
        participant_id = person.id
    ticket, expires_at = new_token(), now + timedelta(seconds=st.settings.ticket_lifetime_s)
    await tickets.insert_ticket(
        conn,
        token_hash=token_hash(ticket),
        session_id=admission.session_id,
        organization_id=admission.organization_id,
        participant_id=participant_id,
        node=place.node,
        media_url=place.media_url,
        expires_at=expires_at,
    )
    return JoinView(
        media_url=f"{place.media_url.rstrip('/')}/whip/{admission.session_id}",
        ticket=ticket,
        ice_servers=ice_servers(st.settings.turn, participant_id, int(now.timestamp())),
        expires_at=expires_at,
        participant_id=participant_id,
    )


async def _check_minutes(conn: Connection, admission: Admission) -> None:
    """The numbers are the organization's own business: a guest is not told them."""
    used, limit = await usage.session_minutes(conn, admission.session_id)
    if limit is not None and used >= limit:
        raise AudioLimitError(numbers={"used": used, "limit": limit} if admission.user_id is not None else None)


async def _returning(conn: Connection, admission: Admission, sent: Joining) -> UUID | None:
    """Who joined before with the ticket that was sent along; a ticket that proves nothing makes a new participant."""
    if sent.previous_ticket is None:
        return None
    return await tickets.participant_of_ticket(
        conn,
        token_hash(sent.previous_ticket),
        admission.session_id,
        user_id=admission.user_id,
        role=admission.role,
        consented=sent.consent is not None,
    )


async def _place(request: web.Request, conn: Connection, session_id: UUID) -> Place:
    call = await calls.current_call(conn, session_id)
    nodes = await calls.list_nodes(conn) if call is None else []
    loads = await state(request).live.node_loads() if len(nodes) > 1 else []
    place = choose(session_id, call, nodes, {load.node: load.load for load in loads})
    if place is None:
        raise NoMediaNodeError(retry_after_s=2)
    return place


def _participant(admission: Admission, sent: Joining) -> NewParticipant:
    return NewParticipant(
        id=uuid4(),
        session_id=admission.session_id,
        organization_id=admission.organization_id,
        user_id=admission.user_id,
        name=sent.name,
        role=admission.role,
        shared_mic=sent.shared_mic,
        coached=admission.role in admission.coached_roles,
        consent_version=sent.consent.version if sent.consent else None,
        consented_at=sent.consent.at if sent.consent else None,
    )
