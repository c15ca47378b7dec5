"""Webhooks from what happens to who receives it: signed, tried again, replayed, and nobody in anybody's way."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from threading import Event
from typing import Any
from uuid import UUID

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from control_api.webhooks.destinations import Address, read_networks
from control_api.webhooks.dispatching import Dispatcher
from control_api.webhooks.sending import KEPT_CHARACTERS, Sender
from control_api.webhooks.signing import shown
from db import calls, sessions
from db.pool import owner_connection, transaction
from tests import receivers
from tests.api import Answer, Api
from tests.chaos import figures, often
from tests.mailbox import Mailbox, words_of
from tests.receivers import Receiver, hostile, receiver, tls_for


class KilledError(Exception):
    """What a fault does before a commit."""


LOOPBACK = read_networks("127.0.0.1")
SETTLED_S = 30.0
ALL = ["session.created", "session.started", "session.ended", "session.deleted"]


@pytest.fixture
async def api(make_api: Callable[..., Any]) -> AsyncIterator[Api]:
    async with make_api(webhook_networks=LOOPBACK) as api:
        yield api


async def until(holds: Callable[[], bool], what: str) -> None:
    async with asyncio.timeout(SETTLED_S):
        while not holds():
            await asyncio.sleep(0.02)
    assert holds(), what


@asynccontextmanager
async def working(api: Api, **sender: Any) -> AsyncIterator[Dispatcher]:
    """A worker's dispatcher, for as long as it is needed."""
    stop = asyncio.Event()
    executor = ThreadPoolExecutor(20)
    made = Sender(api.state.mail.sealer, executor, **{"allowed": LOOPBACK, **sender})
    dispatcher = Dispatcher(partial(transaction, api.jobs), made, api.state.mail, "http://x.example", poll_s=0.05)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(dispatcher.run(stop))
        try:
            yield dispatcher
        finally:
            stop.set()
    executor.shutdown(wait=False)


def hooks(api: Api, who: str = "alice") -> str:
    return f"/v1/organizations/{getattr(api.people, who).organization_id}/webhooks"


async def add_hook(api: Api, url: str, event_types: Sequence[str] = ALL, who: str = "alice") -> Any:
    answer = await api.post(hooks(api, who), {"url": url, "event_types": list(event_types)}, who)
    assert answer.status == 201, answer.body
    return answer.body


async def deliveries(api: Api, hook: Any, **query: str) -> list[Any]:
    answer = await api.get(f"{hooks(api)}/{hook['id']}/deliveries", params=query)
    assert answer.status == 200, answer.body
    return list(answer.body["items"])


async def detail(api: Api, hook: Any, delivery_id: str) -> Any:
    return (await api.get(f"{hooks(api)}/{hook['id']}/deliveries/{delivery_id}")).body


async def settled(api: Api, hook: Any, attempts: int = 1, delivery_id: str = "") -> Any:
    """A delivery, the newest if none is named, once it was tried so often."""
    async with asyncio.timeout(SETTLED_S):
        while True:
            newest = (await deliveries(api, hook))[0]["id"]
            seen = await detail(api, hook, delivery_id or newest)
            if len(seen["log"]) >= attempts:
                return seen
            await asyncio.sleep(0.05)


async def hurry(api: Api) -> None:
    """What waits for another attempt is due now."""
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute("UPDATE webhook_deliveries SET next_attempt_at = now() WHERE status = 'pending'")


# what happens, and who is told --------------------------------------------------------------------------------------


async def test_each_event_arrives_signed_and_says_ids_alone(api: Api) -> None:
    async with receiver() as there, receiver() as elsewhere, working(api):
        hook = await add_hook(api, there.url)
        await add_hook(api, elsewhere.url, who="charlie")
        session_id = await api.new_session(title="canary-title")
        await api.start_call(session_id, lease_s=0.0)
        assert (await api.post(f"/v1/sessions/{session_id}/end")).status == 202
        await api.send("DELETE", f"/v1/sessions/{session_id}")
        await until(lambda: len(there.got) == len(ALL), "all told")
        verifier = Webhook(hook["secret"])
        told = [verifier.verify(request.body, request.headers) for request in there.got]
        assert {event["type"]: event["data"] for event in told} == {key: {"session_id": session_id} for key in ALL}
        assert all(event.keys() == {"type", "timestamp", "data"} for event in told)
        assert all(datetime.fromisoformat(event["timestamp"]) <= datetime.now(UTC) for event in told)
        assert len(set(there.ids)) == len(ALL)
        assert all(request.headers["content-type"] == "application/json" for request in there.got)
        assert not any(b"canary" in request.body for request in there.got)
        assert elsewhere.got == []
        await settled(api, hook)


