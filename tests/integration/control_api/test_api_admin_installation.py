"""Doors and audit logs, the waiting list, plans, figures, health and notes, as administrators have them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from db import logs, participants
from db.calls import register_node
from db.pool import owner_connection, transaction
from db.records import NewParticipant
from tests.admins import add_admin, ask_owner
from tests.api import Api, MakeApi
from tests.mailbox import Mailbox, words_of

NOBODYS_ROW = {"name": "Wanda", "email": "wanda@example.org", "company": "Co", "use_case": "sales"}


def organization_path(api: Api) -> str:
    return f"/v1/admin/organizations/{api.people.alice.organization_id}"


# doors --------------------------------------------------------------------------------------------------------------


async def test_nothing_that_was_said_is_read_without_a_door_and_what_is_read_is_written_down(api: Api) -> None:
    """T53: sessions and transcripts, through HTTP; also not by a colleague's door, nor a closed one."""
    await add_admin(api)
    await add_admin(api, "adele")
    session_id = await api.new_session("alice", "canary-title")
    await api.start_call(session_id, lease_s=0.0)
    await api.say(session_id, ("Alice", "canary-speech"))
    paths = (f"{organization_path(api)}/sessions", f"{organization_path(api)}/sessions/{session_id}/transcript")
    door = await api.post(f"{organization_path(api)}/doors", {"reason": "Ticket 1", "minutes": 5}, "adele")
    for path in paths:
        answer = await api.get(path, "ada")
        assert (answer.status, answer.code) == (403, "door_needed")
        assert "canary" not in str(answer.body)
        assert "canary" in str((await api.get(path, "adele")).body)
    listed = (await api.get(f"{organization_path(api)}/doors", "adele")).body["items"]
    assert [(each["id"], each["reason"]) for each in listed] == [(door.body["id"], "Ticket 1")]
    assert (await api.send("DELETE", f"/v1/admin/doors/{door.body['id']}", "ada")).status == 404
    assert (await api.send("DELETE", f"/v1/admin/doors/{door.body['id']}", "adele")).status == 204
    for path in paths:
        assert (await api.get(path, "adele")).code == "door_needed"
    own = (await api.get(f"/v1/organizations/{api.people.alice.organization_id}/audit-log")).body["items"]
    read = [entry for entry in own if entry["action"] in {"transcripts.read", "sessions.listed"}]
    assert {(entry["action"], entry["actor_kind"]) for entry in read} == {
        ("transcripts.read", "platform_admin"),
        ("sessions.listed", "platform_admin"),
    }
    assert {"admin_door.opened", "admin_door.closed"} <= {entry["action"] for entry in own}


async def test_a_door_has_a_reason_and_an_hour_at_most(api: Api) -> None:
    await add_admin(api)
    for body in ({"reason": "", "minutes": 5}, {"minutes": 5}, {"reason": "x", "minutes": 61}, {"reason": "x"}):
        assert (await api.post(f"{organization_path(api)}/doors", body, "ada")).status == 422


async def test_a_flipped_byte_breaks_the_chain_and_is_found(api: Api) -> None:
    """T54."""
    await add_admin(api)
    await api.get(organization_path(api), "ada")
    check = f"{organization_path(api)}/audit-log/check"
    assert (await api.get(check, "ada")).body == {"is_whole": True, "first_broken": None}
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute("ALTER TABLE audit_log DISABLE TRIGGER keep_audit")
        broken = await conn.fetchval(
            """
            UPDATE audit_log
            SET hash = set_byte(hash, 7, get_byte(hash, 7) # 1)
            WHERE id = (SELECT min(id) FROM audit_log WHERE organization_id = $1)
            RETURNING id
            """,
            api.people.alice.organization_id,
        )
    assert (await api.get(check, "ada")).body == {"is_whole": False, "first_broken": broken}
    assert (await api.get("/v1/admin/audit-log/check", "ada")).body["is_whole"] is True


