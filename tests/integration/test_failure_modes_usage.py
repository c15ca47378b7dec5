"""Ways in which an earlier product with these tables charged people for what they had not used, or for nothing at all.

The numbers are those of tests/FAULTS.md.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from db import sessions, stripe_events, subscriptions, usage
from db.errors import InvalidError, NotFoundError
from db.pool import transaction
from db.records import Session
from db.subscriptions import StripeSubscription
from db.usage import UsageInterval, UsageSeconds
from tests.people import Person, start_call
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

MONTH = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
ANN = uuid4()


async def _call(world: World, began: datetime = MONTH, person: Person | None = None) -> Session:
    """A session in which somebody was heard."""
    session = await world.session(person or world.alice)
    await start_call(world.ground.media, session)
    async with world.by_media() as conn:
        await sessions.activate_session(conn, session.id, began)
    return session


async def _record(
    world: World, session: Session, *runs_s: tuple[float, float], who: UUID = ANN, zone: str = "UTC"
) -> None:
    rows = [
        UsageInterval(session.id, session.organization_id, who, 1, round(from_s * 1000), round(to_s * 1000))
        for from_s, to_s in runs_s
    ]
    async with world.by_media() as conn:
        await conn.execute("SELECT set_config('timezone', $1, true)", zone)
        await usage.record_intervals(conn, rows)


async def _complete(world: World, session: Session) -> None:
    async with world.by_media() as conn:
        await sessions.complete_session(conn, session.id, MONTH)


async def _limit(world: World, person: Person | None = None) -> usage.UsageLimit:
    asked = person or world.alice
    async with world.by_media() as conn:
        return await usage.check_usage_limit(conn, asked.user_id, asked.organization_id)


async def _used(world: World) -> int:
    return (await _limit(world)).minutes_used


async def _months(world: World) -> dict[str, int]:
    return dict(
        await world.owner(
            "SELECT month_year, total_seconds_used FROM monthly_usage_cache WHERE user_id = $1", world.alice.user_id
        )
    )


async def _duration(world: World, session: Session) -> int:
    duration: int = await world.value("SELECT recording_duration_seconds FROM sessions WHERE id = $1", session.id)
    return duration


# the meter


async def test_16_forty_six_seconds_in_twenty_six_pieces_are_one_minute(world: World) -> None:
    """Every row was charged as a minute."""
    session = await _call(world)
    for piece in range(26):
        await _record(world, session, (piece * 2, piece * 2 + (1.8 if piece else 1)))
    assert await _duration(world, session) == 46
    assert await _used(world) == 1


async def test_17_a_second_part_of_the_same_minute_counts(world: World) -> None:
    """It was thrown away as a duplicate."""
    session = await _call(world)
    await _record(world, session, (0, 20))
    await _record(world, session, (30, 50))
    assert await _duration(world, session) == 40


async def test_17_a_stop_right_after_a_full_minute_counts_it_once(world: World) -> None:
    """Sixty seconds were sent again."""
    session = await _call(world)
    await _record(world, session, (0, 60))
    await _record(world, session, (0, 60.4))
    assert await _duration(world, session) == 60


async def test_17_reports_that_come_late_do_not_drift(world: World) -> None:
    """A timer of sixty seconds fired after sixty-one, or rarely, in a tab in the background."""
    session = await _call(world)
    for at_s in (61, 122, 183, 400, 1_234, 3_599.9):
        await _record(world, session, (0, at_s))
    assert await _duration(world, session) == 3_599
    await _record(world, session, (0, 3_600))
    assert await _used(world) == 60


async def test_18_the_last_part_counts_when_the_session_is_completed_already(world: World) -> None:
    """It was refused, for the status had changed."""
    session = await _call(world)
    await _record(world, session, (0, 20))
    await _complete(world, session)
    await _record(world, session, (0, 29))
    assert await _duration(world, session) == 29
    assert await _used(world) == 1


async def test_23_two_meters_of_one_session_add_up(world: World) -> None:
    """The second one wrote its own minutes over the first one's, and stamps with seconds were minutes of their own."""
    session = await _call(world)
    await _record(world, session, (30, 50))
    minute_at = MONTH + timedelta(seconds=17, microseconds=5)
    old = UsageSeconds(session.id, session.organization_id, session.user_id, minute_at, 10)
    async with world.by_media() as conn:
        await usage.add_seconds(conn, [old])
    assert await _months(world) == {f"{MONTH:%Y-%m}": 30}
    rows = "SELECT minute_timestamp, seconds_recorded FROM usage_tracking WHERE session_id = $1"
    assert await world.owner(rows, session.id) == [(MONTH, 30)]
    with pytest.raises(InvalidError) as refusal:
        await world.owner(
            "UPDATE usage_tracking SET minute_timestamp = $2 WHERE session_id = $1", session.id, minute_at
        )
    assert refusal.value.code == "usage_tracking_minute_timestamp_check"


