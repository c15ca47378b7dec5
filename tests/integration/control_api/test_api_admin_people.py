"""What administrators do about accounts and organizations, and what comes of it for those whom it concerns."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from tests.admins import add_admin, ask_owner
from tests.api import Answer, Api
from tests.mailbox import Mailbox, token_of, words_of

BECAUSE = {"reason": "abuse"}


def user_path(api: Api, who: str) -> str:
    return f"/v1/admin/users/{getattr(api.people, who).user_id}"


def organization_path(api: Api) -> str:
    return f"/v1/admin/organizations/{api.people.alice.organization_id}"


async def orders(api: Api, session_id: str) -> list[str]:
    found = await ask_owner(
        api,
        "SELECT array_agg(kind || ' ' || (payload ->> 'participant_id')) FROM call_commands WHERE session_id = $1",
        UUID(session_id),
    )
    return found or []


async def entries(api: Api, path: str = "/v1/admin/audit-log") -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await api.get(path, "ada")).body["items"]
    return items


# accounts -----------------------------------------------------------------------------------------------------------


async def test_accounts_are_found_by_address_name_and_state_a_page_at_a_time(api: Api) -> None:
    await add_admin(api)
    found = (await api.get("/v1/admin/users?limit=2", "ada")).body
    again = (await api.get(f"/v1/admin/users?limit=2&cursor={found['next_cursor']}", "ada")).body
    everybody = [user["email"] for user in found["items"] + again["items"]]
    assert len(set(everybody)) == 4
    assert again["next_cursor"] is None
    assert [user["created_at"] for user in found["items"]] == sorted(
        (user["created_at"] for user in found["items"]), reverse=True
    )
    for query, expected in {
        f"q={api.people.bob.email.upper()}": {api.people.bob.email},
        "q=charl": {api.people.charlie.email},
        "is_admin=true": {"ada@installation.example"},
        "is_active=false": set(),
        "q=%25": set(),
    }.items():
        items = (await api.get(f"/v1/admin/users?{query}", "ada")).body["items"]
        assert {user["email"] for user in items} == expected, query


async def test_an_account_is_shown_with_its_memberships_and_no_secret(api: Api) -> None:
    await add_admin(api)
    found = (await api.get(user_path(api, "bob"), "ada")).body
    assert (found["email"], found["is_active"], found["sign_ins"]) == (api.people.bob.email, True, 1)
    [membership] = found["organizations"]
    assert (membership["id"], membership["role"]) == (str(api.people.bob.organization_id), "member")
    assert not {"password_hash", "google_id", "personal_context"} & found.keys()


async def test_who_is_deactivated_is_out_everywhere_at_once(api: Api) -> None:
    await add_admin(api)
    session_id = await api.new_session("alice")
    await api.start_call(session_id)
    key = await api.post("/v1/api-keys", {"name": "A program", "scopes": ["read"]}, "bob")
    api.tokens["key"] = key.body["key"]
    await api.add_node()
    place = await api.post(f"/v1/sessions/{session_id}/join", {"name": "Bob", "role": "participant"}, "bob")
    assert (await api.post(f"{user_path(api, 'bob')}/deactivate", BECAUSE, "ada")).status == 204
    assert (await api.get("/v1/me", "bob")).status == 401
    assert (await api.get("/v1/sessions", "key")).status == 401
    assert await orders(api, session_id) == [f"remove_participant {place.body['participant_id']}"]
    assert not await ask_owner(api, "SELECT is_welcome($1, $2)", api.people.bob.user_id, api.people.bob.organization_id)
    [_, entry, *_] = await entries(api)
    assert (entry["action"], entry["details"]) == ("users.deactivated", BECAUSE)
    assert (entry["actor_kind"], entry["target_id"]) == ("platform_admin", str(api.people.bob.user_id))
    assert (await api.post(f"{user_path(api, 'bob')}/reactivate", BECAUSE, "ada")).status == 204
    assert (await api.get("/v1/me", "bob")).status == 401  # the sign-in of before has ended
    assert (await api.get("/v1/sessions", "key")).status == 200


async def test_nobody_deactivates_themselves(api: Api) -> None:
    ada = await add_admin(api)
    refused = await api.post(f"/v1/admin/users/{ada}/deactivate", BECAUSE, "ada")
    assert (refused.status, refused.code) == (409, "own_account")


async def test_every_sign_in_of_an_account_is_ended(api: Api) -> None:
    await add_admin(api)
    answer = await api.post(f"{user_path(api, 'bob')}/sign-out-everywhere", None, "ada")
    assert (answer.status, answer.body) == (200, {"sign_ins": 1})
    assert (await api.get("/v1/me", "bob")).status == 401
    assert (await api.get("/v1/me", "alice")).status == 200


async def test_a_proof_of_the_address_is_mailed_while_there_is_none(api: Api) -> None:
    await add_admin(api)
    mails = Mailbox(api)
    assert (await api.post(f"{user_path(api, 'bob')}/verification", None, "ada")).status == 202
    letter = await mails.one()
    assert (letter["To"], letter["Subject"]) == (api.people.bob.email, "Confirm your address")
    assert (await api.post("/v1/auth/verify-email", {"token": token_of(letter)}, None)).status == 204
    refused = await api.post(f"{user_path(api, 'bob')}/verification", None, "ada")
    assert (refused.status, refused.code) == (409, "email_verified")


# organizations ------------------------------------------------------------------------------------------------------


async def test_organizations_are_found_and_shown_with_limits_and_usage(api: Api) -> None:
    await add_admin(api)
    await api.new_session()
    items = (await api.get("/v1/admin/organizations?q=ALICE", "ada")).body["items"]
    assert [(each["name"], each["members"], each["plan_name"]) for each in items] == [
        ("Alice's company", 2, "org_enterprise")
    ]
    found = (await api.get(organization_path(api), "ada")).body
    assert found["usage"] == {"members": 2, "sessions_this_month": 1, "minutes_this_month": 0, "live_calls": 0}
    assert [owner["email"] for owner in found["owners"]] == [api.people.alice.email]


async def test_nobody_acts_in_a_suspended_organization_until_it_is_activated(api: Api) -> None:
    await add_admin(api)
    session_id = await api.new_session()
    await api.start_call(session_id)
    assert (await api.post(f"{organization_path(api)}/suspend", BECAUSE, "ada")).status == 204
    for who in ("alice", "bob"):
        assert (await api.get("/v1/sessions", who)).code == "setup_required"
    assert (await api.get("/v1/sessions", "charlie")).status == 200
    assert await ask_owner(api, "SELECT array_agg(kind) FROM call_commands") == ["end"]
    assert not await ask_owner(api, "SELECT is_welcome(NULL, $1)", api.people.alice.organization_id)
    assert (await api.post(f"{organization_path(api)}/activate", BECAUSE, "ada")).status == 204
    assert (await api.get("/v1/sessions")).status == 200
    written = await entries(api, f"{organization_path(api)}/audit-log?action=organizations")
    assert [entry["action"] for entry in written] == ["organizations.activated", "organizations.suspended"]
    # Those who manage it see it as well.
    own = (await api.get(f"/v1/organizations/{api.people.alice.organization_id}/audit-log")).body["items"]
    assert {"organizations.activated", "audit_log.read"} <= {entry["action"] for entry in own}


async def test_limits_and_plans_that_are_set_hold(api: Api) -> None:
    await add_admin(api)
    limits = {"monthly_audio_hours_limit": 3, "max_members": 9, "max_sessions_per_month": 1}
    assert (await api.send("PUT", f"{organization_path(api)}/limits", "ada", json=limits)).status == 204
    assert (await api.get(organization_path(api), "ada")).body["limits"] == limits
    await api.new_session()
    new = {"title": "New", "conversation_type": "sales"}
    assert (await api.post("/v1/sessions", new)).code == "session_limit"
    without = {"monthly_audio_hours_limit": None, "max_members": None, "max_sessions_per_month": None}
    await api.send("PUT", f"{organization_path(api)}/limits", "ada", json=without)
    plan = {"name": "org_pilot", "display_name": "Pilot", "plan_type": "organization", "max_sessions_per_month": 2}
    made = await api.post("/v1/admin/plans", plan, "ada")
    chosen = {"plan_id": made.body["id"]}
    assert (await api.send("PUT", f"{organization_path(api)}/plan", "ada", json=chosen)).status == 204
    await api.new_session()
    refused = await api.post("/v1/sessions", new)
    assert (refused.code, refused.body["limit"]) == ("session_limit", 2)


async def test_what_stripe_is_paid_for_is_not_changed_here(api: Api) -> None:
    await add_admin(api)
    await ask_owner(
        api,
        "UPDATE subscriptions SET stripe_subscription_id = 'sub_1' WHERE organization_id = $1",
        api.people.alice.organization_id,
    )
    plan_id = str(await ask_owner(api, "SELECT id FROM plans WHERE name = 'org_starter'"))
    refused = await api.send("PUT", f"{organization_path(api)}/plan", "ada", json={"plan_id": plan_id})
    assert (refused.status, refused.code) == (409, "paid_by_stripe")


# verification -------------------------------------------------------------------------------------------------------


async def decide(api: Api, decision: str, reason: str | None = None) -> Answer:
    body = {"decision": decision} | ({"reason": reason} if reason else {})
    return await api.post(f"{organization_path(api)}/verification", body, "ada")


async def test_a_verification_is_refused_with_a_reason_asked_for_again_and_approved(api: Api) -> None:
    await add_admin(api)
    mails, alice = Mailbox(api), api.people.alice
    await ask_owner(api, "UPDATE users SET email_verified = true WHERE id = $1", alice.user_id)
    own, why = f"/v1/organizations/{alice.organization_id}", "The website is another one."
    waiting = "/v1/admin/organizations?awaits_verification=true"
    assert (await decide(api, "approve")).code == "verification_not_requested"
    for decision, subject in (
        ("refuse", "Alice's company was not verified"),
        ("approve", "Alice's company is verified"),
    ):
        assert (await api.post(f"{own}/verification")).status == 202
        assert len((await api.get(waiting, "ada")).body["items"]) == 1
        assert (await decide(api, "refuse")).status == 422  # without a reason
        assert (await decide(api, decision, why)).status == 204
        assert (await api.get(waiting, "ada")).body["items"] == []
        letter = await mails.one()
        assert (letter["To"], letter["Subject"]) == (alice.email, subject)
        assert (why in words_of(letter)) == (decision == "refuse")
        assert (await api.get(own)).body["is_verified"] == (decision == "approve")
    assert (await decide(api, "approve")).code == "organization_verified"
    log = (await api.get(f"{own}/audit-log?action=organizations")).body["items"]
    actions = [entry["action"] for entry in log]
    assert actions.count("organizations.verified") == actions.count("organizations.verification_refused") == 1
    assert why not in str(log)


@pytest.mark.parametrize("change", [{"name": "Another company"}, {"display_name": "The Bank"}])
async def test_under_another_name_an_organization_is_verified_no_more(api: Api, change: dict[str, str]) -> None:
    alice = api.people.alice
    await ask_owner(api, "UPDATE organizations SET is_verified = true WHERE id = $1", alice.organization_id)
    own = f"/v1/organizations/{alice.organization_id}"
    assert (await api.send("PATCH", own, json={"city": "Bern"})).body["is_verified"] is True
    assert (await api.send("PATCH", own, json=change)).body["is_verified"] is False