# the waiting list ---------------------------------------------------------------------------------------------------


async def test_who_waits_is_let_in_with_a_mail_and_may_sign_up(make_api: MakeApi) -> None:
    async with make_api(beta_gate=True) as api:
        await add_admin(api)
        mails = Mailbox(api)
        address = NOBODYS_ROW["email"]
        await api.post("/v1/waitlist", NOBODYS_ROW, None)
        page = (await api.get("/v1/admin/waitlist", "ada")).body
        [waiting] = page["items"]
        assert (waiting["email"], page["counts"]["pending"]) == (address, 1)
        path = f"/v1/admin/waitlist/{waiting['id']}"
        wish = {"email": address, "full_name": "Wanda"}
        subjects = {
            "rejected": "About your place on the waiting list",
            "invited": "You are invited",
            "approved": "Your place is ready",
        }
        for status, subject in subjects.items():
            for expected in (1, 0):  # once more says nothing
                assert (await api.post(path, {"status": status}, "ada")).body["status"] == status
                letters = await mails.work()
                assert [letter["Subject"] for letter in letters] == [subject] * expected
            asked = await api.post("/v1/auth/sign-up", wish, None)
            assert (asked.status, asked.body) == (202, {"status": "mail_sent"})
            told = await mails.one()
            opens = status != "rejected"
            assert (told["Subject"] == "Confirm your address") == opens
            assert ("#/verify/" in words_of(told)) == opens
        counts = (await api.get("/v1/admin/waitlist?status=approved", "ada")).body["counts"]
        assert counts == {"pending": 0, "approved": 1, "rejected": 0, "invited": 0}


async def test_two_decisions_at_once_are_one_after_the_other(api: Api) -> None:
    await add_admin(api)
    mails = Mailbox(api)
    await api.post("/v1/waitlist", NOBODYS_ROW, None)
    applicant_id = await ask_owner(api, "SELECT id FROM beta_waitlist")
    path = f"/v1/admin/waitlist/{applicant_id}"
    await asyncio.gather(*(api.post(path, {"status": "approved"}, "ada") for _ in range(10)))
    assert len(await mails.work()) == 1


# plans --------------------------------------------------------------------------------------------------------------


async def test_a_plan_is_made_changed_and_retired_and_whoever_has_it_keeps_it(api: Api) -> None:
    await add_admin(api)
    plan = {"name": "org_pilot", "display_name": "Pilot", "price_monthly": "12.50", "has_api_access": True}
    plan_id = (await api.post("/v1/admin/plans", plan, "ada")).body["id"]
    assert (await api.post("/v1/admin/plans", plan, "ada")).code == "plans_name_key"
    path = f"/v1/admin/plans/{plan_id}"
    assert (await api.send("PATCH", path, "ada", json={"max_sessions_per_month": 5})).status == 204
    assert (await api.send("PATCH", path, "ada", json={})).code == "nothing_to_change"
    for wrong in ({"name": "other"}, {"price_monthly": -1}, {"summary_generation_priority": 4}, {"display_name": ""}):
        assert (await api.send("PATCH", path, "ada", json=wrong)).status == 422, wrong
    await api.send("PUT", f"{organization_path(api)}/plan", "ada", json={"plan_id": plan_id})
    assert (await api.post(f"{path}/retire", None, "ada")).status == 204
    [found] = [each for each in (await api.get("/v1/admin/plans", "ada")).body["items"] if each["id"] == plan_id]
    assert (found["is_active"], found["subscriptions"], found["max_sessions_per_month"]) == (False, 1, 5)
    assert (found["price_monthly"], found["has_api_access"], found["ai_model_access"]) == (
        "12.50", True, ["gpt-4o-mini"],
    )  # fmt: skip
    assert (await api.get("/v1/usage")).body["plan"]["name"] == "org_pilot"
    assert (await api.post(f"{path}/offer", None, "ada")).status == 204
    assert (await api.send("DELETE", path, "ada")).status == 405


