"""Which plan an organization, or a single person, is on: read by them, written by jobs as Stripe tells it.

Rules:
- Stripe's events come late, twice and in any order; the rows that come of them are the same. What is older than what
  is known changes nothing; of one second, what is further on in a subscription's life counts.
- One is live (active, trialing, past_due) for each payer: the one begun last at Stripe. As soon as it is more than
  incomplete, those begun before it, and whatever Stripe knows nothing of, are canceled here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from db.errors import InvalidError, NotFoundError
from db.pool import Connection

_LIFE = ("incomplete", "trialing", "active", "past_due", "unpaid", "canceled")
"""Stripe's clock has whole seconds. Within one, a subscription goes on in this order: the place is kept as
microseconds of `stripe_updated_at`."""


@dataclass(frozen=True, slots=True)
class Subscription:
    id: UUID
    organization_id: UUID | None
    user_id: UUID | None
    plan_id: UUID
    stripe_customer_id: str | None
    stripe_subscription_id: str | None
    stripe_price_id: str | None
    plan_type: str
    status: str
    current_period_start: datetime | None
    current_period_end: datetime | None
    created_at: datetime
    canceled_at: datetime | None
    stripe_updated_at: datetime | None
    """None: Stripe knows nothing of it."""


@dataclass(frozen=True, slots=True)
class StripeSubscription:
    """A subscription as one of Stripe's events tells it, whole."""

    stripe_subscription_id: str
    stripe_customer_id: str
    stripe_price_id: str
    organization_id: UUID | None
    """Who pays: this, or a single person."""
    user_id: UUID | None
    plan_id: UUID
    plan_type: str
    status: str
    current_period_start: datetime | None
    current_period_end: datetime | None
    created_at: datetime
    """When it began at Stripe."""
    canceled_at: datetime | None
    stripe_updated_at: datetime
    """When the event happened at Stripe."""


@dataclass(frozen=True, slots=True)
class SubscriptionEvent:
    id: UUID
    user_id: UUID
    organization_id: UUID | None
    subscription_id: UUID | None
    event_type: str
    metadata: dict[str, Any] | None
    created_at: datetime


async def current_of_organization(conn: Connection, organization_id: UUID) -> Subscription | None:
    """The live one; None: the free plan holds."""
    row = await conn.fetchrow(
        """
        SELECT
            id, organization_id, user_id, plan_id, stripe_customer_id, stripe_subscription_id, stripe_price_id,
            plan_type, status, current_period_start, current_period_end, created_at, canceled_at, stripe_updated_at
        FROM subscriptions
        WHERE organization_id = $1
            AND status IN ('active', 'trialing', 'past_due')
        """,
        organization_id,
    )
    return Subscription(**row) if row else None


async def current_of_user(conn: Connection, user_id: UUID) -> Subscription | None:
    """The person's own live one; None: their organization's, or the free plan, holds."""
    row = await conn.fetchrow(
        """
        SELECT
            id, organization_id, user_id, plan_id, stripe_customer_id, stripe_subscription_id, stripe_price_id,
            plan_type, status, current_period_start, current_period_end, created_at, canceled_at, stripe_updated_at
        FROM subscriptions
        WHERE user_id = $1
            AND status IN ('active', 'trialing', 'past_due')
        """,
        user_id,
    )
    return Subscription(**row) if row else None


