"""The meter: minutes are ceil(seconds of the month / 60), whatever the order, the number or the race of the writers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db import sessions, usage
from db.errors import InvalidError, NotFoundError
from db.migrate import migrations
from db.pool import Pool, owner_connection, transaction
from db.records import Session
from db.usage import UsageInterval, UsageSeconds
from tests.chaos import often
from tests.conftest import Database
from tests.people import People, Person, connected, make_owner, make_people, make_session, start_call
from tests.usage_model import minutes_of

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
MONTH = NOW.replace(day=1, hour=0, minute=0)
ANN, BEN = uuid4(), uuid4()


@dataclass(frozen=True, slots=True)
class World:
    people: People
    api: Pool
    media: Pool
    session: Session
    owner_url: str


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    """Alice's session, which began with the month."""
    people = await make_people(database.owner_url)
    async with connected(database.api_url) as api, connected(database.media_url) as media:
        world = World(people, api, media, await make_session(api, people.alice), database.owner_url)
        await _begin(world, world.session, MONTH)
        yield world


async def _begin(world: World, session: Session, at: datetime) -> None:
    await start_call(world.media, session)
    async with transaction(world.media) as conn:
        await sessions.activate_session(conn, session.id, at)


async def _another(world: World, at: datetime, person: Person | None = None) -> Session:
    session = await make_session(world.api, person or world.people.alice)
    await _begin(world, session, at)
    return session


def _run(session: Session, from_s: float, to_s: float, *, who: UUID = ANN, epoch: int = 1) -> UsageInterval:
    return UsageInterval(session.id, session.organization_id, who, epoch, round(from_s * 1000), round(to_s * 1000))


async def _record(world: World, *rows: UsageInterval) -> None:
    async with transaction(world.media) as conn:
        await usage.record_intervals(conn, rows)


async def _minutes(world: World, session: Session | None = None) -> list[tuple[datetime, int]]:
    async with transaction(world.media) as conn:
        rows = await conn.fetch(
            """
            SELECT minute_timestamp, seconds_recorded
            FROM usage_tracking
            WHERE session_id = $1
            ORDER BY minute_timestamp
            """,
            (session or world.session).id,
        )
    return [(row["minute_timestamp"], row["seconds_recorded"]) for row in rows]


async def _used(world: World) -> int:
    alice = world.people.alice
    async with transaction(world.api, user_id=alice.user_id) as conn:
        return (await usage.check_usage_limit(conn, alice.user_id, alice.organization_id)).minutes_used


async def _owner(world: World, statement: str, *arguments: object) -> list[tuple[object, ...]]:
    async with owner_connection(world.owner_url) as conn:
        return [tuple(row) for row in await conn.fetch(statement, *arguments)]


# what is charged


@pytest.mark.parametrize(("seconds", "minutes"), [(0.999, 0), (1, 1), (60, 1), (120, 2), (121, 3)])
async def test_a_minute_begun_is_a_minute(world: World, seconds: float, minutes: int) -> None:
    await _record(world, _run(world.session, 0, seconds))
    assert await _used(world) == minutes


async def test_two_people_at_once_cost_one_second_a_second(world: World) -> None:
    await _record(world, _run(world.session, 0, 10), _run(world.session, 5, 12, who=BEN))
    assert await _minutes(world) == [(MONTH, 12)]


async def test_time_between_is_not_charged(world: World) -> None:
    await _record(world, _run(world.session, 0, 10), _run(world.session, 30, 35))
    assert await _minutes(world) == [(MONTH, 15)]


async def test_milliseconds_left_over_go_on_to_the_next_minute(world: World) -> None:
    await _record(world, _run(world.session, 0.7, 61.4))
    assert await _minutes(world) == [(MONTH, 59), (MONTH + timedelta(minutes=1), 1)]


async def test_minutes_are_those_of_the_clock(world: World) -> None:
    session = await _another(world, MONTH + timedelta(seconds=20.5))
    await _record(world, _run(session, 0, 100))
    assert await _minutes(world, session) == [
        (MONTH + timedelta(minutes=minute), seconds) for minute, seconds in enumerate((39, 60, 1))
    ]


async def test_a_session_over_the_end_of_a_month_is_charged_in_both(world: World) -> None:
    session = await _another(world, MONTH - timedelta(seconds=30))
    await _record(world, _run(session, 0, 90))
    months = await _owner(
        world, "SELECT total_seconds_used, total_minutes_used FROM monthly_usage_cache ORDER BY month_year"
    )
    assert months == [(30, 1), (60, 1)]
    assert await _used(world) == 1


