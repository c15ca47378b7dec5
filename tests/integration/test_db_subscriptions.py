"""Plans, and who is on which: whatever Stripe says late, twice or in another order, the rows are the same."""

from __future__ import annotations

import asyncio
import itertools
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from db import plans, subscriptions
from db.errors import InvalidError, NotFoundError
from db.subscriptions import StripeSubscription
from tests.chaos import often
from tests.people import Person
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

BEGUN = datetime(2026, 11, 1, 9, tzinfo=UTC)
_numbers = itertools.count(1)


async def _plan_id(world: World, name: str = "org_starter") -> UUID:
    plan_id: UUID = await world.value("SELECT id FROM plans WHERE name = $1", name)
    return plan_id


async def _told(
    world: World, status: str = "active", *, minutes: int = 0, begun: datetime = BEGUN, **values: Any
) -> StripeSubscription:
    """An event about a subscription of Alice's organization."""
    told = StripeSubscription(
        stripe_subscription_id=f"sub_{next(_numbers)}",
        stripe_customer_id="cus_alice",
        stripe_price_id="price_1",
        organization_id=world.alice.organization_id,
        user_id=None,
        plan_id=await _plan_id(world),
        plan_type="monthly",
        status=status,
        current_period_start=begun,
        current_period_end=begun + timedelta(days=30),
        created_at=begun,
        canceled_at=None,
        stripe_updated_at=begun + timedelta(minutes=minutes),
    )
    return replace(told, **values)


async def _tell(world: World, *events: StripeSubscription) -> list[bool]:
    async with world.by_jobs() as conn:
        return [await subscriptions.upsert_subscription(conn, told) for told in events]


async def _current(world: World, person: Person | None = None) -> subscriptions.Subscription | None:
    async with world.by(person or world.bob) as conn:
        return await subscriptions.current_of_organization(conn, world.alice.organization_id)


async def _rows(world: World, organization_id: UUID) -> list[tuple[Any, ...]]:
    return await world.owner(
        """
        SELECT stripe_subscription_id, status, current_period_end, plan_type, stripe_updated_at
        FROM subscriptions
        WHERE organization_id = $1
        ORDER BY stripe_subscription_id NULLS FIRST
        """,
        organization_id,
    )


# plans


async def test_plans_are_for_everybody_in_their_order(world: World) -> None:
    async with world.by(None) as conn:
        offered = await plans.list_plans(conn)
    assert [plan.name for plan in offered] == ["individual_free", "individual_pro", "org_starter", "org_enterprise"]
    assert (offered[1].price_monthly, offered[1].ai_model_access) == (Decimal("29.00"), ["gpt-4o-mini", "gpt-4o"])


async def test_a_plan_that_is_not_offered_any_more_can_still_be_read(world: World) -> None:
    plan_id = await world.value(
        "INSERT INTO plans (name, display_name, is_active) VALUES ($1, 'Old', false) RETURNING id", str(uuid4())[:50]
    )
    async with world.by(world.bob) as conn:
        assert (await plans.get_plan(conn, plan_id)).display_name == "Old"
        assert plan_id not in {plan.id for plan in await plans.list_plans(conn)}


async def test_a_plan_that_never_was_is_not_found(world: World) -> None:
    with pytest.raises(NotFoundError) as refusal:
        async with world.by(world.bob) as conn:
            await plans.get_plan(conn, uuid4())
    assert refusal.value.code == "plan_not_found"


async def test_a_price_of_stripe_buys_a_plan(world: World) -> None:
    plan_id = await _plan_id(world)
    await world.owner(
        """
        INSERT INTO plans (name, display_name, stripe_price_id_monthly, is_active)
        VALUES ($1, 'Not offered any more', 'price_m', false)
        """,
        str(uuid4()),
    )
    await world.owner(
        "UPDATE plans SET stripe_price_id_monthly = 'price_m', stripe_price_id_yearly = 'price_y' WHERE id = $1",
        plan_id,
    )
    async with world.by_jobs() as conn:
        assert await plans.find_price(conn, "price_m") == plans.Price(plan_id, "monthly")
        assert await plans.find_price(conn, "price_y") == plans.Price(plan_id, "yearly")
        assert await plans.find_price(conn, "price_of_another_shop") is None


# who reads


async def test_members_read_what_their_organization_is_on(world: World) -> None:
    for person in (world.alice, world.bob):
        current = await _current(world, person)
        assert current is not None
        assert (current.plan_id, current.status) == (await _plan_id(world, "org_enterprise"), "active")