async def test_what_is_taken_back_is_told_to_nobody(api: Api) -> None:
    async with receiver() as there:
        hook = await add_hook(api, there.url)
        session_id = await api.new_session()
        async with transaction(api.media) as conn:
            await calls.acquire_lease(conn, UUID(session_id), "host-0", "http://localhost:8081", 60.0)
        with suppress(KilledError):
            async with transaction(api.media) as conn:
                await sessions.activate_session(conn, UUID(session_id), datetime.now(UTC))
                raise KilledError
        assert [each["event_type"] for each in await deliveries(api, hook)] == ["session.created"]


async def test_only_what_was_asked_for_is_told(api: Api) -> None:
    async with receiver() as there, working(api):
        hook = await add_hook(api, there.url, ["session.created", "session.created"])
        assert hook["event_types"] == ["session.created"]
        session_id = await api.new_session()
        await api.send("DELETE", f"/v1/sessions/{session_id}")
        await settled(api, hook)
        assert [each["event_type"] for each in await deliveries(api, hook)] == ["session.created"]
        changed = await api.send("PATCH", f"{hooks(api)}/{hook['id']}", json={"is_active": False})
        assert changed.body["is_active"] is False
        await api.new_session()
        assert len(await deliveries(api, hook)) == 1


async def test_while_secrets_overlap_both_sign(api: Api) -> None:
    async with receiver() as there, working(api):
        hook = await add_hook(api, there.url)
        path = f"{hooks(api)}/{hook['id']}/secret"
        second = (await api.post(path, {})).body
        third = (await api.post(path, {"overlap_hours": 1})).body
        await api.new_session()
        await until(lambda: len(there.got) == 1, "told")
        for secret in (second["secret"], third["secret"]):
            Webhook(secret).verify(there.got[0].body, there.got[0].headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(hook["secret"]).verify(there.got[0].body, there.got[0].headers)
        fourth = (await api.post(path, {"overlap_hours": 0})).body
        await api.new_session()
        await until(lambda: len(there.got) == 2, "told again")
        assert there.got[1].headers["webhook-signature"].count("v1,") == 1
        Webhook(fourth["secret"]).verify(there.got[1].body, there.got[1].headers)
        audit = await api.get(f"/v1/organizations/{api.people.alice.organization_id}/audit-log")
        assert [each["action"] for each in audit.body["items"]].count("webhook_endpoints.secret_rotated") == 3


async def test_secrets_are_nowhere_in_the_clear(api: Api) -> None:
    hook = await add_hook(api, "https://example.org/hook")
    assert "secret" not in (await api.get(f"{hooks(api)}/{hook['id']}")).body
    async with owner_connection(api.database.owner_url) as conn:
        kept = await conn.fetchval("SELECT signing_secret FROM webhook_endpoints WHERE id = $1", UUID(hook["id"]))
    assert kept.startswith(b"gAAAA")
    assert shown(api.state.mail.sealer.open(kept)) == hook["secret"]


# failures -----------------------------------------------------------------------------------------------------------


async def test_a_failure_is_tried_again_with_the_same_id_and_body(api: Api) -> None:
    async with receiver(statuses=[500, 503, 204], body="not now\x00\x07") as there, working(api):
        hook = await add_hook(api, there.url)
        await api.new_session()
        seen = await settled(api, hook)
        pause = datetime.fromisoformat(seen["next_attempt_at"]) - datetime.fromisoformat(seen["log"][0]["at"])
        assert timedelta(seconds=5) <= pause
        assert (seen["status"], seen["attempts"], seen["response_status"]) == ("pending", 1, 500)
        assert (await api.get(f"{hooks(api)}/{hook['id']}")).body["failing_since"] is not None
        for attempts in (2, 3):
            await hurry(api)
            seen = await settled(api, hook, attempts)
        assert (seen["status"], seen["attempts"], seen["response_status"]) == ("delivered", 3, 204)
        assert seen["next_attempt_at"] is None
        assert [(each["status"], each["error"], each["body"]) for each in seen["log"]] == [
            (500, "status", "not now  "), (503, "status", "not now  "), (204, None, ""),
        ]  # fmt: skip
        assert len(set(there.ids)) == len({request.body for request in there.got}) == 1
        assert there.ids[0] == seen["message_id"]
        assert (await api.get(f"{hooks(api)}/{hook['id']}")).body["failing_since"] is None


async def test_a_receiver_may_ask_for_time(api: Api) -> None:
    async with receiver(statuses=[429], headers={"Retry-After": "900"}) as there, working(api):
        hook = await add_hook(api, there.url)
        await api.new_session()
        seen = await settled(api, hook)
    pause = datetime.fromisoformat(seen["next_attempt_at"]) - datetime.fromisoformat(seen["log"][0]["at"])
    assert timedelta(seconds=900) <= pause < timedelta(seconds=960)


async def test_what_failed_for_good_is_replayed(api: Api) -> None:
    began = datetime.now(UTC).isoformat()
    async with receiver(statuses=[500]) as there, working(api):
        hook = await add_hook(api, there.url)
        path = f"{hooks(api)}/{hook['id']}"
        await api.new_session()
        await api.new_session()
        for each in await deliveries(api, hook):
            await settled(api, hook, delivery_id=each["id"])
        async with owner_connection(api.database.owner_url) as conn:
            await conn.execute("UPDATE webhook_deliveries SET status = 'failed'")
        one, two = await deliveries(api, hook, status="failed")
        there.statuses = [204]
        answer = await api.post(f"{path}/deliveries/{one['id']}/replay")
        assert (answer.status, answer.body["status"], answer.body["attempts"]) == (202, "pending", 0)
        await until(lambda: len(there.got) == 3, "one again")
        assert there.ids[2] == one["message_id"]
        await settled(api, hook, 2, one["id"])
        answer = await api.post(f"{path}/replay", {"since": began})
        assert (answer.status, answer.body) == (202, {"count": 1})
        await until(lambda: len(there.got) == 4, "the other again")
        assert there.ids[3] == two["message_id"]
        assert (await api.post(f"{path}/replay", {"since": datetime.now(UTC).isoformat()})).body == {"count": 0}


async def test_a_test_event_is_tried_once(api: Api) -> None:
    async with receiver(statuses=[500, 204]) as there, working(api):
        hook = await add_hook(api, there.url, ["summary.ready"])
        statuses = []
        for _ in range(2):
            made = await api.post(f"{hooks(api)}/{hook['id']}/test")
            assert (made.status, made.body["status"]) == (202, "pending")
            statuses.append((await settled(api, hook))["status"])
        assert statuses == ["failed", "delivered"]
        assert Webhook(hook["secret"]).verify(there.got[0].body, there.got[0].headers)["type"] == "webhook.test"


@pytest.mark.parametrize(("status", "since"), [(500, timedelta(days=3)), (410, timedelta(0))], ids=["lasting", "gone"])
async def test_an_endpoint_of_no_use_is_switched_off_and_its_managers_are_told(
    api: Api, status: int, since: timedelta
) -> None:
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute("UPDATE users SET email_verified = true")
    async with receiver(statuses=[500, status]) as there, working(api):
        hook = await add_hook(api, there.url)
        await api.new_session()
        await settled(api, hook)
        assert (await api.get(f"{hooks(api)}/{hook['id']}")).body["is_active"] is True
        async with owner_connection(api.database.owner_url) as conn:
            await conn.execute("UPDATE webhook_endpoints SET failing_since = failing_since - $1::interval", since)
        await hurry(api)
        await settled(api, hook, 2)
        shown = (await api.get(f"{hooks(api)}/{hook['id']}")).body
        assert (shown["is_active"], shown["disabled_reason"]) == (False, "gone" if status == 410 else "failing")
        letter = await Mailbox(api).one()
        assert letter["To"] == api.people.alice.email
        assert "127.0.0.1" in words_of(letter)
        assert "/hook" not in words_of(letter)
        audit = await api.get(f"/v1/organizations/{api.people.alice.organization_id}/audit-log")
        [entry] = [each for each in audit.body["items"] if each["action"] == "webhook_endpoints.update"]
        assert (entry["actor_kind"], entry["details"]["is_active"]) == ("job", [True, False])
        on_again = await api.send("PATCH", f"{hooks(api)}/{hook['id']}", json={"is_active": True})
        assert (on_again.body["disabled_reason"], on_again.body["failing_since"]) == (None, None)


# addresses (T46) ----------------------------------------------------------------------------------------------------


def names(**known: str) -> tuple[Callable[[str, int], list[Address]], list[str]]:
    """A name server that knows these, and what it was asked."""
    asked: list[str] = []

    def look_up(host: str, _port: int) -> list[Address]:
        asked.append(host)
        return [ip_address(address) for address in known[host.replace(".", "_")].split()]

    return look_up, asked


async def fault_of(api: Api, url: str, **sender: Any) -> tuple[int | None, str | None]:
    """What became of one event that was sent there."""
    async with working(api, **sender):
        async with owner_connection(api.database.owner_url) as conn:
            await conn.execute("DELETE FROM webhook_endpoints")
        hook = await add_hook(api, "https://example.org/hook")
        async with owner_connection(api.database.owner_url) as conn:
            await conn.execute("UPDATE webhook_endpoints SET url = $1", url)
        await api.new_session()
        seen = await settled(api, hook)
    return seen["log"][0]["status"], seen["log"][0]["error"]


async def test_no_name_leads_to_an_address_that_is_not_public(api: Api) -> None:
    look_up, _ = names(
        metadata_example="169.254.169.254",
        mixed_example="1.1.1.1 10.0.0.1",
        mapped_example="::ffff:10.0.0.1",
        loop_example="127.0.0.2",
        here_example="127.0.0.1",
    )
    async with receiver() as there:
        port = there.url.rpartition(":")[2].partition("/")[0]
        for name in ("metadata", "mixed", "mapped", "loop"):
            for scheme in ("https", "http"):
                url = f"{scheme}://{name}.example:{port}/hook"
                assert await fault_of(api, url, look_up=look_up) == (None, "address_refused")
        for host in ("127.0.0.2", "2130706434", "[::1]", "[::ffff:127.0.0.2]"):
            assert await fault_of(api, f"http://{host}:{port}/hook") == (None, "address_refused")
        assert await fault_of(api, f"http://here.example:{port}/hook", look_up=look_up, allowed=()) == (
            None, "address_refused",
        )  # fmt: skip
        assert there.got == []
        assert await fault_of(api, f"http://here.example:{port}/hook", look_up=look_up) == (204, None)
        assert there.got[0].headers["host"] == f"here.example:{port}"


async def test_who_connects_takes_the_address_that_was_looked_at(api: Api) -> None:
    """Rebinding: the second answer of a name server would be another one, and is never asked for."""
    answers = iter(["127.0.0.1", "127.0.0.9", "127.0.0.9"])
    asked: list[str] = []

    def look_up(host: str, _port: int) -> list[Address]:
        asked.append(host)
        return [ip_address(next(answers))]

    async with receiver() as there:
        url = there.url.replace("127.0.0.1", "rebinding.example")
        assert await fault_of(api, url, look_up=look_up) == (204, None)
    assert asked == ["rebinding.example"]


async def test_no_redirect_is_followed(api: Api) -> None:
    async with receiver() as inside:
        for status in (301, 302, 303, 307, 308):
            async with receiver(statuses=[status], headers={"Location": inside.url}) as there:
                assert await fault_of(api, there.url) == (status, "redirect")
                assert len(there.got) == 1
    assert inside.got == []


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/hook", "https://127.0.0.2/", "https://2130706434/", "https://[::1]/",
        "https://169.254.169.254/latest", "https://[::ffff:10.0.0.1]/", "https://user:pass@example.org/",
        "https://", "file:///etc/passwd", "https://10.1/",
    ],
)  # fmt: skip
async def test_an_address_that_is_none_is_refused_at_once(make_api: Callable[..., Any], url: str) -> None:
    async with make_api() as api:
        answer: Answer = await api.post(hooks(api), {"url": url, "event_types": ["session.ended"]})
        assert (answer.status, answer.code) in {(422, "webhook_url_refused"), (422, "invalid_request")}
        hook = await add_hook(api, "https://example.org/hook")
        answer = await api.send("PATCH", f"{hooks(api)}/{hook['id']}", json={"url": url})
        assert answer.status == 422


