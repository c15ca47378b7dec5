"""What concerns the whole installation: notes of the servers, the waiting list, what Stripe sends."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import pytest_asyncio

from db import logs, stripe_events, waitlist
from db.errors import InvalidError, NotFoundError
from db.logs import NewLog
from db.waitlist import NewApplicant
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

AT = datetime(2026, 11, 22, 10, tzinfo=UTC)
AN_HOUR_AGO = timedelta(hours=-1)

# logs


async def _list(world: World, **values: object) -> list[logs.SystemLog]:
    async with world.by(await world.administrator()) as conn:
        return await logs.list_logs(conn, since=datetime.now(UTC) + AN_HOUR_AGO, **values)  # type: ignore[arg-type]


async def test_every_server_writes_notes_and_administrators_read_them(world: World) -> None:
    session = await world.session(world.alice)
    entry = NewLog(
        "WARNING", "node lost", logger_name="media", session_id=session.id, user_id=world.alice.user_id, module="call",
        function_name="run", line_number=7, request_id="r1", ip_address="192.0.2.7", endpoint="/v1/sessions/{id}",
    )  # fmt: skip
    for by in (world.by(None), world.by(world.bob), world.by_media(), world.by_jobs()):
        async with by as conn:
            await logs.write_log(conn, entry)
    notes = await _list(world, session_id=session.id)
    assert len(notes) == 4
    assert {(note.level, note.message, note.ip_address, note.line_number) for note in notes} == {
        ("WARNING", "node lost", "192.0.2.7", 7)
    }


@pytest.mark.parametrize("name", ["alice", "charlie"])
async def test_nobody_else_reads_them(world: World, name: str) -> None:
    async with world.by(world.alice) as conn:
        await logs.write_log(conn, NewLog("ERROR", "boom", user_id=world.alice.user_id))
    async with world.by(getattr(world, name)) as conn:
        assert await logs.list_logs(conn, since=datetime.now(UTC) + AN_HOUR_AGO) == []


async def test_notes_come_newest_first_in_pages_of_one_level(world: World) -> None:
    session = await world.session(world.alice)
    for number in range(5):
        async with world.by_jobs() as conn:
            await logs.write_log(conn, NewLog("ERROR", str(number), session_id=session.id))
            await logs.write_log(conn, NewLog("INFO", "all is well", session_id=session.id))
    seen: list[str] = []
    before = None
    while page := await _list(world, session_id=session.id, level="ERROR", limit=2, before=before):
        seen += [note.message for note in page]
        before = (page[-1].created_at, page[-1].id)
    assert seen == ["4", "3", "2", "1", "0"]


async def test_an_unknown_level_is_refused_by_name(world: World) -> None:
    with pytest.raises(InvalidError) as refusal:
        async with world.by_jobs() as conn:
            await logs.write_log(conn, NewLog("LOUD", "boom"))
    assert refusal.value.code == "system_logs_level_check"


def _hear(words: str) -> None:
    raise ValueError(f"cannot parse {words}")


async def test_a_trace_says_where_and_what_and_nothing_of_what_was_said() -> None:
    with pytest.raises(ValueError) as caught:
        _hear("my number is 4711")
    trace = logs.trace(caught.value)
    assert trace.endswith("_hear\nValueError")
    assert "test_db_platform.py:" in trace
    assert "4711" not in trace
    assert "raise" not in trace


# waiting list


def _applicant(email: str) -> NewApplicant:
    return NewApplicant("Dora", email, "Dora & Co.", "sales", referral_source="a friend")


async def _join(world: World, email: str) -> bool:
    async with world.by(None) as conn:
        return await waitlist.join_waitlist(conn, _applicant(email))


async def _applicant_of(world: World, email: str, status: str = "pending") -> waitlist.Applicant:
    async with world.by(await world.administrator()) as conn:
        [found] = [one for one in await waitlist.list_applicants(conn, status) if one.email == email]
    return found


async def test_anybody_joins_once_and_asks_for_their_status(world: World) -> None:
    email = f"{uuid4()}@example.org"
    async with world.by(None) as conn:
        assert await waitlist.status_of(conn, email) is None
    assert await _join(world, email)
    assert not await _join(world, f" {email.upper()} ")
    async with world.by(None) as conn:
        assert await waitlist.status_of(conn, email.upper()) == "pending"


@pytest.mark.parametrize(
    ("values", "code"),
    [(("nobody", "sales"), "beta_waitlist_email_check"), (("a@example.org", "fun"), "beta_waitlist_use_case_check")],
)
async def test_a_rule_that_is_broken_is_told_by_name(world: World, values: tuple[str, str], code: str) -> None:
    with pytest.raises(InvalidError) as refusal:
        async with world.by(None) as conn:
            await waitlist.join_waitlist(conn, NewApplicant("Dora", values[0], "Dora & Co.", values[1]))
    assert refusal.value.code == code


async def test_administrators_list_and_decide(world: World) -> None:
    email = f"{uuid4()}@example.org"
    await _join(world, email)
    applicant = await _applicant_of(world, email)
    async with world.by(await world.administrator()) as conn:
        approved = await waitlist.set_status(conn, applicant.id, "approved", notes="good fit")
        invited = await waitlist.set_status(conn, applicant.id, "invited")
    assert approved.approved_at is not None
    assert (invited.status, invited.notes, invited.approved_at) == ("invited", "good fit", approved.approved_at)
    assert (await _applicant_of(world, email, "invited")).referral_source == "a friend"


async def test_who_has_waited_longest_comes_first_in_pages(world: World) -> None:
    emails = [f"{number}-{uuid4()}@example.org" for number in range(5)]
    for email in emails:
        await _join(world, email)
    seen: list[str] = []
    after = None
    first = await _applicant_of(world, emails[0])
    async with world.by(await world.administrator()) as conn:
        await waitlist.set_status(conn, first.id, "pending", notes="patient")
        while page := await waitlist.list_applicants(conn, "pending", limit=2, after=after):
            seen += [one.email for one in page if one.email in emails]
            after = (page[-1].created_at, page[-1].id)
    assert seen == emails


async def test_nobody_else_lists_or_decides(world: World) -> None:
    email = f"{uuid4()}@example.org"
    await _join(world, email)
    applicant = await _applicant_of(world, email)
    for person in (world.alice, None):
        async with world.by(person) as conn:
            assert await waitlist.list_applicants(conn, "pending") == []
            with pytest.raises(NotFoundError) as refusal:
                await waitlist.set_status(conn, applicant.id, "approved")
            assert refusal.value.code == "applicant_not_found"


async def test_an_unknown_decision_is_refused_by_name(world: World) -> None:
    email = f"{uuid4()}@example.org"
    await _join(world, email)
    applicant = await _applicant_of(world, email)
    with pytest.raises(InvalidError) as refusal:
        async with world.by(await world.administrator()) as conn:
            await waitlist.set_status(conn, applicant.id, "maybe")
    assert refusal.value.code == "beta_waitlist_status_check"


# Stripe


async def _receive(world: World, event_id: str, minutes: int = 0) -> bool:
    async with world.by(None) as conn:
        return await stripe_events.receive_event(
            conn, event_id, "invoice.paid", {"id": event_id}, AT + timedelta(minutes=minutes)
        )


@pytest_asyncio.fixture(loop_scope="module")
async def no_events(world: World) -> None:
    await world.owner("DELETE FROM stripe_events")


@pytest.mark.usefixtures("no_events")
async def test_an_event_is_kept_once(world: World) -> None:
    assert await _receive(world, "evt_1")
    assert not await _receive(world, "evt_1", 5)
    async with world.by_jobs() as conn:
        event = await stripe_events.take_event(conn)
    assert event is not None
    assert (event.id, event.type, event.payload, event.created_at) == ("evt_1", "invoice.paid", {"id": "evt_1"}, AT)


@pytest.mark.usefixtures("no_events")
async def test_events_are_taken_in_the_order_in_which_they_happened(world: World) -> None:
    for event_id, minutes in (("evt_c", 3), ("evt_b", 1), ("evt_a", 1)):
        await _receive(world, event_id, minutes)
    taken = []
    for _ in range(3):
        async with world.by_jobs() as conn:
            event = await stripe_events.take_event(conn)
            assert event is not None
            assert await stripe_events.mark_processed(conn, event.id, "applied")
            taken.append(event.id)
    assert taken == ["evt_a", "evt_b", "evt_c"]
    async with world.by_jobs() as conn:
        assert await stripe_events.take_event(conn) is None
        assert not await stripe_events.mark_processed(conn, "evt_a", "again")


@pytest.mark.usefixtures("no_events")
async def test_two_workers_never_hold_one_event(world: World) -> None:
    for number in range(6):
        await _receive(world, f"evt_{number}", number)
    taken: list[str] = []

    async def work() -> None:
        for _ in range(6):
            async with world.by_jobs() as conn:
                if event := await stripe_events.take_event(conn):
                    taken.append(event.id)
                    assert await stripe_events.mark_processed(conn, event.id, "applied")

    await asyncio.gather(work(), work(), work())
    assert sorted(taken) == [f"evt_{number}" for number in range(6)]


@pytest.mark.usefixtures("no_events")
async def test_what_a_worker_did_not_finish_waits_on(world: World) -> None:
    await _receive(world, "evt_1")

    async def fail() -> None:
        async with world.by_jobs() as conn:
            await stripe_events.take_event(conn)
            await stripe_events.mark_processed(conn, "evt_1", "too long for an outcome " * 9)

    with pytest.raises(InvalidError):
        await fail()
    async with world.by_jobs() as conn:
        assert await stripe_events.take_event(conn) is not None


async def test_no_tenant_takes_or_settles_events(world: World) -> None:
    with pytest.raises(NotFoundError):
        async with world.by(world.alice) as conn:
            await stripe_events.take_event(conn)
    with pytest.raises(NotFoundError):
        async with world.by(world.alice) as conn:
            await stripe_events.mark_processed(conn, "evt_1", "mine")
