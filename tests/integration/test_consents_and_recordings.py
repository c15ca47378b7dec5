"""Consent is evidence and is withdrawn by whoever gave it; recordings are noted once, by the node that made them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from db import calls, consents, participants, recordings
from db.errors import ConflictError, InvalidError, NotFoundError
from db.recordings import NewRecording
from db.records import NewParticipant, Session
from tests.people import Person
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

AT = datetime(2026, 11, 22, 10, tzinfo=UTC)


async def join(world: World, session: Session, person: Person, user_id: UUID | None) -> UUID:
    """Somebody who consents."""
    participant = NewParticipant(
        uuid4(), session.id, session.organization_id, "Name", "participant", user_id=user_id, consent_version="v1",
        consented_at=AT,
    )  # fmt: skip
    async with world.by(person) as conn:
        await participants.insert_participant(conn, participant)
    return participant.id


async def called_session(world: World) -> Session:
    session = await world.session(world.alice)
    async with world.by_media() as conn:
        await calls.acquire_lease(conn, session.id, "host-0", "http://host-0", 0.0)
    return session


# consent ------------------------------------------------------------------------------------------------------------


async def test_whoever_consents_is_noted_by_the_database(world: World) -> None:
    session = await called_session(world)
    participant_id = await join(world, session, world.bob, world.bob.user_id)
    async with world.by(world.alice) as conn:
        [consent] = await consents.list_consents(conn, session.id)
    assert (consent.participant_id, consent.user_id) == (participant_id, world.bob.user_id)
    assert (consent.version, consent.given_at, consent.withdrawn_at) == ("v1", AT, None)
    async with world.by(world.charlie) as conn:
        assert await consents.list_consents(conn, session.id) == []


async def test_one_withdraws_ones_own_once(world: World) -> None:
    session = await called_session(world)
    participant_id = await join(world, session, world.bob, world.bob.user_id)
    for person in (world.alice, world.charlie, None):
        async with world.by(person) as conn:
            assert not await consents.withdraw(conn, session.id, participant_id)
    async with world.by(world.bob) as conn:
        assert await consents.withdraw(conn, session.id, participant_id)
        assert not await consents.withdraw(conn, session.id, participant_id)
        [consent] = await consents.list_consents(conn, session.id)
    assert consent.withdrawn_at is not None


async def test_the_media_node_withdraws_for_a_guest(world: World) -> None:
    session = await called_session(world)
    participant_id = await join(world, session, world.alice, None)
    async with world.by_media() as conn:
        assert await consents.withdraw(conn, session.id, participant_id)


async def test_nobody_takes_evidence_away(world: World) -> None:
    session = await called_session(world)
    await join(world, session, world.bob, world.bob.user_id)
    for opened in (world.by(world.bob), world.by_media(), world.by_jobs()):
        with pytest.raises(NotFoundError):
            async with opened as conn:
                await conn.execute("DELETE FROM consents WHERE session_id = $1", session.id)


# recordings ---------------------------------------------------------------------------------------------------------


def recording_of(session: Session) -> NewRecording:
    return NewRecording(
        id=uuid4(), session_id=session.id, organization_id=session.organization_id, storage_key=f"{uuid4()}.opus",
        media_type="audio/ogg", started_at_ms=0, duration_ms=1000, size_bytes=4000, sha256=bytes(32),
    )  # fmt: skip


async def insert(world: World, recording: NewRecording) -> bool:
    async with world.by_media() as conn:
        return await recordings.insert_recording(conn, recording)


async def test_a_recording_is_noted_once_and_listed_in_media_time(world: World) -> None:
    session = await called_session(world)
    first = recording_of(session)
    second = replace(recording_of(session), started_at_ms=1000)
    assert [await insert(world, one) for one in (second, first, first)] == [True, True, False]
    async with world.by(world.bob) as conn:
        listed = await recordings.list_recordings(conn, session.id)
    assert [one.id for one in listed] == [first.id, second.id]
    async with world.by(world.charlie) as conn:
        assert await recordings.list_recordings(conn, session.id) == []


async def test_two_recordings_are_not_one_file(world: World) -> None:
    session = await called_session(world)
    first = recording_of(session)
    await insert(world, first)
    with pytest.raises(ConflictError) as refusal:
        await insert(world, replace(recording_of(session), storage_key=first.storage_key))
    assert refusal.value.code == "recordings_storage_key_key"


@pytest.mark.parametrize("key", ["/etc/passwd", "../secret", "a/../b"])
async def test_a_key_that_leads_elsewhere_is_invalid(world: World, key: str) -> None:
    session = await called_session(world)
    with pytest.raises(InvalidError) as refusal:
        await insert(world, replace(recording_of(session), storage_key=key))
    assert refusal.value.code == "recordings_storage_key_check"


async def test_a_recording_of_a_foreign_or_erased_session_is_refused(world: World) -> None:
    session = await called_session(world)
    with pytest.raises(NotFoundError):
        await insert(world, replace(recording_of(session), organization_id=world.charlie.organization_id))
    with pytest.raises(NotFoundError):
        await insert(world, recording_of(await world.session(world.alice)))  # has had no call
    await world.owner("UPDATE sessions SET deleted_at = now(), erased_at = now() WHERE id = $1", session.id)
    with pytest.raises(ConflictError) as refusal:
        await insert(world, recording_of(session))
    assert refusal.value.code == "session_erased"