async def test_a_stranger_reads_nothing_of_it(world: World) -> None:
    assert await _current(world, world.charlie) is None


async def test_ones_own_subscription_is_nobody_elses(world: World) -> None:
    await _tell(world, await _told(world, organization_id=None, user_id=world.bob.user_id))
    async with world.by(world.bob) as conn:
        own = await subscriptions.current_of_user(conn, world.bob.user_id)
    assert own is not None
    assert (own.user_id, own.organization_id) == (world.bob.user_id, None)
    async with world.by(world.alice) as conn:
        assert await subscriptions.current_of_user(conn, world.bob.user_id) is None
    assert own.stripe_subscription_id is not None
    async with world.by_jobs() as conn:
        await subscriptions.cancel_subscription(conn, own.stripe_subscription_id, BEGUN)
    async with world.by(world.bob) as conn:
        assert await subscriptions.current_of_user(conn, world.bob.user_id) is None


async def test_no_tenant_writes_subscriptions(world: World) -> None:
    told = await _told(world)
    for query in (
        lambda conn: subscriptions.upsert_subscription(conn, told),
        lambda conn: subscriptions.cancel_subscription(conn, told.stripe_subscription_id, BEGUN),
        lambda conn: subscriptions.insert_event(conn, uuid4(), world.alice.user_id, "renewed", {}),
    ):
        with pytest.raises(NotFoundError):
            async with world.by(world.alice) as conn:
                await query(conn)


# what Stripe says


async def test_a_paid_subscription_takes_the_place_of_the_one_before(world: World) -> None:
    told = await _told(world)
    assert await _tell(world, told) == [True]
    current = await _current(world)
    assert current is not None
    assert (current.stripe_subscription_id, current.plan_id) == (told.stripe_subscription_id, told.plan_id)
    assert [status for _, status, *_ in await _rows(world, world.alice.organization_id)] == ["canceled", "active"]


async def test_one_that_is_not_paid_yet_changes_nothing_else(world: World) -> None:
    before = await _current(world)
    await _tell(world, await _told(world, "incomplete"))
    assert await _current(world) == before


async def test_an_attempt_that_was_never_paid_is_in_nobodys_way(world: World) -> None:
    paid = await _told(world)
    attempt = await _told(world, "incomplete", begun=BEGUN + timedelta(hours=1))
    await _tell(world, attempt, paid)
    current = await _current(world)
    assert current is not None
    assert current.stripe_subscription_id == paid.stripe_subscription_id


async def test_what_was_told_before_changes_nothing(world: World) -> None:
    told = await _told(world)
    assert await _tell(world, told, told) == [True, False]


async def test_what_is_older_than_what_is_known_changes_nothing(world: World) -> None:
    created = await _told(world)
    canceled = replace(created, status="canceled", stripe_updated_at=BEGUN + timedelta(minutes=5))
    assert await _tell(world, canceled, created) == [True, False]
    assert await _current(world) is None


async def test_of_one_second_what_is_further_on_counts(world: World) -> None:
    incomplete = await _told(world, "incomplete")
    active = replace(incomplete, status="active")
    assert await _tell(world, active, incomplete) == [True, False]
    current = await _current(world)
    assert current is not None
    assert current.stripe_subscription_id == active.stripe_subscription_id


async def test_a_customer_who_canceled_subscribes_again(world: World) -> None:
    first = await _told(world)
    await _tell(world, first, replace(first, status="canceled", stripe_updated_at=BEGUN + timedelta(days=1)))
    second = await _told(world, begun=BEGUN + timedelta(days=2))
    await _tell(world, second)
    current = await _current(world)
    assert current is not None
    assert current.stripe_subscription_id == second.stripe_subscription_id


async def test_a_cancellation_ends_what_is_known(world: World) -> None:
    told = await _told(world)
    await _tell(world, told)
    async with world.by_jobs() as conn:
        assert await subscriptions.cancel_subscription(conn, told.stripe_subscription_id, BEGUN + timedelta(days=1))
        assert not await subscriptions.cancel_subscription(conn, told.stripe_subscription_id, BEGUN)
        assert not await subscriptions.cancel_subscription(conn, "sub_unknown", BEGUN)
    assert await _tell(world, replace(told, stripe_updated_at=BEGUN + timedelta(hours=1))) == [False]
    assert await _current(world) is None
    assert await world.value(
        "SELECT canceled_at FROM subscriptions WHERE stripe_subscription_id = $1", told.stripe_subscription_id
    ) == BEGUN + timedelta(days=1)


