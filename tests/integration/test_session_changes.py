"""What people change about a session and its summary: who may, from which state, and what it brings about."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from db import calls, deletion, erasure, participants, session_changes, sessions, summaries, summary_changes
from db.errors import ConflictError, DbError, InvalidError, NotFoundError
from db.records import NewParticipant, Session
from db.session_changes import SessionChanges
from tests.people import Person
from tests.session_queries import CONTENT
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

START = datetime(2026, 11, 22, 10, tzinfo=UTC)


async def ended_session(world: World, person: Person) -> Session:
    """Completed, with a pending summary, and nobody in its call."""
    session = await world.session(person)
    async with world.by_media() as conn:
        await calls.acquire_lease(conn, session.id, "host-0", "http://host-0", 0.0)
        await sessions.activate_session(conn, session.id, START)
        await sessions.complete_session(conn, session.id, START + timedelta(minutes=5))
    return session


async def written(world: World, session: Session, status: str = "completed") -> None:
    """With a summary in that state."""
    await world.owner("UPDATE summaries SET generation_status = 'generating' WHERE session_id = $1", session.id)
    if status != "generating":
        await world.owner(
            "UPDATE summaries SET generation_status = $2, tldr = 'x', generation_error = $3 WHERE session_id = $1",
            session.id,
            status,
            "no answer" if status == "failed" else None,
        )


async def queued(world: World, entrypoint: str, target_id: UUID) -> int:
    count: int = await world.value(
        "SELECT count(*) FROM pgqueuer WHERE entrypoint = $1 AND payload = convert_to($2, 'UTF8')",
        entrypoint,
        str(target_id),
    )
    return count


async def refusal_of(world: World, person: Person | None, session: Session, name: str) -> str:
    change = getattr(session_changes, name)
    with pytest.raises(DbError) as refusal:
        async with world.by(person) as conn:
            await change(conn, session.organization_id, session.id)
    return refusal.value.code


# what is changed ----------------------------------------------------------------------------------------------------


async def test_a_session_is_renamed_retyped_and_kept_for_another_time(world: World) -> None:
    session = await world.session(world.alice)
    changes: SessionChanges = {"title": "Trial", "conversation_type": "support", "data_retention_days": 7}
    async with world.by(world.alice) as conn:
        changed = await session_changes.update_session(conn, session.organization_id, session.id, changes)
    assert (changed.title, changed.conversation_type, changed.data_retention_days) == ("Trial", "support", 7)


async def test_what_is_left_out_stays(world: World) -> None:
    session = await world.session(world.alice)
    async with world.by(world.alice) as conn:
        changed = await session_changes.update_session(conn, session.organization_id, session.id, {"title": "Trial"})
    assert changed.conversation_type == session.conversation_type
    assert changed.data_retention_days == session.data_retention_days


async def test_a_playbook_is_chosen_and_put_away(world: World) -> None:
    session = await world.session(world.alice)
    template_id = await world.value("SELECT id FROM templates WHERE is_system_template LIMIT 1")
    for chosen in (template_id, None):
        async with world.by(world.alice) as conn:
            changed = await session_changes.update_session(
                conn, session.organization_id, session.id, {"selected_template_id": chosen}
            )
        assert changed.selected_template_id == chosen


async def test_a_foreign_playbook_is_not_found(world: World) -> None:
    session = await world.session(world.alice)
    [[template_id]] = await world.owner(
        "INSERT INTO templates (user_id, name) VALUES ($1, 'theirs') RETURNING id", world.charlie.user_id
    )
    with pytest.raises(NotFoundError) as refusal:
        async with world.by(world.alice) as conn:
            await session_changes.update_session(
                conn, session.organization_id, session.id, {"selected_template_id": template_id}
            )
    assert refusal.value.code == "template_not_found"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"conversation_type": "chat"}, "sessions_conversation_type_check"),
        ({"data_retention_days": 0}, "sessions_data_retention_days_check"),
        ({"data_retention_days": 2_000_000_000}, "value"),
        ({"title": "x" * 256}, "value"),
        ({"status": "completed"}, "status"),
        ({}, "no_changes"),
    ],
)
async def test_a_value_that_breaks_a_rule_is_invalid(world: World, changes: SessionChanges, code: str) -> None:
    session = await world.session(world.alice)
    with pytest.raises(InvalidError) as refusal:
        async with world.by(world.alice) as conn:
            await session_changes.update_session(conn, session.organization_id, session.id, changes)
    assert refusal.value.code == code


async def test_its_creator_and_who_manages_change_a_session_and_others_do_not(world: World) -> None:
    session = await world.session(world.bob)
    admin, colleague = await world.colleague("Anna", "admin"), await world.colleague("Carl")
    allowed = {}
    people: dict[str, Person | None] = {
        "bob": world.bob,
        "alice": world.alice,
        "anna": admin,
        "carl": colleague,
        "charlie": world.charlie,
        "nobody": None,
    }
    for name, person in people.items():
        try:
            async with world.by(person) as conn:
                await session_changes.update_session(conn, session.organization_id, session.id, {"title": name})
            allowed[name] = True
        except NotFoundError:
            allowed[name] = False
    assert allowed == {"bob": True, "alice": True, "anna": True, "carl": False, "charlie": False, "nobody": False}


# archive ------------------------------------------------------------------------------------------------------------


async def test_a_completed_session_is_put_in_the_archive_and_taken_out_again(world: World) -> None:
    session = await ended_session(world, world.alice)
    for name, status in (("archive_session", "archived"), ("unarchive_session", "completed")):
        for _ in range(2):  # doing it again changes nothing
            async with world.by(world.alice) as conn:
                await getattr(session_changes, name)(conn, session.organization_id, session.id)
        assert await world.value("SELECT status FROM sessions WHERE id = $1", session.id) == status


@pytest.mark.parametrize("name", ["archive_session", "unarchive_session"])
async def test_what_is_not_completed_is_not_archived(world: World, name: str) -> None:
    session = await world.session(world.alice)
    assert await refusal_of(world, world.alice, session, name) == "session_state"
    await world.owner("UPDATE sessions SET status = 'active' WHERE id = $1", session.id)
    assert await refusal_of(world, world.alice, session, name) == "session_state"
    assert await refusal_of(world, world.charlie, session, name) == "session_not_found"


# delete -------------------------------------------------------------------------------------------------------------


async def test_a_deleted_session_is_gone_until_it_is_restored(world: World) -> None:
    session = await ended_session(world, world.alice)
    async with world.by(world.alice) as conn:
        await session_changes.delete_session(conn, session.organization_id, session.id)
    assert await refusal_of(world, world.alice, session, "delete_session") == "session_not_found"
    async with world.by(world.alice) as conn:
        assert await sessions.list_sessions(conn, session.organization_id) == []
        await session_changes.restore_session(conn, session.organization_id, session.id)
        assert (await sessions.get_session(conn, session.organization_id, session.id)).status == "completed"
    assert await refusal_of(world, world.alice, session, "restore_session") == "session_not_found"


async def test_a_session_is_not_deleted_while_somebody_speaks_in_it(world: World) -> None:
    session = await world.session(world.alice)
    async with world.by_media() as conn:
        await calls.acquire_lease(conn, session.id, "host-0", "http://host-0", 60.0)
    assert await refusal_of(world, world.alice, session, "delete_session") == "session_live"
    assert await world.value("SELECT deleted_at IS NULL FROM sessions WHERE id = $1", session.id)


async def test_nobody_joins_or_takes_a_deleted_session(world: World) -> None:
    session = await world.session(world.alice)
    async with world.by(world.alice) as conn:
        await session_changes.delete_session(conn, session.organization_id, session.id)
    with pytest.raises(NotFoundError):
        async with world.by_media() as conn:
            await calls.acquire_lease(conn, session.id, "host-0", "http://host-0")
    with pytest.raises(NotFoundError):
        async with world.by(world.alice) as conn:
            await participants.insert_participant(
                conn, NewParticipant(uuid4(), session.id, session.organization_id, "Late", "host")
            )


async def test_deleting_for_good_queues_its_erasure_in_the_same_transaction(world: World) -> None:
    session = await world.session(world.alice)
    with suppress(ZeroDivisionError):
        async with world.by(world.alice) as conn:
            await deletion.delete_session_for_good(conn, session.organization_id, session.id)
            raise ZeroDivisionError
    assert await queued(world, erasure.ERASE_SESSION, session.id) == 0
    async with world.by(world.alice) as conn:
        await deletion.delete_session_for_good(conn, session.organization_id, session.id)
    assert await queued(world, erasure.ERASE_SESSION, session.id) == 1


async def test_only_its_creator_and_who_manages_deletes_a_session(world: World) -> None:
    session = await world.session(world.alice)
    for person in (world.bob, world.charlie, None):
        for name in ("delete_session", "restore_session"):
            assert await refusal_of(world, person, session, name) == "session_not_found"
    async with world.by(world.alice) as conn:
        await session_changes.delete_session(conn, session.organization_id, session.id)
    assert await refusal_of(world, world.bob, session, "restore_session") == "session_not_found"


async def test_deleting_and_restoring_are_in_the_audit_log(world: World) -> None:
    session = await world.session(world.alice)
    async with world.by(world.alice) as conn:
        await session_changes.delete_session(conn, session.organization_id, session.id)
        await session_changes.restore_session(conn, session.organization_id, session.id)
    entries = await world.owner("SELECT action, actor_id FROM audit_log WHERE target_id = $1 ORDER BY id", session.id)
    assert entries == [("sessions.deleted", world.alice.user_id), ("sessions.restored", world.alice.user_id)]


# the list -----------------------------------------------------------------------------------------------------------


async def test_sessions_are_found_by_a_part_of_their_title_and_their_type(world: World) -> None:
    first, second = await world.session(world.alice), await world.session(world.bob)
    for session, title in ((first, "100 % Trial_run"), (second, "Renewal")):
        async with world.by(world.alice) as conn:
            await session_changes.update_session(conn, session.organization_id, session.id, {"title": title})
    async with world.by(world.bob) as conn:
        await session_changes.update_session(conn, second.organization_id, second.id, {"conversation_type": "support"})

    async def found(**filters: str) -> list[UUID]:
        async with world.by(world.alice) as conn:
            return [row.id for row in await sessions.list_sessions(conn, first.organization_id, **filters)]  # type: ignore[arg-type]

    assert await found(title_part="trial_") == [first.id]
    assert await found(title_part="0 %") == [first.id]
    assert await found(title_part="%") == [first.id]  # no wildcards
    assert await found(title_part="NEW") == [second.id]
    assert await found(conversation_type="support") == [second.id]
    assert await found(conversation_type="support", title_part="trial") == []
    assert await found() == [second.id, first.id]


# summaries ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["completed", "failed"])
async def test_a_settled_summary_is_asked_for_anew_with_its_job(world: World, status: str) -> None:
    session = await ended_session(world, world.alice)
    await written(world, session, status)
    await world.owner("DELETE FROM pgqueuer")
    async with world.by(world.alice) as conn:
        assert await summary_changes.ask_again(conn, session.id)
        summary = await summaries.get(conn, session.id)
    assert summary is not None
    assert (summary.generation_status, summary.generation_error, summary.tldr) == ("pending", None, "x")
    assert await queued(world, sessions.FINALIZE_SESSION, session.id) == 1
    async with world.by(world.alice) as conn:
        assert not await summary_changes.ask_again(conn, session.id)
    assert await queued(world, sessions.FINALIZE_SESSION, session.id) == 1


async def test_a_summary_is_corrected_and_ticked_off(world: World) -> None:
    session = await ended_session(world, world.alice)
    await written(world, session)
    async with world.by(world.alice) as conn:
        await summary_changes.correct(conn, session.id, {"tldr": "better", "key_decisions": ["a trial"]})
        await summary_changes.mark_done(conn, session.id, True)
        summary = await summaries.get(conn, session.id)
    assert summary is not None
    assert (summary.tldr, summary.key_decisions, summary.is_marked_done) == ("better", ["a trial"], True)
    assert summary.action_items is None
    async with world.by(world.alice) as conn:
        await summary_changes.mark_done(conn, session.id, False)


async def test_words_that_come_late_leave_a_corrected_summary_alone_until_it_is_written_anew(world: World) -> None:
    session = await ended_session(world, world.alice)
    await written(world, session)
    async with world.by(world.alice) as conn:
        await summary_changes.correct(conn, session.id, {"tldr": "better"})
    async with world.by_media() as conn:
        assert not await summary_changes.ask_again(conn, session.id, even_if_corrected=False)
    async with world.by(world.alice) as conn:
        summary = await summaries.get(conn, session.id)
        assert summary is not None
        assert (summary.generation_status, summary.tldr) == ("completed", "better")
        assert await summary_changes.ask_again(conn, session.id)
    async with world.by_jobs() as conn:
        assert await summaries.claim(conn, session.id)
        assert await summaries.store(conn, session.id, CONTENT)
    async with world.by_media() as conn:
        assert await summary_changes.ask_again(conn, session.id, even_if_corrected=False)


@pytest.mark.parametrize("status", ["generating", "failed"])
async def test_what_is_not_written_is_not_corrected(world: World, status: str) -> None:
    session = await ended_session(world, world.alice)
    await written(world, session, status)
    with pytest.raises(ConflictError) as refusal:
        async with world.by(world.alice) as conn:
            await summary_changes.correct(conn, session.id, {"tldr": "mine"})
    assert refusal.value.code == "summary_state"


async def test_only_its_creator_and_who_manages_changes_a_summary(world: World) -> None:
    session = await ended_session(world, world.alice)
    await written(world, session)
    for person in (world.bob, world.charlie, None):
        for change in (
            lambda conn: summary_changes.ask_again(conn, session.id),
            lambda conn: summary_changes.correct(conn, session.id, {"tldr": "mine"}),
            lambda conn: summary_changes.mark_done(conn, session.id, True),
        ):
            with pytest.raises(NotFoundError):
                async with world.by(person) as conn:
                    await change(conn)
