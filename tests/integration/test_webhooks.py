"""Other systems that are told: set up by managers, told once by one sender, and again when that one dies."""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta
from uuid import UUID

import pytest

from db import webhook_deliveries, webhooks
from db.errors import InvalidError, NotFoundError
from db.pool import transaction
from db.webhook_deliveries import DueDelivery
from db.webhooks import EndpointChanges, WebhookEndpoint
from tests.people import Person
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = bytes(range(32))
EVENT = "session.completed"


async def make_endpoint(world: World, person: Person, url: str = "https://example.org/hook") -> WebhookEndpoint:
    async with world.by(person) as conn:
        return await webhooks.insert_endpoint(
            conn,
            organization_id=person.organization_id,
            url=url,
            signing_secret=SECRET,
            event_types=[EVENT],
            created_by=person.user_id,
        )


async def tell(world: World, organization_id: UUID, event_type: str = EVENT) -> int:
    async with world.by_jobs() as conn:
        return await webhook_deliveries.tell(conn, organization_id, event_type, {"id": "1"})


async def claim(world: World, endpoint: WebhookEndpoint) -> list[DueDelivery]:
    """Those of this test."""
    async with world.by_jobs() as conn:
        due = await webhook_deliveries.claim_due(conn, limit=100)
    return [delivery for delivery in due if delivery.endpoint_id == endpoint.id]


# endpoints ----------------------------------------------------------------------------------------------------------


async def test_managers_set_an_endpoint_up_change_it_and_take_it_away(world: World) -> None:
    endpoint = await make_endpoint(world, world.alice)
    changes: EndpointChanges = {"url": "https://example.org/other", "event_types": ["a", "b"], "is_active": False}
    async with world.by(world.alice) as conn:
        changed = await webhooks.update_endpoint(conn, endpoint.organization_id, endpoint.id, changes)
        assert await webhooks.list_endpoints(conn, endpoint.organization_id) == [changed]
        assert (changed.url, changed.event_types, changed.is_active) == ("https://example.org/other", ["a", "b"], False)
        await webhooks.delete_endpoint(conn, endpoint.organization_id, endpoint.id)
        assert await webhooks.list_endpoints(conn, endpoint.organization_id) == []


async def test_nobody_else_has_to_do_with_it(world: World) -> None:
    endpoint = await make_endpoint(world, world.alice)
    await tell(world, endpoint.organization_id)
    for person in (world.bob, world.charlie, None):
        async with world.by(person) as conn:
            assert await webhooks.list_endpoints(conn, endpoint.organization_id) == []
            assert await webhook_deliveries.list_deliveries(conn, endpoint.organization_id, endpoint.id) == []
        with pytest.raises(NotFoundError):
            async with world.by(person) as conn:
                await webhooks.delete_endpoint(conn, endpoint.organization_id, endpoint.id)
        with pytest.raises(NotFoundError):
            async with world.by(person) as conn:
                await webhooks.update_endpoint(conn, endpoint.organization_id, endpoint.id, {"is_active": False})
    with pytest.raises(NotFoundError):
        await make_endpoint(world, world.bob)


async def test_a_secret_is_not_read_again(world: World) -> None:
    await make_endpoint(world, world.alice)
    with pytest.raises(NotFoundError):
        async with world.by(world.alice) as conn:
            await conn.fetch("SELECT signing_secret FROM webhook_endpoints")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"url": "ftp://example.org"}, "webhook_endpoints_url_check"),
        ({"signing_secret": b"short"}, "webhook_endpoints_signing_secret_check"),
        ({"event_types": []}, "webhook_endpoints_event_types_check"),
        ({"disabled_reason": "x"}, "disabled_reason"),
    ],
)
async def test_a_value_that_breaks_a_rule_is_invalid(world: World, change: EndpointChanges, code: str) -> None:
    endpoint = await make_endpoint(world, world.alice)
    with pytest.raises(InvalidError) as refusal:
        async with world.by(world.alice) as conn:
            await webhooks.update_endpoint(conn, endpoint.organization_id, endpoint.id, change)
    assert refusal.value.code == code