# receivers that misbehave -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behave", "outcome"),
    [
        (receivers.hangs, (None, "timeout")),
        (receivers.drips, (None, "timeout")),
        (receivers.floods, (500, "status")),
        (receivers.stalls_after_status, (200, None)),
        (receivers.endless_headers, (None, "no_http")),
        (receivers.talks_nonsense, (None, "no_http")),
        (receivers.hangs_up, (None, "connection_lost")),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
async def test_each_ends_at_the_deadline_at_the_latest(
    api: Api, behave: receivers.Raw, outcome: tuple[int | None, str | None]
) -> None:
    async with hostile(behave) as there, working(api, deadline_s=2.0 if outcome[1] == "timeout" else SETTLED_S):
        hook = await add_hook(api, there.url)
        await api.new_session()
        seen = await settled(api, hook)
    [attempt] = seen["log"]
    assert (attempt["status"], attempt["error"]) == outcome
    assert len(attempt["body"]) <= KEPT_CHARACTERS
    assert attempt["body"].isprintable()


async def test_nobody_listens_and_nobody_is_called_so(api: Api) -> None:
    async with hostile(receivers.hangs) as there:
        pass
    assert await fault_of(api, there.url) == (None, "not_connected")
    assert await fault_of(api, "https://nowhere.invalid/hook") == (None, "name_unknown")


@pytest.mark.chaos
async def test_who_hangs_keeps_nobody_else_waiting(api: Api) -> None:
    """R49: receivers and a name server that hang, each with a backlog, beside one that is good."""
    asleep = Event()

    def look_up(host: str, _port: int) -> list[Address]:
        if host.startswith("slow"):
            asleep.wait(SETTLED_S)
        return [ip_address("127.0.0.1")]

    events = often(10, 200)
    async with receiver() as good, hostile(receivers.hangs) as hanging, hostile(receivers.drips) as dripping:
        alone_s = await _seconds_for(api, good, events, look_up)
        for url in (hanging.url, dripping.url, dripping.url.replace("127.0.0.1", "slow.example")) * 3:
            await add_hook(api, url)
        beside_s = await _seconds_for(api, good, events, look_up)
        asleep.set()
        assert hanging.connections <= 3 * 2
    figures("R49", events=events, hanging_endpoints=9, alone_s=round(alone_s, 2), beside_s=round(beside_s, 2))


async def _seconds_for(api: Api, good: Receiver, events: int, look_up: Any) -> float:
    """Until the good one has been told of so many, while nobody else's attempt is over."""
    before = len(good.got)
    hook = await add_hook(api, good.url, ["session.deleted"])
    doomed = [await api.new_session() for _ in range(events)]
    async with working(api, look_up=look_up, deadline_s=10 * SETTLED_S):
        started_s = time.monotonic()
        for session_id in doomed:
            await api.send("DELETE", f"/v1/sessions/{session_id}")
        await until(lambda: len(good.got) == before + events, "the good one is told")
        took_s = time.monotonic() - started_s
    async with owner_connection(api.database.owner_url) as conn:
        over = "SELECT count(*) FROM webhook_deliveries WHERE endpoint_id <> $1 AND attempt_log <> '[]'"
        assert await conn.fetchval(over, UUID(hook["id"])) == 0
        await conn.execute("DELETE FROM webhook_endpoints WHERE id = $1", UUID(hook["id"]))
    return took_s


# TLS ----------------------------------------------------------------------------------------------------------------


async def test_a_certificate_must_be_the_names(api: Api) -> None:
    server, client = tls_for("hook.example")
    async with receiver(server) as there:
        port = there.url.rpartition(":")[2].partition("/")[0]
        look_up, _ = names(hook_example="127.0.0.1", other_example="127.0.0.1")
        for host, tls, outcome in (
            ("hook.example", client, (204, None)),
            ("other.example", client, (None, "tls")),
            ("hook.example", ssl.create_default_context(), (None, "tls")),
        ):
            assert await fault_of(api, f"https://{host}:{port}/hook", look_up=look_up, tls=tls) == outcome