async def test_what_everybody_begins_with_stays_on_offer(api: Api) -> None:
    await add_admin(api)
    free = await ask_owner(api, "SELECT id FROM plans WHERE name = 'individual_free'")
    assert (await api.post(f"/v1/admin/plans/{free}/retire", None, "ada")).code == "free_plan"


# figures ------------------------------------------------------------------------------------------------------------


async def test_figures_are_those_of_the_rows(api: Api) -> None:
    await add_admin(api)
    alice = api.people.alice
    live, ended, deleted = [await api.new_session() for _ in range(3)]
    await api.start_call(live)
    await api.start_call(ended, lease_s=0.0)
    await api.send("DELETE", f"/v1/sessions/{deleted}")
    here, gone = [NewParticipant(uuid4(), UUID(live), alice.organization_id, "P", "host") for _ in range(2)]
    async with transaction(api.state.pool, user_id=alice.user_id) as conn:
        for person in (here, gone):
            await participants.insert_participant(conn, person)
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute("UPDATE session_participants SET joined_at = now()")
        await conn.execute("UPDATE session_participants SET left_at = now() WHERE id = $1", gone.id)
        minute = datetime.now(UTC).replace(second=0, microsecond=0)
        for n in range(30):
            await conn.execute(
                "INSERT INTO usage_tracking (organization_id, user_id, session_id, minute_timestamp, seconds_recorded)"
                " VALUES ($1, $2, $3, $4, 60)",
                alice.organization_id, alice.user_id, UUID(live), minute - timedelta(minutes=n),
            )  # fmt: skip
        await conn.execute(
            "UPDATE user_app_sessions SET last_activity_at = now() - interval '3 days' WHERE user_id = $1",
            api.people.bob.user_id,
        )
        await conn.execute(
            "UPDATE user_app_sessions SET last_activity_at = now() - interval '20 days' WHERE user_id = $1",
            api.people.charlie.user_id,
        )
        await conn.execute(
            "UPDATE users SET created_at = now() - interval '2 days' WHERE id = $1", api.people.charlie.user_id
        )
        await conn.execute(
            "UPDATE subscriptions SET plan_type = 'yearly', plan_id = (SELECT id FROM plans WHERE name = 'org_starter')"
            " WHERE organization_id = $1",
            alice.organization_id,
        )
    await api.post("/v1/waitlist", NOBODYS_ROW, None)
    found = (await api.get("/v1/admin/dashboard?days=7", "ada")).body
    assert (found["users"], found["inactive_users"], found["organizations"]) == (4, 0, 2)
    assert [found[f"active_users_{span}"] for span in ("day", "week", "month")] == [2, 3, 4]
    assert (found["sessions"], found["live_calls"], found["people_in_calls"]) == (2, 1, 1)
    assert Decimal(found["audio_hours"]) == Decimal("0.5")
    assert found["waitlist"]["pending"] == 1
    assert found["subscriptions"]["org_starter"] == 1
    assert Decimal(found["monthly_revenue"]) == round(Decimal(790) / 12, 2)
    days = found["days"]
    assert len(days) == 7
    assert days[-1]["sign_ups"] + days[-3]["sign_ups"] == 4
    assert days[-3]["sign_ups"] == 1
    assert sum(day["sessions"] for day in days) == 3
    assert sum(Decimal(day["audio_hours"]) for day in days) == Decimal("0.5")


# health -------------------------------------------------------------------------------------------------------------


async def health(api: Api) -> dict[str, dict[str, Any]]:
    answer = await api.get("/v1/admin/health", "ada")
    assert answer.status == 200, answer.body
    return {"": answer.body, **{each["name"]: each for each in answer.body["components"]}}