async def test_before_the_first_packet_is_recorded_a_call_is_placed_by_its_lease(world: World) -> None:
    session = await make_session(world.api, world.people.alice)
    await start_call(world.media, session)
    await _record(world, _run(session, 0, 30))
    assert sum(seconds for _, seconds in await _minutes(world, session)) == 30
    async with transaction(world.media) as conn:
        await sessions.activate_session(conn, session.id, MONTH + timedelta(seconds=40))
    assert await _minutes(world, session) == [(MONTH, 20), (MONTH + timedelta(minutes=1), 10)]


# repeating, growing, racing


async def test_a_run_that_grows_is_one_row(world: World) -> None:
    for to_s in (10, 20, 20, 15, 30):
        await _record(world, _run(world.session, 0, to_s))
    assert await _owner(world, "SELECT from_ms, to_ms FROM usage_intervals") == [(0, 30_000)]
    assert await _minutes(world) == [(MONTH, 30)]


async def test_one_batch_may_tell_a_run_many_times(world: World) -> None:
    await _record(world, *(_run(world.session, 0, to_s) for to_s in (10, 30, 20)))
    assert await _minutes(world) == [(MONTH, 30)]


async def test_what_is_known_is_left_alone(world: World) -> None:
    await _record(world, _run(world.session, 0, 30))
    before = await _owner(world, "SELECT xmin::text FROM monthly_usage_cache")
    await _record(world, _run(world.session, 0, 30))
    assert await _owner(world, "SELECT xmin::text FROM monthly_usage_cache") == before


async def test_another_epoch_is_another_run(world: World) -> None:
    await _record(world, _run(world.session, 0, 10))
    await start_call(world.media, world.session)
    await _record(world, _run(world.session, 20, 25, epoch=2))
    assert await _minutes(world) == [(MONTH, 15)]


async def test_nodes_that_meter_one_person_lose_nothing(world: World) -> None:
    made = [world.session, *[await _another(world, MONTH) for _ in range(3)]]
    await asyncio.gather(
        *(_record(world, _run(session, n * 60, n * 60 + 30, who=uuid4())) for session in made for n in range(5))
    )
    assert await _owner(world, "SELECT total_seconds_used FROM monthly_usage_cache") == [(4 * 5 * 30,)]


async def test_batches_that_take_the_locks_first_never_wait_in_a_circle(world: World) -> None:
    made = [await _another(world, MONTH, person) for person in (world.people.alice, world.people.bob) for _ in range(2)]

    async def batch(number: int) -> None:
        rows = [_run(session, number * 10, number * 10 + 10) for session in made]
        async with transaction(world.media) as conn:
            await usage.lock(conn, [session.id for session in made])
            for row in rows if number % 2 else reversed(rows):
                await usage.record_intervals(conn, [row])

    await asyncio.gather(*(batch(number) for number in range(6)))
    assert await _owner(world, "SELECT sum(total_seconds_used) FROM monthly_usage_cache") == [(4 * 60,)]


_runs = st.lists(
    st.tuples(st.integers(0, 250_000), st.integers(1, 40_000)).map(lambda pair: (pair[0], pair[0] + pair[1])),
    min_size=1,
    max_size=12,
)


@settings(
    max_examples=often(15, 300), deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)
@given(runs=_runs, offset_ms=st.integers(0, 59_999))
async def test_minutes_are_those_of_the_naive_union(world: World, runs: list[tuple[int, int]], offset_ms: int) -> None:
    zero = MONTH + timedelta(milliseconds=offset_ms)
    session = await _another(world, zero)
    for from_ms, to_ms in runs:
        await _record(world, _run(session, from_ms / 1000, to_ms / 1000, who=uuid4()))
    assert dict(await _minutes(world, session)) == minutes_of(zero, runs)


# what follows


async def test_the_members_counters_follow(world: World) -> None:
    await _record(world, _run(world.session, 0, 61))
    await _another(world, MONTH)
    rows = await _owner(
        world,
        """
        SELECT current_month_minutes_used, total_audio_hours_used::float, total_sessions_count, last_session_at,
            current_month_start
        FROM organization_members
        WHERE user_id = $1
        """,
        world.people.alice.user_id,
    )
    assert rows == [(2, 0.02, 2, MONTH + timedelta(minutes=1), MONTH.date())]


@pytest.mark.parametrize(
    ("correction", "seconds"),
    [("UPDATE usage_tracking SET seconds_recorded = 5", 5), ("DELETE FROM usage_tracking", 0)],
)
async def test_everything_follows_a_correction_by_hand(world: World, correction: str, seconds: int) -> None:
    await _record(world, _run(world.session, 0, 50))
    await _owner(world, correction)
    assert await _owner(world, "SELECT total_seconds_used FROM monthly_usage_cache") == [(seconds,)]
    assert await _used(world) == min(seconds, 1)
    counters = "SELECT current_month_minutes_used FROM organization_members WHERE user_id = $1"
    assert await _owner(world, counters, world.people.alice.user_id) == [(min(seconds, 1),)]
    assert await _owner(world, "SELECT recording_duration_seconds FROM sessions") == [(seconds,)]


