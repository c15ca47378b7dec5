"""Other systems that are told: set up by managers, told once by one sender, and again when that one dies."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from db import webhook_deliveries, webhook_log, webhooks
from db.errors import ConflictError, InvalidError, NotFoundError
from db.pool import transaction
from db.webhook_deliveries import KEPT_ATTEMPTS, Attempt, DueDelivery
from db.webhooks import EndpointChanges, WebhookEndpoint
from tests.people import Person
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = bytes(range(32))
EVENT = "session.completed"
ARRIVED = Attempt(datetime(2026, 1, 1, tzinfo=UTC), 12, 204, None, "")
FAILED = Attempt(datetime(2026, 1, 1, tzinfo=UTC), 12, 500, "status", "no")
UNANSWERED = Attempt(datetime(2026, 1, 1, tzinfo=UTC), 15_000, None, "timeout", "")


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
            assert await webhook_log.list_deliveries(conn, endpoint.organization_id, endpoint.id) == []
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
        ({"event_types": []}, "webhook_endpoints_event_types_check"),
        ({"disabled_reason": "x"}, "disabled_reason"),
        ({"signing_secret": SECRET}, "signing_secret"),
    ],
)
async def test_a_value_that_breaks_a_rule_is_invalid(world: World, change: EndpointChanges, code: str) -> None:
    endpoint = await make_endpoint(world, world.alice)
    with pytest.raises(InvalidError) as refusal:
        async with world.by(world.alice) as conn:
            await webhooks.update_endpoint(conn, endpoint.organization_id, endpoint.id, change)
    assert refusal.value.code == code


async def test_a_secret_has_a_length(world: World) -> None:
    endpoint = await make_endpoint(world, world.alice)

    async def rotate(length: int) -> WebhookEndpoint:
        async with world.by(world.alice) as conn:
            return await webhooks.rotate_secret(
                conn, endpoint.organization_id, endpoint.id, bytes(length), timedelta(hours=1)
            )

    for length in (24, 512):
        assert (await rotate(length)).previous_secret_until is not None
    for length in (23, 513):
        with pytest.raises(InvalidError) as refusal:
            await rotate(length)
        assert refusal.value.code == "webhook_endpoints_signing_secret_check"


async def test_the_secret_before_signs_until_its_time_is_over(world: World) -> None:
    endpoint = await make_endpoint(world, world.alice)
    seen = []
    for new, overlap in ((b"2" * 32, 60), (b"3" * 32, 60), (b"4" * 32, 0)):
        async with world.by(world.alice) as conn:
            await webhooks.rotate_secret(conn, endpoint.organization_id, endpoint.id, new, timedelta(seconds=overlap))
        await tell(world, endpoint.organization_id)
        [due] = await claim(world, endpoint)
        seen.append((due.signing_secret, due.previous_secret))
        async with world.by_jobs() as conn:
            await webhook_deliveries.mark_delivered(conn, due.id, ARRIVED)
    assert seen == [(b"2" * 32, SECRET), (b"3" * 32, b"2" * 32), (b"4" * 32, None)]


async def test_ten_are_the_most(world: World) -> None:
    tries = [make_endpoint(world, world.alice) for _ in range(webhooks.MAX_ENDPOINTS + 3)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    refused = [outcome.code for outcome in outcomes if isinstance(outcome, ConflictError)]
    assert refused == ["too_many_webhook_endpoints"] * 3
    assert sum(isinstance(outcome, WebhookEndpoint) for outcome in outcomes) == webhooks.MAX_ENDPOINTS
    await make_endpoint(world, world.charlie)


async def test_since_when_it_fails_is_known(world: World) -> None:
    endpoint = await make_endpoint(world, world.alice)
    async with world.by_jobs() as conn:
        assert await webhooks.note_failure(conn, endpoint.id) == timedelta(0)
    await world.owner(
        "UPDATE webhook_endpoints SET failing_since = now() - interval '1 hour' WHERE id = $1", endpoint.id
    )
    async with world.by_jobs() as conn:
        assert await webhooks.note_failure(conn, endpoint.id) >= timedelta(hours=1)
        await webhooks.note_success(conn, endpoint.id)
        assert await webhooks.note_failure(conn, endpoint.id) == timedelta(0)


async def test_who_manages_it_is_told(world: World) -> None:
    await world.colleague("Dora", "admin")
    await world.owner("UPDATE users SET email_verified = true WHERE id = $1", world.alice.user_id)
    async with world.by_jobs() as conn:
        told = await webhooks.managers_to_tell(conn, world.alice.organization_id)
    assert {manager.email.partition(".")[0] for manager in told} == {world.alice.email.partition(".")[0], "dora"}
    assert all(manager.organization_name for manager in told)


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
        assert await webhook_deliveries.mark_delivered(conn, due.id, ARRIVED)
        assert not await webhook_deliveries.mark_delivered(conn, due.id, ARRIVED)
        assert not await webhook_deliveries.mark_failed(conn, due.id, FAILED, None)
    async with world.by(world.alice) as conn:
        [told] = await webhook_log.list_deliveries(conn, endpoint.organization_id, endpoint.id)
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

    claimed: list[UUID] = []
    while batches := [batch for batch in await asyncio.gather(*(some() for _ in range(4))) if batch]:
        claimed += [delivery for batch in batches for delivery in batch]
    assert len(claimed) == len(set(claimed)) >= 6


async def test_a_senders_lock_keeps_nobody_waiting(world: World) -> None:
    endpoint = await make_endpoint(world, world.alice)
    await tell(world, endpoint.organization_id)
    async with world.by_jobs() as first:
        assert len(await webhook_deliveries.claim_due(first, limit=100)) >= 1
        async with world.by_jobs() as second:
            assert await webhook_deliveries.claim_due(second, limit=100) == []


async def test_one_endpoint_takes_few_places_and_a_failing_one_takes_one(world: World) -> None:
    slow, failing, busy = [await make_endpoint(world, world.alice) for _ in range(3)]
    async with world.by_jobs() as conn:
        await webhooks.note_failure(conn, failing.id)
        for _ in range(5):
            await webhook_deliveries.tell(conn, slow.organization_id, EVENT, {})
        due = await webhook_deliveries.claim_due(conn, limit=100, per_endpoint=2, busy=[busy.id])
    ours = [each.endpoint_id for each in due if each.organization_id == slow.organization_id]
    assert sorted(ours, key=str) == sorted([slow.id, slow.id, failing.id], key=str)


async def test_the_oldest_come_first_whoevers_they_are(world: World) -> None:
    first, second = [await make_endpoint(world, world.alice) for _ in range(2)]
    for _ in range(2):
        await tell(world, first.organization_id)
    await world.owner(
        "UPDATE webhook_deliveries SET next_attempt_at = now() - interval '9 days' WHERE endpoint_id = $1", second.id
    )
    async with world.by_jobs() as conn:
        due = await webhook_deliveries.claim_due(conn, limit=2)
    assert [each.endpoint_id for each in due] == [second.id, second.id]
    assert len(await claim(world, first)) == 2


async def test_a_payload_of_twenty_thousand_bytes_is_the_largest(world: World) -> None:
    endpoint = await make_endpoint(world, world.alice)
    empty = len('{"id": ""}')
    async with world.by_jobs() as conn:
        assert await webhook_deliveries.tell(conn, endpoint.organization_id, EVENT, {"id": "x" * (20_000 - empty)}) == 1
    with pytest.raises(InvalidError):
        async with world.by_jobs() as conn:
            await webhook_deliveries.tell(conn, endpoint.organization_id, EVENT, {"id": "x" * (20_001 - empty)})


async def test_the_last_attempts_are_kept(world: World) -> None:
    endpoint = await make_endpoint(world, world.alice)
    await tell(world, endpoint.organization_id)
    [due] = await claim(world, endpoint)
    async with world.by_jobs() as conn:
        for number in range(KEPT_ATTEMPTS + 1):
            attempt = Attempt(datetime(2026, 1, 1, tzinfo=UTC), number, 500, "status", "no")
            assert await webhook_deliveries.mark_failed(conn, due.id, attempt, timedelta(0))
    async with world.by(world.alice) as conn:
        seen = await webhook_log.get_delivery(conn, endpoint.organization_id, endpoint.id, due.id)
    assert [entry["duration_ms"] for entry in seen.attempt_log] == list(range(1, KEPT_ATTEMPTS + 1))
    assert seen.attempt_log[0] == {
        "at": "2026-01-01T00:00:00+00:00", "duration_ms": 1, "status": 500, "error": "status", "body": "no",
    }  # fmt: skip


async def test_what_is_settled_is_sent_again_with_its_id(world: World) -> None:
    endpoint = await make_endpoint(world, world.alice)
    where = (endpoint.organization_id, endpoint.id)
    await tell(world, endpoint.organization_id)
    [due] = await claim(world, endpoint)
    for attempt in (ARRIVED, FAILED):
        async with world.by_jobs() as conn:
            if attempt is ARRIVED:
                await webhook_deliveries.mark_delivered(conn, due.id, attempt)
            else:
                await webhook_deliveries.mark_failed(conn, due.id, attempt, None)
        async with world.by(world.alice) as conn:
            again = await webhook_log.replay_delivery(conn, *where, due.id)
            assert (again.status, again.attempts, again.delivered_at) == ("pending", 0, None)
            with pytest.raises(ConflictError):
                await webhook_log.replay_delivery(conn, *where, due.id)
        [next_due] = await claim(world, endpoint)
        assert (next_due.id, next_due.attempts) == (due.id, 1)
    for person in (world.bob, world.charlie):
        with pytest.raises(NotFoundError):
            async with world.by(person) as conn:
                await webhook_log.replay_delivery(conn, *where, due.id)


async def test_all_that_failed_since_then_is_sent_again(world: World) -> None:
    endpoint = await make_endpoint(world, world.alice)
    where = (endpoint.organization_id, endpoint.id)
    since = datetime.now(UTC) - timedelta(hours=1)
    for number in range(4):
        await tell(world, endpoint.organization_id)
        [due] = await claim(world, endpoint)
        async with world.by_jobs() as conn:
            if number == 0:
                await webhook_deliveries.mark_delivered(conn, due.id, ARRIVED)
            else:
                await webhook_deliveries.mark_failed(conn, due.id, FAILED, None)
        if number == 1:
            await world.owner(
                "UPDATE webhook_deliveries SET created_at = $2 WHERE id = $1", due.id, since - timedelta(seconds=1)
            )
    async with world.by(world.bob) as conn:
        assert await webhook_log.replay_failed(conn, *where, since) == 0
    async with world.by(world.alice) as conn:
        assert await webhook_log.replay_failed(conn, *where, since) == 2
        assert len(await webhook_log.list_deliveries(conn, *where, status="failed")) == 1


async def test_a_test_is_for_one_endpoint(world: World) -> None:
    endpoint, other = [await make_endpoint(world, world.alice) for _ in range(2)]
    async with world.by(world.alice) as conn:
        made = await webhook_log.insert_test(conn, endpoint.organization_id, endpoint.id)
    assert (made.event_type, made.payload) == ("webhook.test", {})
    async with world.by(world.alice) as conn:
        assert await webhook_log.list_deliveries(conn, other.organization_id, other.id) == []
    for person in (world.bob, world.charlie):
        with pytest.raises(NotFoundError):
            async with world.by(person) as conn:
                await webhook_log.insert_test(conn, endpoint.organization_id, endpoint.id)


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
        assert await webhook_deliveries.mark_failed(conn, due.id, UNANSWERED, timedelta(minutes=5))
    assert await claim(world, endpoint) == []
    waits = "SELECT status, next_attempt_at > now() + interval '4 minutes' FROM webhook_deliveries WHERE id = $1"
    assert await world.owner(waits, due.id) == [("pending", True)]
    async with world.by_jobs() as conn:
        assert await webhook_deliveries.mark_failed(conn, due.id, FAILED, None)
    assert await world.value("SELECT status FROM webhook_deliveries WHERE id = $1", due.id) == "failed"


async def test_an_endpoint_that_is_off_is_told_nothing(world: World) -> None:
    endpoint = await make_endpoint(world, world.alice)
    await tell(world, endpoint.organization_id)
    async with world.by_jobs() as conn:
        await webhooks.disable_endpoint(conn, endpoint.id, secrets.token_hex(4))
    assert await tell(world, endpoint.organization_id) == 0
    assert await claim(world, endpoint) == []
