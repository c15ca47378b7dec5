"""The meter: minutes are ceil(seconds of the month / 60), whatever the order, the number or the race of the writers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from db import usage
from db.pool import Pool, owner_connection, transaction
from db.records import Session, UsageSeconds
from tests.conftest import Database
from tests.people import People, connected, make_people, make_session, start_call

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
MONTH = NOW.replace(day=1, hour=0, minute=0)


@dataclass(frozen=True, slots=True)
class World:
    people: People
    api: Pool
    media: Pool
    session: Session
    owner_url: str


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    people = await make_people(database.owner_url)
    async with connected(database.api_url) as api, connected(database.media_url) as media:
        session = await make_session(api, people.alice)
        await start_call(media, session)
        yield World(people, api, media, session, database.owner_url)


def _seconds(session: Session, minute_at: datetime, seconds: int) -> UsageSeconds:
    return UsageSeconds(session.id, session.organization_id, session.user_id, minute_at, seconds)


async def _add(world: World, *rows: UsageSeconds) -> None:
    async with transaction(world.media) as conn:
        await usage.add_seconds(conn, rows)


async def _used(world: World) -> int:
    alice = world.people.alice
    async with transaction(world.api, user_id=alice.user_id) as conn:
        return (await usage.check_usage_limit(conn, alice.user_id, alice.organization_id)).minutes_used


@pytest.mark.parametrize(("seconds", "minutes"), [(0, 0), (1, 1), (46, 1), (60, 1), (120, 2), (121, 3)])
async def test_a_minute_begun_is_a_minute(world: World, seconds: int, minutes: int) -> None:
    parts = [min(60, seconds - start) for start in range(0, seconds, 60)]
    await _add(world, *(_seconds(world.session, MONTH + timedelta(minutes=n), part) for n, part in enumerate(parts)))
    assert await _used(world) == minutes


async def test_many_pieces_of_one_minute_are_one_minute(world: World) -> None:
    for _ in range(26):
        await _add(world, _seconds(world.session, NOW, 1))
    await _add(world, *[_seconds(world.session, NOW, 1)] * 20)
    assert await _used(world) == 1


async def test_a_minute_has_sixty_seconds(world: World) -> None:
    await _add(world, _seconds(world.session, NOW, 50), _seconds(world.session, NOW, 50))
    await _add(world, _seconds(world.session, NOW + timedelta(seconds=59), 50))
    async with transaction(world.media) as conn:
        rows = await conn.fetch("SELECT minute_timestamp, seconds_recorded FROM usage_tracking")
    assert [tuple(row) for row in rows] == [(NOW, 60)]


async def test_two_nodes_that_meter_one_person_lose_nothing(world: World) -> None:
    sessions = [world.session, *[await make_session(world.api, world.people.alice) for _ in range(3)]]
    for session in sessions[1:]:
        await start_call(world.media, session)
    await asyncio.gather(
        *(_add(world, _seconds(session, NOW - timedelta(minutes=n), 30)) for session in sessions for n in range(5))
    )
    async with owner_connection(world.owner_url) as conn:
        total = await conn.fetchval("SELECT sum(total_seconds_used) FROM monthly_usage_cache")
        hours = await conn.fetchval(
            "SELECT total_audio_hours_used FROM organization_members WHERE user_id = $1", world.people.alice.user_id
        )
    assert total == 4 * 5 * 30
    assert float(hours) == 0.17


async def test_months_are_counted_apart(world: World) -> None:
    await _add(world, _seconds(world.session, MONTH - timedelta(minutes=1), 60), _seconds(world.session, MONTH, 30))
    assert await _used(world) == 1
    async with owner_connection(world.owner_url) as conn:
        months = await conn.fetch("SELECT total_seconds_used FROM monthly_usage_cache ORDER BY month_year")
    assert [row["total_seconds_used"] for row in months] == [60, 30]


async def test_the_members_counters_follow(world: World) -> None:
    await _add(world, _seconds(world.session, NOW, 60), _seconds(world.session, NOW - timedelta(seconds=61), 1))
    async with owner_connection(world.owner_url) as conn:
        row = await conn.fetchrow(
            "SELECT current_month_minutes_used, last_session_at FROM organization_members WHERE user_id = $1",
            world.people.alice.user_id,
        )
    assert row is not None
    assert row["current_month_minutes_used"] == await _used(world)
    assert row["last_session_at"] == NOW


async def test_seconds_of_a_session_that_is_not_theirs_are_left_out(world: World) -> None:
    foreign = await make_session(world.api, world.people.charlie)
    await _add(
        world,
        world_row := _seconds(world.session, NOW, 10)._replace(user_id=world.people.bob.user_id),
        world_row._replace(organization_id=foreign.organization_id),
        _seconds(foreign, NOW, 10),  # had no call
    )
    async with owner_connection(world.owner_url) as conn:
        assert await conn.fetchval("SELECT count(*) FROM usage_tracking") == 0


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
    async with owner_connection(world.owner_url) as conn:
        await conn.execute("UPDATE organization_members SET monthly_audio_hours_limit = $1", member_hours)
        await conn.execute("UPDATE organizations SET monthly_audio_hours_limit = $1", organization_hours)
        if plan is None:
            await conn.execute("UPDATE subscriptions SET status = 'canceled'")
        else:
            await conn.execute("UPDATE subscriptions SET plan_id = (SELECT id FROM plans WHERE name = $1)", plan)
    async with transaction(world.media) as conn:
        by_media = await usage.check_usage_limit(conn, alice.user_id, alice.organization_id)
    async with transaction(world.api, user_id=alice.user_id) as conn:
        by_api = await usage.check_usage_limit(conn, alice.user_id, alice.organization_id)
    assert by_media.minutes_limit == by_api.minutes_limit == minutes