async def test_somebody_pays(world: World) -> None:
    with pytest.raises(NotFoundError) as refusal:
        await _tell(world, await _told(world, organization_id=uuid4()))
    assert refusal.value.code == "payer_not_found"


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"status": "paused"}, "subscriptions_status_check"),
        ({"plan_type": "weekly"}, "subscriptions_plan_type_check"),
        ({"plan_id": UUID(int=0)}, "subscriptions_plan_id_fkey"),
        ({"current_period_end": BEGUN - timedelta(days=1)}, "subscriptions_period_check"),
    ],
)
async def test_a_rule_that_is_broken_is_told_by_name(world: World, values: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidError) as refusal:
        await _tell(world, await _told(world, **values))
    assert refusal.value.code == code


async def _history(world: World) -> list[StripeSubscription]:
    """Two subscriptions and an attempt, with events of one second, as they happened at Stripe."""
    first = await _told(world, "incomplete")
    attempt = await _told(world, "incomplete", begun=BEGUN + timedelta(hours=1))
    second = await _told(world, "incomplete", begun=BEGUN + timedelta(hours=2))

    def later(told: StripeSubscription, status: str, minutes: int) -> StripeSubscription:
        at = BEGUN + timedelta(minutes=minutes)
        return replace(told, status=status, stripe_updated_at=at, current_period_end=at + timedelta(days=30))

    return [
        first, replace(first, status="active"), later(first, "past_due", 10), later(first, "active", 20), attempt,
        second, replace(second, status="trialing"), later(first, "active", 130), later(second, "active", 140),
        later(first, "canceled", 150), later(second, "past_due", 160),
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.chaos
async def test_events_in_any_order_and_twice_come_to_the_same_rows(world: World) -> None:
    """25: out of order, duplicated, two active at once."""
    history = await _history(world)
    orders = random.Random(25)
    for ended in (False, True):
        events = [*history, replace(history[-1], status="canceled", stripe_updated_at=BEGUN + timedelta(days=9))]
        known = events if ended else history
        outcomes = []
        for _ in range(often(6, 300)):
            await world.owner("DELETE FROM subscriptions WHERE organization_id = $1", world.alice.organization_id)
            told = known + orders.choices(known, k=4)
            orders.shuffle(told)
            await _tell(world, *told)
            outcomes.append(await _rows(world, world.alice.organization_id))
        assert all(outcome == outcomes[0] for outcome in outcomes)
        second = "canceled" if ended else "past_due"
        assert [status for _, status, *_ in outcomes[0]] == ["canceled", "incomplete", second]


async def test_workers_at_once_come_to_the_same_rows(world: World) -> None:
    history = await _history(world)
    await asyncio.gather(*(_tell(world, told) for told in history))
    statuses = [status for _, status, *_ in await _rows(world, world.alice.organization_id)]
    assert statuses == ["canceled", "canceled", "incomplete", "past_due"]


# what happened


async def test_what_happened_is_told_to_whom_it_concerns(world: World) -> None:
    told = await _told(world)
    await _tell(world, told)
    current = await _current(world)
    assert current is not None
    async with world.by_jobs() as conn:
        for kind in ("subscribed", "renewed", "canceled"):
            await subscriptions.insert_event(conn, current.id, world.alice.user_id, kind, {"amount_cents": 7900})
    async with world.by(world.alice) as conn:
        [first, *_] = page = await subscriptions.list_events(conn, current.id, limit=2)
        rest = await subscriptions.list_events(conn, current.id, before=(page[-1].created_at, page[-1].id))
    assert sorted(event.event_type for event in page + rest) == ["canceled", "renewed", "subscribed"]
    assert (first.organization_id, first.metadata) == (world.alice.organization_id, {"amount_cents": 7900})
    for person in (world.bob, world.charlie):
        async with world.by(person) as conn:
            assert await subscriptions.list_events(conn, current.id) == []


async def test_nothing_happens_to_a_subscription_that_never_was(world: World) -> None:
    with pytest.raises(NotFoundError) as refusal:
        async with world.by_jobs() as conn:
            await subscriptions.insert_event(conn, uuid4(), world.alice.user_id, "renewed", {})
    assert refusal.value.code == "subscription_not_found"