async def upsert_subscription(conn: Connection, told: StripeSubscription) -> bool:
    """Take over what an event says; False if as much, or more, was known already. For jobs.

    Raises:
        NotFoundError: there is no such payer.
        InvalidError: a value.
    """
    if told.status not in _LIFE:
        raise InvalidError("subscriptions_status_check")
    await _lock_payer(conn, told)
    if told.status != "incomplete":
        await _cancel_earlier(conn, told)
    status = await conn.execute(
        """
        INSERT INTO subscriptions AS known (
            organization_id, user_id, plan_id, stripe_customer_id, stripe_subscription_id, stripe_price_id, plan_type,
            status, current_period_start, current_period_end, created_at, canceled_at, stripe_updated_at
        )
        SELECT
            $1, $2, $3, $4, $5, $6, $7, CASE WHEN superseded.by_another THEN 'canceled' ELSE $8 END, $9, $10, $11,
            CASE WHEN superseded.by_another THEN coalesce($12, now()) ELSE $12 END, $13
        FROM (
            SELECT $8 IN ('active', 'trialing', 'past_due') AND EXISTS (
                SELECT FROM subscriptions
                WHERE (organization_id = $1 OR user_id = $2)
                    AND stripe_subscription_id IS NOT NULL
                    AND status <> 'incomplete'
                    AND (created_at, stripe_subscription_id) > ($11, $5)
            ) AS by_another
        ) AS superseded
        ON CONFLICT (stripe_subscription_id) DO UPDATE
        SET plan_id = excluded.plan_id,
            stripe_customer_id = excluded.stripe_customer_id,
            stripe_price_id = excluded.stripe_price_id,
            plan_type = excluded.plan_type,
            status = excluded.status,
            current_period_start = excluded.current_period_start,
            current_period_end = excluded.current_period_end,
            canceled_at = excluded.canceled_at,
            stripe_updated_at = excluded.stripe_updated_at
        WHERE known.stripe_updated_at < excluded.stripe_updated_at
        """,
        told.organization_id,
        told.user_id,
        told.plan_id,
        told.stripe_customer_id,
        told.stripe_subscription_id,
        told.stripe_price_id,
        told.plan_type,
        told.status,
        told.current_period_start,
        told.current_period_end,
        told.created_at,
        told.canceled_at or (told.stripe_updated_at if told.status == "canceled" else None),
        _instant(told.stripe_updated_at, told.status),
    )
    return status == "INSERT 0 1"


async def cancel_subscription(conn: Connection, stripe_subscription_id: str, at: datetime) -> bool:
    """It ended at Stripe at that instant; False if it is not known, or had ended. For jobs.

    An event that tells the whole of it goes to `upsert_subscription`: then one that comes later cannot revive it.
    """
    status = await conn.execute(
        """
        UPDATE subscriptions
        SET status = 'canceled',
            canceled_at = $2,
            stripe_updated_at = greatest(stripe_updated_at, $3)
        WHERE stripe_subscription_id = $1
            AND status <> 'canceled'
        """,
        stripe_subscription_id,
        at,
        _instant(at, "canceled"),
    )
    return status == "UPDATE 1"


async def insert_event(
    conn: Connection, subscription_id: UUID, user_id: UUID, event_type: str, metadata: dict[str, Any]
) -> None:
    """What happened to one, for the people it concerns: codes, dates and amounts. For jobs.

    Raises:
        NotFoundError
    """
    status = await conn.execute(
        """
        INSERT INTO subscription_events (user_id, organization_id, subscription_id, event_type, metadata)
        SELECT $2, organization_id, id, $3, $4
        FROM subscriptions
        WHERE id = $1
        """,
        subscription_id,
        user_id,
        event_type,
        orjson.dumps(metadata).decode(),
    )
    if status != "INSERT 0 1":
        raise NotFoundError("subscription_not_found")


async def list_events(
    conn: Connection, subscription_id: UUID, *, limit: int = 50, before: tuple[datetime, UUID] | None = None
) -> list[SubscriptionEvent]:
    """Newest first, those that come after `before` (created_at and id of the last one seen)."""
    created_before, id_before = before or (None, None)
    rows = await conn.fetch(
        """
        SELECT id, user_id, organization_id, subscription_id, event_type, metadata, created_at
        FROM subscription_events
        WHERE subscription_id = $1
            AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3))
        ORDER BY created_at DESC, id DESC
        LIMIT $4
        """,
        subscription_id,
        created_before,
        id_before,
        limit,
    )
    return [SubscriptionEvent(**{**row, "metadata": row["metadata"] and orjson.loads(row["metadata"])}) for row in rows]


def _instant(at: datetime, status: str) -> datetime:
    return at.replace(microsecond=0) + timedelta(microseconds=_LIFE.index(status))


async def _lock_payer(conn: Connection, told: StripeSubscription) -> None:
    """Two of one payer's subscriptions are taken over one after the other."""
    locked = await conn.fetch("SELECT id FROM organizations WHERE id = $1 FOR NO KEY UPDATE", told.organization_id)
    locked += await conn.fetch("SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE", told.user_id)
    if not locked:
        raise NotFoundError("payer_not_found")


async def _cancel_earlier(conn: Connection, told: StripeSubscription) -> None:
    await conn.execute(
        """
        UPDATE subscriptions
        SET status = 'canceled',
            canceled_at = now()
        WHERE (organization_id = $1 OR user_id = $2)
            AND status IN ('active', 'trialing', 'past_due')
            AND (stripe_subscription_id IS NULL OR (created_at, stripe_subscription_id) < ($3, $4))
        """,
        told.organization_id,
        told.user_id,
        told.created_at,
        told.stripe_subscription_id,
    )