async def test_health_is_measured_part_by_part(make_api: MakeApi, tmp_path: Path) -> None:
    async with make_api(files_folder=tmp_path) as api:
        await add_admin(api)
        assert (await health(api))["nodes"]["status"] == "down"
        async with transaction(api.media) as conn:
            await register_node(conn, "host-0", "http://localhost:8081")
        session_id = await api.new_session()
        await api.start_call(session_id)
        found = await health(api)
        assert found["node host-0"]["figures"] == {"calls": 1.0}
        assert {found[name]["status"] for name in ("postgres", "redis", "node host-0", "mail", "disk files")} <= {
            "ok", "degraded",
        }  # fmt: skip
        assert all(found[name]["latency_ms"] >= 0 for name in ("postgres", "redis", "node host-0", "disk files"))
        assert found["postgres"]["figures"]["connections"] >= 1
        assert found["disk files"]["figures"]["free_bytes"] > 0
        assert list(tmp_path.iterdir()) == []


async def test_a_queue_that_stands_still_and_a_node_that_is_silent_are_told(api: Api) -> None:
    await add_admin(api)
    await api.add_node()
    await api.add_node("host-1", "http://localhost:8082")
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute(
            "INSERT INTO pgqueuer (priority, status, entrypoint, execute_after)"
            " VALUES (0, 'queued', 'send_mail', now() - interval '1 hour'),"
            " (0, 'queued', 'finalize_session', now() + interval '1 hour')"
        )
        await conn.execute("UPDATE media_nodes SET seen_at = now() - interval '1 minute' WHERE node = 'host-1'")
    found = await health(api)
    assert (found["mail"]["status"], found["mail"]["figures"]["waiting"]) == ("down", 1)
    assert found["mail"]["latency_ms"] >= 3_599_000
    assert (found["queue finalize_session"]["status"], found["queue finalize_session"]["latency_ms"]) == ("ok", 0)
    assert (found["node host-1"]["status"], found["node host-0"]["status"]) == ("degraded", "ok")
    assert found[""]["status"] == "down"


async def test_without_redis_health_is_degraded_and_a_folder_that_takes_nothing_is_down(make_api: MakeApi) -> None:
    async with make_api(redis_url="redis://127.0.0.1:1/0", files_folder=Path("/proc")) as api:
        await add_admin(api)
        found = await health(api)
        assert (found["redis"]["status"], found["redis"]["latency_ms"]) == ("degraded", None)
        assert (found["disk files"]["status"], found["disk files"]["latency_ms"]) == ("down", None)


# notes --------------------------------------------------------------------------------------------------------------


async def test_notes_are_found_by_level_component_and_time(api: Api) -> None:
    await add_admin(api)
    async with transaction(api.state.pool) as conn:
        for level, name in (
            ("ERROR", "control_api.mail.queue"), ("WARNING", "control_api.mail"), ("WARNING", "control_api.mailing"),
            ("WARNING", "media_server.call"), ("WARNING", None),
        ):  # fmt: skip
            await logs.write_log(conn, logs.NewLog(level, "something", name))
    old = datetime.now(UTC) - timedelta(days=3)
    await ask_owner(api, "UPDATE system_logs SET created_at = $1 WHERE logger_name = 'media_server.call'", old)

    async def names(query: str) -> set[str | None]:
        items = (await api.get(f"/v1/admin/logs?{query}", "ada")).body["items"]
        return {item["logger_name"] for item in items}

    mail = {"control_api.mail", "control_api.mail.queue"}
    day_ago = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert await names("component=control_api.mail") == mail
    assert await names("component=control_api.mail&level=ERROR") == {"control_api.mail.queue"}
    assert await names(f"until={day_ago}") == {"media_server.call"}
    assert "media_server.call" not in await names(f"since={day_ago}")
    first = (await api.get("/v1/admin/logs?limit=3", "ada")).body
    rest = (await api.get(f"/v1/admin/logs?limit=3&cursor={first['next_cursor']}", "ada")).body
    assert len({item["id"] for item in first["items"] + rest["items"]}) == 5
    assert rest["next_cursor"] is None