async def test_minutes_that_move_to_somebody_else_leave_the_first_one(world: World) -> None:
    await _record(world, _run(world.session, 0, 50))
    await _owner(world, "UPDATE usage_tracking SET user_id = $1", world.people.bob.user_id)
    months = await _owner(world, "SELECT user_id, total_seconds_used FROM monthly_usage_cache")
    assert dict(months) == {world.people.alice.user_id: 0, world.people.bob.user_id: 50}


async def test_a_completed_session_still_follows_what_comes_late(world: World) -> None:
    await _record(world, _run(world.session, 0, 10))
    async with transaction(world.media) as conn:
        await sessions.complete_session(conn, world.session.id, NOW)
    await _record(world, _run(world.session, 20, 25))
    assert await _owner(world, "SELECT recording_duration_seconds FROM sessions") == [(15,)]


async def test_a_session_with_usage_is_never_deleted(world: World) -> None:
    await _record(world, _run(world.session, 0, 10))
    with pytest.raises(InvalidError):
        await _owner(world, "DELETE FROM sessions")
    await _owner(world, "UPDATE sessions SET deleted_at = now()")
    await _record(world, _run(world.session, 0, 70))
    assert await _used(world) == 2


# who may write what


async def test_an_interval_needs_a_call_that_reached_its_epoch(world: World) -> None:
    silent = await make_session(world.api, world.people.alice)
    foreign = world.people.charlie.organization_id
    for row in (
        _run(silent, 0, 1),
        _run(world.session, 0, 1, epoch=2),
        _run(world.session, 0, 1)._replace(organization_id=foreign),
    ):
        with pytest.raises(NotFoundError):
            await _record(world, row)


@pytest.mark.parametrize(("from_s", "to_s"), [(5, 5), (5, 4), (-1, 5)])
async def test_an_interval_goes_forward_from_media_time_zero(world: World, from_s: int, to_s: int) -> None:
    with pytest.raises(InvalidError):
        await _record(world, _run(world.session, from_s, to_s))


# the release before


def _seconds(session: Session, minute: int, seconds: int) -> UsageSeconds:
    minute_at = MONTH + timedelta(minutes=minute)
    return UsageSeconds(session.id, session.organization_id, session.user_id, minute_at, seconds)


async def _add(world: World, *rows: UsageSeconds) -> None:
    async with transaction(world.media) as conn:
        await usage.add_seconds(conn, rows)


async def test_seconds_of_the_release_before_add_up_within_their_minute(world: World) -> None:
    await _add(world, _seconds(world.session, 0, 50), _seconds(world.session, 0, 5))
    await _add(world, _seconds(world.session, 2, 30))
    await _add(world, _seconds(world.session, 0, 50), _seconds(world.session, 1, 7))
    assert await _minutes(world) == [(MONTH + timedelta(minutes=n), s) for n, s in enumerate((60, 7, 30))]


async def test_seconds_of_the_release_before_and_intervals_go_together(world: World) -> None:
    await _add(world, _seconds(world.session, 0, 20))
    await _record(world, _run(world.session, 30, 45))
    assert await _minutes(world) == [(MONTH, 35)]


async def test_seconds_of_a_session_that_is_not_theirs_are_left_out(world: World) -> None:
    foreign = await make_session(world.api, world.people.charlie)
    await _add(
        world,
        _seconds(world.session, 0, 10)._replace(user_id=world.people.bob.user_id),
        _seconds(world.session, 0, 10)._replace(organization_id=foreign.organization_id),
        _seconds(foreign, 0, 10),  # had no call
    )
    assert await _owner(world, "SELECT count(*) FROM usage_intervals") == [(0,)]


