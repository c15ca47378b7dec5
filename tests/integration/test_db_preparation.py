"""What is known and wanted before a session: context, checklist; and its moments afterwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from db import checklist, context, timeline
from db.errors import InvalidError, NotFoundError
from db.records import Session
from db.timeline import TimelineEvent
from tests.people import start_call
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

AT = datetime(2026, 11, 22, 10, tzinfo=UTC)

# context


async def _put(world: World, session: Session, text: str = "They sell boats.") -> context.SessionContext:
    async with world.by(world.alice) as conn:
        return await context.put_context(
            conn, session.id, world.alice.user_id, text=text, metadata={"selectedPreviousConversations": ["1"]}
        )


async def test_a_context_is_written_once_and_again(world: World) -> None:
    session = await world.session(world.alice)
    first = await _put(world, session)
    second = await _put(world, session, "They sell cars.")
    async with world.by(world.bob) as conn:
        found = await context.get_context(conn, session.id)
    assert found == second
    assert (second.id, second.text_context) == (first.id, "They sell cars.")
    assert second.context_metadata == {"selectedPreviousConversations": ["1"]}


async def test_a_session_without_context_has_none(world: World) -> None:
    session = await world.session(world.alice)
    await _put(world, await world.session(world.alice))
    async with world.by(world.alice) as conn:
        assert await context.get_context(conn, session.id) is None


@pytest.mark.parametrize("name", ["bob", "charlie"])
async def test_only_whose_session_it_is_writes_its_context(world: World, name: str) -> None:
    session = await world.session(world.alice)
    with pytest.raises(NotFoundError) as refusal:
        async with world.by(getattr(world, name)) as conn:
            await context.put_context(conn, session.id, getattr(world, name).user_id, text="x", metadata=None)
    assert refusal.value.code == "session_not_found"
    with pytest.raises(NotFoundError):
        async with world.by(getattr(world, name)) as conn:
            await context.put_context(conn, session.id, world.alice.user_id, text="x", metadata=None)


async def test_a_stranger_reads_no_context(world: World) -> None:
    session = await world.session(world.alice)
    await _put(world, session)
    async with world.by(world.charlie) as conn:
        assert await context.get_context(conn, session.id) is None


async def test_metadata_is_an_object(world: World) -> None:
    session = await world.session(world.alice)
    with pytest.raises(InvalidError) as refusal:
        async with world.by(world.alice) as conn:
            await context.put_context(conn, session.id, world.alice.user_id, text=None, metadata=[])  # type: ignore[arg-type]
    assert refusal.value.code == "session_context_context_metadata_check"


async def test_the_context_of_a_deleted_session_is_gone(world: World) -> None:
    session = await world.session(world.alice)
    await _put(world, session)
    await world.delete_session(session)
    async with world.by(world.alice) as conn:
        assert await context.get_context(conn, session.id) is None
    with pytest.raises(NotFoundError):
        await _put(world, session)


# checklist


async def _item(world: World, session: Session, text: str = "Ask for the budget") -> checklist.ChecklistItem:
    async with world.by(world.alice) as conn:
        return await checklist.insert_item(conn, session.id, world.alice.user_id, text)


async def _statuses(world: World, session: Session) -> list[tuple[str, str]]:
    async with world.by(world.bob) as conn:
        return [(item.text, item.status) for item in await checklist.list_items(conn, session.id)]


async def test_a_checklist_is_written_ticked_off_and_shortened(world: World) -> None:
    session = await world.session(world.alice)
    one, two = await _item(world, session, "one"), await _item(world, session, "two")
    assert await _statuses(world, session) == [("one", "open"), ("two", "open")]
    async with world.by(world.alice) as conn:
        await checklist.set_status(conn, session.id, one.id, "done")
        await checklist.delete_item(conn, session.id, two.id)
    assert await _statuses(world, session) == [("one", "done")]


async def test_the_call_ticks_off(world: World) -> None:
    session = await world.session(world.alice)
    item = await _item(world, session)
    with pytest.raises(NotFoundError):
        async with world.by_media() as conn:
            await checklist.set_status(conn, session.id, item.id, "done")
    await start_call(world.ground.media, session)
    async with world.by_media() as conn:
        await checklist.set_status(conn, session.id, item.id, "done")
    assert await _statuses(world, session) == [("Ask for the budget", "done")]


async def test_what_was_written_first_is_listed_first(world: World) -> None:
    session = await world.session(world.alice)
    last = [await _item(world, session, text) for text in ("one", "two")][-1]
    await world.owner("UPDATE prep_checklist SET created_at = created_at - interval '1 day' WHERE id = $1", last.id)
    assert await _statuses(world, session) == [("two", "open"), ("one", "open")]


@pytest.mark.parametrize("name", ["bob", "charlie"])
async def test_only_whose_session_it_is_writes_its_checklist(world: World, name: str) -> None:
    session = await world.session(world.alice)
    item = await _item(world, session)
    person = getattr(world, name)
    for query in (
        lambda conn: checklist.insert_item(conn, session.id, person.user_id, "mine"),
        lambda conn: checklist.insert_item(conn, session.id, world.alice.user_id, "hers"),
        lambda conn: checklist.set_status(conn, session.id, item.id, "done"),
        lambda conn: checklist.delete_item(conn, session.id, item.id),
    ):
        with pytest.raises(NotFoundError):
            async with world.by(person) as conn:
                await query(conn)
    assert await _statuses(world, session) == [("Ask for the budget", "open")]


async def test_a_stranger_reads_no_checklist(world: World) -> None:
    session = await world.session(world.alice)
    await _item(world, session)
    async with world.by(world.charlie) as conn:
        assert await checklist.list_items(conn, session.id) == []


async def test_an_item_belongs_to_its_session(world: World) -> None:
    session, other = await world.session(world.alice), await world.session(world.alice)
    item = await _item(world, session)
    for query in (
        lambda conn: checklist.set_status(conn, other.id, item.id, "done"),
        lambda conn: checklist.delete_item(conn, other.id, item.id),
    ):
        with pytest.raises(NotFoundError) as refusal:
            async with world.by(world.alice) as conn:
                await query(conn)
        assert refusal.value.code == "item_not_found"
    assert await _statuses(world, other) == []


async def test_an_item_says_something_and_is_open_or_done(world: World) -> None:
    session = await world.session(world.alice)
    item = await _item(world, session)
    with pytest.raises(InvalidError) as refusal:
        await _item(world, session, "")
    assert refusal.value.code == "prep_checklist_text_check"
    with pytest.raises(InvalidError) as refusal:
        async with world.by(world.alice) as conn:
            await checklist.set_status(conn, session.id, item.id, "closed")
    assert refusal.value.code == "prep_checklist_status_check"


async def test_the_checklist_of_a_deleted_session_is_gone(world: World) -> None:
    session = await world.session(world.alice)
    item = await _item(world, session)
    await start_call(world.ground.media, session)
    await world.delete_session(session)
    assert await _statuses(world, session) == []
    for query in (
        lambda conn: checklist.insert_item(conn, session.id, world.alice.user_id, "more"),
        lambda conn: checklist.set_status(conn, session.id, item.id, "done"),
        lambda conn: checklist.delete_item(conn, session.id, item.id),
    ):
        with pytest.raises(NotFoundError):
            async with world.by(world.alice) as conn:
                await query(conn)
    with pytest.raises(NotFoundError):
        async with world.by_media() as conn:
            await checklist.set_status(conn, session.id, item.id, "done")


# timeline


def _moment(session: Session, seconds: int, *, title: str = "They agree", type_: str = "agreement") -> TimelineEvent:
    return TimelineEvent(
        uuid4(), session.id, session.organization_id, AT + timedelta(seconds=seconds), title, None, type_, "high"
    )


async def _note(world: World, *moments: TimelineEvent) -> int:
    async with world.by_media() as conn:
        return await timeline.insert_events(conn, moments)


async def test_moments_are_noted_once_and_listed_as_they_happened(world: World) -> None:
    session = await world.session(world.alice)
    await start_call(world.ground.media, session)
    moments = [_moment(session, seconds) for seconds in (0, 10, 20)]
    assert await _note(world, moments[2], moments[0]) == 2
    assert await _note(world, moments[1], moments[0]) == 1
    async with world.by(world.bob) as conn:
        assert await timeline.list_events(conn, session.id) == moments
        first = await timeline.list_events(conn, session.id, limit=2)
        last = await timeline.list_events(conn, session.id, after=(first[-1].event_timestamp, first[-1].id))
        assert await timeline.list_events(conn, (await world.session(world.alice)).id) == []
    assert first + last == moments


async def test_moments_need_a_call(world: World) -> None:
    session = await world.session(world.alice)
    with pytest.raises(NotFoundError):
        await _note(world, _moment(session, 0))


async def test_no_tenant_notes_moments(world: World) -> None:
    session = await world.session(world.alice)
    await start_call(world.ground.media, session)
    with pytest.raises(NotFoundError):
        async with world.by(world.alice) as conn:
            await timeline.insert_events(conn, [_moment(session, 0)])


async def test_an_unknown_kind_of_moment_is_refused_by_name(world: World) -> None:
    session = await world.session(world.alice)
    await start_call(world.ground.media, session)
    with pytest.raises(InvalidError) as refusal:
        await _note(world, _moment(session, 0, type_="applause"))
    assert refusal.value.code == "session_timeline_events_type_check"


async def test_strangers_see_no_moments_and_a_deleted_session_has_none(world: World) -> None:
    session = await world.session(world.alice)
    await start_call(world.ground.media, session)
    await _note(world, _moment(session, 0))
    async with world.by(world.charlie) as conn:
        assert await timeline.list_events(conn, session.id) == []
    await world.delete_session(session)
    async with world.by(world.alice) as conn:
        assert await timeline.list_events(conn, session.id) == []