async def test_a_job_switches_an_endpoint_off_and_a_manager_on_again(world: World) -> None:
    endpoint = await make_endpoint(world, world.alice)
    async with world.by_jobs() as conn:
        assert await webhooks.disable_endpoint(conn, endpoint.id, "gone")
        assert not await webhooks.disable_endpoint(conn, endpoint.id, "gone")
    async with world.by(world.alice) as conn:
        [listed] = await webhooks.list_endpoints(conn, endpoint.organization_id)
        assert (listed.is_active, listed.disabled_reason) == (False, "gone")
        changed = await webhooks.update_endpoint(conn, endpoint.organization_id, endpoint.id, {"is_active": True})
    assert (changed.is_active, changed.disabled_reason) == (True, None)


# deliveries ---------------------------------------------------------------------------------------------------------


async def test_who_wants_an_event_is_told(world: World) -> None:
    endpoint = await make_endpoint(world, world.alice)
    await make_endpoint(world, world.charlie)
    assert await tell(world, endpoint.organization_id) == 1
    assert await tell(world, endpoint.organization_id, "session.deleted") == 0
    [due] = await claim(world, endpoint)
    assert (due.url, due.signing_secret, due.event_type, due.payload) == (endpoint.url, SECRET, EVENT, {"id": "1"})
    assert due.attempts == 1
    async with world.by_jobs() as conn:
        assert await webhook_deliveries.mark_delivered(conn, due.id, 204)
        assert not await webhook_deliveries.mark_delivered(conn, due.id, 204)
        assert not await webhook_deliveries.mark_failed(conn, due.id, 500, None)
    async with world.by(world.alice) as conn:
        [told] = await webhook_deliveries.list_deliveries(conn, endpoint.organization_id, endpoint.id)
    assert (told.status, told.response_status, told.attempts) == ("delivered", 204, 1)
    assert await claim(world, endpoint) == []


async def test_one_delivery_is_one_senders(world: World) -> None:
    endpoint = await make_endpoint(world, world.alice)
    for _ in range(6):
        await tell(world, endpoint.organization_id)

    async def some() -> list[UUID]:
        async with transaction(world.ground.jobs) as conn:
            due = await webhook_deliveries.claim_due(conn, limit=3)
            await asyncio.sleep(0)
            return [delivery.id for delivery in due]

    claimed = [delivery for batch in await asyncio.gather(*(some() for _ in range(4))) for delivery in batch]
    assert len(claimed) == len(set(claimed)) >= 6


async def test_a_senders_lock_keeps_nobody_waiting(world: World) -> None:
    endpoint = await make_endpoint(world, world.alice)
    await tell(world, endpoint.organization_id)
    async with world.by_jobs() as first:
        assert len(await webhook_deliveries.claim_due(first, limit=100)) >= 1
        async with world.by_jobs() as second:
            assert await webhook_deliveries.claim_due(second, limit=100) == []


async def test_a_delivery_whose_sender_died_is_due_again(world: World) -> None:
    endpoint = await make_endpoint(world, world.alice)
    await tell(world, endpoint.organization_id)
    [first] = await claim(world, endpoint)
    assert await claim(world, endpoint) == []
    await world.owner("UPDATE webhook_deliveries SET next_attempt_at = now() WHERE id = $1", first.id)
    [again] = await claim(world, endpoint)
    assert (again.id, again.attempts) == (first.id, 2)


async def test_a_failure_is_tried_again_later_until_it_is_given_up(world: World) -> None:
    endpoint = await make_endpoint(world, world.alice)
    await tell(world, endpoint.organization_id)
    [due] = await claim(world, endpoint)
    async with world.by_jobs() as conn:
        assert await webhook_deliveries.mark_failed(conn, due.id, None, timedelta(minutes=5))
    assert await claim(world, endpoint) == []
    waits = "SELECT status, next_attempt_at > now() + interval '4 minutes' FROM webhook_deliveries WHERE id = $1"
    assert await world.owner(waits, due.id) == [("pending", True)]
    async with world.by_jobs() as conn:
        assert await webhook_deliveries.mark_failed(conn, due.id, 500, None)
    assert await world.value("SELECT status FROM webhook_deliveries WHERE id = $1", due.id) == "failed"


async def test_an_endpoint_that_is_off_is_told_nothing(world: World) -> None:
    endpoint = await make_endpoint(world, world.alice)
    await tell(world, endpoint.organization_id)
    async with world.by_jobs() as conn:
        await webhooks.disable_endpoint(conn, endpoint.id, secrets.token_hex(4))
    assert await tell(world, endpoint.organization_id) == 0
    assert await claim(world, endpoint) == []