# months and counters


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles"])
async def test_21_a_month_is_a_calendar_month_in_utc_wherever_the_database_is(world: World, zone: str) -> None:
    """It was the database's zone's, or the subscription's, and what was written under one was read under another."""
    await world.owner(
        "UPDATE subscriptions SET current_period_start = $2, current_period_end = $3 WHERE organization_id = $1",
        world.alice.organization_id,
        MONTH - timedelta(days=10),
        MONTH + timedelta(days=20),
    )
    session = await _call(world, NEW_YEAR - timedelta(seconds=30))
    await _record(world, session, (0, 90), zone=zone)
    assert await _months(world) == {"2025-12": 30, "2026-01": 60}
    current = await _call(world)
    await _record(world, current, (0, 61), zone=zone)
    async with transaction(world.ground.api, user_id=world.alice.user_id) as conn:
        await conn.execute("SELECT set_config('timezone', $1, true)", zone)
        limit = await usage.check_usage_limit(conn, world.alice.user_id, world.alice.organization_id)
    assert limit.minutes_used == 2


async def test_22_two_calls_of_one_person_at_once_lose_nothing(world: World) -> None:
    """The month was read, added to and written without a lock."""
    calls = [await _call(world) for _ in range(2)]
    await asyncio.gather(
        *(_record(world, session, (n * 10, n * 10 + 10), who=uuid4()) for n in range(6) for session in calls)
    )
    assert await _months(world) == {f"{MONTH:%Y-%m}": 120}


async def test_22_the_month_follows_when_minutes_are_corrected(world: World) -> None:
    """It kept what had been taken back."""
    session = await _call(world)
    await _record(world, session, (0, 130))
    key = (session.id,)
    await world.owner("UPDATE usage_tracking SET seconds_recorded = 1 WHERE session_id = $1", *key)
    assert (await _used(world), await _duration(world, session)) == (1, 3)
    await world.owner("DELETE FROM usage_tracking WHERE session_id = $1", *key)
    assert (await _used(world), await _duration(world, session)) == (0, 0)


async def test_22_a_deleted_session_keeps_its_usage(world: World) -> None:
    """Its minutes went with it, and computing the month anew lost what had been charged."""
    session, other = await _call(world), await _call(world)
    await _record(world, session, (0, 61))
    await world.delete_session(session)
    with pytest.raises(InvalidError):
        await world.owner("DELETE FROM sessions WHERE id = $1", session.id)
    await _record(world, other, (0, 60))
    assert await _used(world) == 3


# limits


async def test_19_somebody_new_may_record(world: World) -> None:
    """Before anything was known, 0 of 0 minutes were used, and that was too many."""
    await world.owner("DELETE FROM subscriptions WHERE organization_id = $1", world.alice.organization_id)
    assert await _limit(world) == usage.UsageLimit(0, 60, 60, 0, is_unlimited=False, can_record=True)


async def test_19_telling_the_same_again_is_no_error(world: World) -> None:
    """The same minute was sent again and again, and refused every time."""
    session = await _call(world)
    for _ in range(3):
        await _record(world, session, (0, 60))
    assert await _used(world) == 1


async def _put_on_plan(world: World, hours: int | None, minutes: int | None) -> None:
    await world.owner(
        """
        WITH plan AS (
            INSERT INTO plans (name, display_name, monthly_audio_hours_limit, monthly_audio_minutes_limit)
            VALUES ($2, 'A plan', $3, $4)
            RETURNING id
        )
        UPDATE subscriptions
        SET plan_id = plan.id
        FROM plan
        WHERE organization_id = $1
        """,
        world.alice.organization_id,
        f"plan {uuid4().hex}",
        hours,
        minutes,
    )