async def test_minutes_from_before_the_ledger_become_intervals_that_say_the_same(empty_database: str) -> None:
    async with owner_connection(empty_database) as conn:
        before, ledger = (
            [migration.sql for migration in migrations() if migration.version in versions]
            for versions in (range(14), (14,))
        )
        for sql in before:
            await conn.execute(sql)
        alice = await make_owner(conn, "Alice")
        began = {0: 0.0, 20.5: 39.0, 59.9: 50.0}  # the last one has more in its first minute than fits
        for offset_s, first in began.items():
            session_id = await conn.fetchval(
                """
                INSERT INTO sessions (user_id, organization_id, title, recording_started_at)
                VALUES ($1, $2, 'Before', $3)
                RETURNING id
                """,
                alice.user_id,
                alice.organization_id,
                MONTH + timedelta(seconds=offset_s),
            )
            await conn.executemany(
                """
                INSERT INTO usage_tracking (organization_id, user_id, session_id, minute_timestamp, seconds_recorded)
                VALUES ($1, $2, $3, $4, $5)
                """,
                [
                    (alice.organization_id, alice.user_id, session_id, MONTH + timedelta(minutes=minute), seconds)
                    for minute, seconds in enumerate((int(first), 60, 0, 17))
                ],
            )
        read = """
        SELECT session_id, sum(seconds_recorded), (array_agg(seconds_recorded ORDER BY minute_timestamp))[2:]
        FROM usage_tracking
        WHERE seconds_recorded > 0
        GROUP BY session_id
        ORDER BY session_id
        """
        said = [tuple(row) for row in await conn.fetch(read)]
        for sql in ledger:
            await conn.execute(sql)
        await conn.execute("SELECT derive_usage(ARRAY(SELECT id FROM sessions))")
        derived = [tuple(row) for row in await conn.fetch(read)]
    assert [row[:2] for row in derived] == [row[:2] for row in said]


# the limit


async def _limit(pool: Pool, of: Person, *, asker: UUID | None = None) -> usage.UsageLimit:
    async with transaction(pool, user_id=asker) as conn:
        return await usage.check_usage_limit(conn, of.user_id, of.organization_id)


@pytest.mark.parametrize(
    ("member_hours", "organization_hours", "plan", "minutes"),
    [
        (None, None, "org_enterprise", None),
        (None, None, "individual_free", 60),
        (None, 5, "org_enterprise", 300),
        (2, 5, "org_enterprise", 120),
        (2, 1, "org_enterprise", 60),
        (0, None, "org_enterprise", 0),
        (None, None, None, 60),
    ],
)
async def test_the_smallest_limit_holds_and_null_limits_nothing(
    world: World, member_hours: int | None, organization_hours: int | None, plan: str | None, minutes: int | None
) -> None:
    alice = world.people.alice
    await _owner(world, "UPDATE organization_members SET monthly_audio_hours_limit = $1", member_hours)
    await _owner(world, "UPDATE organizations SET monthly_audio_hours_limit = $1", organization_hours)
    if plan is None:
        await _owner(world, "UPDATE subscriptions SET status = 'canceled'")
    else:
        await _owner(world, "UPDATE subscriptions SET plan_id = (SELECT id FROM plans WHERE name = $1)", plan)
    by_media = await _limit(world.media, alice)
    assert by_media == await _limit(world.api, alice, asker=alice.user_id)
    assert by_media.minutes_limit == by_media.minutes_remaining == minutes
    assert by_media.is_unlimited is (minutes is None)
    assert by_media.can_record is (minutes != 0)


async def test_a_limit_that_is_reached_ends_recording(world: World) -> None:
    await _owner(world, "UPDATE organizations SET monthly_audio_hours_limit = 1")
    await _record(world, _run(world.session, 0, 59 * 60))
    reached = await _limit(world.media, world.people.alice)
    assert (reached.minutes_used, reached.minutes_remaining, reached.percentage_used) == (59, 1, 98)
    assert reached.can_record
    await _record(world, _run(world.session, 0, 59 * 60 + 1))
    reached = await _limit(world.media, world.people.alice)
    assert (reached.minutes_used, reached.minutes_remaining, reached.percentage_used) == (60, 0, 100)
    assert not reached.can_record


async def test_who_manages_a_person_may_ask_and_a_colleague_may_not(world: World) -> None:
    alice, bob, charlie = world.people.alice, world.people.bob, world.people.charlie
    pro = "SELECT id FROM plans WHERE name = 'individual_pro'"
    await _owner(world, "DELETE FROM subscriptions")
    await _owner(
        world,
        f"INSERT INTO subscriptions (user_id, plan_id, plan_type, status) VALUES ($1, ({pro}), 'monthly', 'active')",  # noqa: S608
        bob.user_id,
    )
    own = await _limit(world.api, bob, asker=bob.user_id)
    assert own.is_unlimited
    assert await _limit(world.api, bob, asker=alice.user_id) == own
    for of, asker in ((alice, bob.user_id), (alice, charlie.user_id), (alice, None)):
        with pytest.raises(NotFoundError) as refusal:
            await _limit(world.api, of, asker=asker)
        assert refusal.value.code == "member_not_found"


async def test_who_is_no_member_has_no_limit_here(world: World) -> None:
    stranger = replace(world.people.charlie, organization_id=world.people.alice.organization_id)
    with pytest.raises(NotFoundError):
        await _limit(world.media, stranger)