@pytest.mark.parametrize(
    ("hours", "minutes", "limit"), [(None, None, None), (None, 5, 5), (1, 5, 5), (2, None, 120), (None, 0, 0)]
)
async def test_20_null_is_unlimited_nought_is_nothing_and_five_minutes_are_five(
    world: World, hours: int | None, minutes: int | None, limit: int | None
) -> None:
    """NULL was unlimited, ten hours or one; five minutes were 0.083 hours, and so nought, and so no limit."""
    await _put_on_plan(world, hours, minutes)
    told = await _limit(world)
    assert (told.minutes_limit, told.is_unlimited, told.can_record) == (limit, limit is None, limit != 0)


def _subscription(world: World, plan_id: UUID, **values: object) -> StripeSubscription:
    begun = datetime(2026, 1, 10, tzinfo=UTC)
    told = StripeSubscription(
        stripe_subscription_id=f"sub_{uuid4().hex}",
        stripe_customer_id="cus_alice",
        stripe_price_id="price_1",
        organization_id=world.alice.organization_id,
        user_id=None,
        plan_id=plan_id,
        plan_type="monthly",
        status="active",
        current_period_start=begun,
        current_period_end=begun + timedelta(days=30),
        created_at=begun,
        canceled_at=None,
        stripe_updated_at=begun,
    )
    return replace(told, **values)  # type: ignore[arg-type]


async def _tell(world: World, *events: StripeSubscription) -> None:
    async with world.by_jobs() as conn:
        for told in events:
            await subscriptions.upsert_subscription(conn, told)


async def _plan(world: World, name: str) -> UUID:
    plan_id: UUID = await world.value("SELECT id FROM plans WHERE name = $1", name)
    return plan_id


async def test_24_the_limit_changes_with_the_subscription_at_once(world: World) -> None:
    """An upgrade raised nothing, and a cancellation never lowered anything."""
    await world.owner("DELETE FROM subscriptions WHERE organization_id = $1", world.alice.organization_id)
    assert (await _limit(world)).minutes_limit == 60
    upgraded = _subscription(world, await _plan(world, "org_starter"))
    await _tell(world, upgraded)
    assert (await _limit(world)).is_unlimited
    later = upgraded.stripe_updated_at + timedelta(days=1)
    await _tell(world, replace(upgraded, status="canceled", canceled_at=later, stripe_updated_at=later))
    assert (await _limit(world)).minutes_limit == 60


async def test_24_members_have_their_organizations_plan(world: World) -> None:
    """Only the person who paid was looked up; everybody else was on the free plan."""
    await _put_on_plan(world, None, 777)
    assert (await _limit(world, world.bob)).minutes_limit == 777


async def test_26_what_was_recorded_is_charged_once_when_more_is_bought(world: World) -> None:
    """Minutes that were bought were charged beside the usage they were meant to cover: it grew, and they shrank."""
    session = await _call(world)
    await _put_on_plan(world, None, 60)
    await _record(world, session, (0, 3_000))
    before = await _limit(world)
    assert (before.minutes_used, before.minutes_remaining) == (50, 10)
    await _put_on_plan(world, None, 160)
    after = await _limit(world)
    assert (after.minutes_used, after.minutes_remaining) == (50, 110)
    await _record(world, session, (0, 3_060))
    assert (await _limit(world)).minutes_remaining == 109


async def test_43_every_counter_that_is_shown_moves_with_a_recording(world: World) -> None:
    """Some stayed 0 for ever, because what should have filled them named columns that were not there."""
    counters = """
        SELECT total_sessions_count, total_audio_hours_used, current_month_minutes_used, last_session_at
        FROM organization_members
        WHERE user_id = $1
    """
    [before] = await world.owner(counters, world.alice.user_id)
    session = await _call(world)
    await _record(world, session, (0, 360))
    [after] = await world.owner(counters, world.alice.user_id)
    assert [*map(float, before[:3]), before[3]] == [0, 0, 0, None]
    assert [*map(float, after[:3]), after[3]] == [1, 0.1, 6, MONTH + timedelta(minutes=5)]
    assert await _duration(world, session) == 360


# payment


async def test_25_an_event_that_comes_twice_is_kept_once(world: World) -> None:
    """It was applied twice; and one that could not be stored was answered as if it had been."""
    event_id = f"evt_{uuid4().hex}"
    async with world.by(None) as conn:
        told = [await stripe_events.receive_event(conn, event_id, "invoice.paid", {}, NEW_YEAR) for _ in range(2)]
    assert told == [True, False]
    with pytest.raises(InvalidError):  # so that Stripe is not answered, and sends it again
        async with world.by(None) as conn:
            await stripe_events.receive_event(conn, "", "invoice.paid", {}, NEW_YEAR)


async def test_25_events_out_of_order_come_to_the_same(world: World) -> None:
    """What came late won."""
    first = _subscription(world, await _plan(world, "org_starter"))
    later = first.stripe_updated_at + timedelta(hours=1)
    canceled = replace(first, status="canceled", canceled_at=later, stripe_updated_at=later)
    await _tell(world, canceled, first)
    known = "SELECT status FROM subscriptions WHERE stripe_subscription_id = $1"
    assert await world.owner(known, first.stripe_subscription_id) == [("canceled",)]


async def test_25_a_customer_may_subscribe_again_and_has_one_that_is_live(world: World) -> None:
    """The customer's id was unique; and two subscriptions of one payer were active."""
    plan_id = await _plan(world, "org_starter")
    first = _subscription(world, plan_id)
    second = _subscription(world, plan_id, created_at=first.created_at + timedelta(days=1))
    await _tell(world, second, first)
    live = await world.owner(
        """
        SELECT stripe_subscription_id
        FROM subscriptions
        WHERE organization_id = $1
            AND status IN ('active', 'trialing', 'past_due')
        """,
        world.alice.organization_id,
    )
    assert live == [(second.stripe_subscription_id,)]


# who may write, and what


async def test_27_nobody_writes_their_own_bill(world: World) -> None:
    """People could insert and change the rows of their usage, and the page that metered could just not send them."""
    session = await _call(world)
    await _record(world, session, (0, 30))
    own = (session.organization_id, session.user_id, session.id)
    minute = """
    INSERT INTO usage_tracking (organization_id, user_id, session_id, minute_timestamp)
    VALUES ($1, $2, $3, date_trunc('minute', now()))
    """
    for statement, values in (
        (minute, own),
        ("UPDATE usage_tracking SET seconds_recorded = 0", ()),
        ("DELETE FROM usage_tracking", ()),
        ("UPDATE monthly_usage_cache SET total_seconds_used = 0, total_minutes_used = 0", ()),
        ("UPDATE organization_members SET current_month_minutes_used = 0", ()),
        ("UPDATE usage_intervals SET to_ms = from_ms + 1", ()),
        ("DELETE FROM usage_intervals", ()),
    ):
        with pytest.raises(NotFoundError):
            async with world.by(world.alice) as conn:
                await conn.execute(statement, *values)
    assert await _months(world) == {f"{MONTH:%Y-%m}": 30}


async def test_28_a_word_that_is_not_in_the_set_is_refused_aloud(world: World) -> None:
    """`limit_exceeded` was not stored, and nobody noticed."""
    with pytest.raises(InvalidError) as refusal:
        await world.owner(
            """
            INSERT INTO sessions (organization_id, user_id, title, status)
            VALUES ($1, $2, 'A call', 'limit_exceeded')
            """,
            world.alice.organization_id,
            world.alice.user_id,
        )
    assert refusal.value.code == "sessions_status_check"


async def test_28_no_rule_accepts_everything_because_of_a_null_in_its_list(world: World) -> None:
    """`x = ANY (ARRAY[…, NULL])` is never false, and what is not false passes a CHECK."""
    rules = await world.owner("SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c'")
    assert len(rules) > 50
    assert [name for name, rule in rules if re.search(r"ARRAY\[[^\]]*\bNULL\b", rule)] == []
