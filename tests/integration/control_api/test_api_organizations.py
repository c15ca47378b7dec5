"""Organizations over HTTP: their settings and branding, who may see and change them, and their audit log."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from db import members
from db.pool import transaction
from tests.api import Api


def path_of(api: Api, who: str = "alice", more: str = "") -> str:
    return f"/v1/organizations/{getattr(api.people, who).organization_id}{more}"


async def make_admin(api: Api, who: str = "bob") -> None:
    alice = api.people.alice
    async with transaction(api.state.pool, user_id=alice.user_id) as conn:
        await members.set_role(conn, alice.organization_id, getattr(api.people, who).user_id, "admin")


async def test_a_member_reads_it_and_sees_no_bills(api: Api) -> None:
    await api.send("PATCH", path_of(api), json={"tax_id": "CHE-1", "billing_email": "Bills@example.org"})
    seen = await api.get(path_of(api), who="bob")
    assert (seen.status, seen.body["tax_id"], seen.body["billing_email"]) == (200, None, None)
    own = await api.get(path_of(api))
    assert (own.body["tax_id"], own.body["billing_email"]) == ("CHE-1", "bills@example.org")


async def test_settings_and_branding_are_changed_and_what_is_left_out_stays(api: Api) -> None:
    changes = {
        "display_name": "Engines",
        "branding_primary_color": "#0A6cff",
        "branding_logo_url": "https://engines.example/logo.png",
        "country_code": "CH",
        "default_timezone": "Europe/Zurich",
        "default_language": "de-CH",
        "description": "We make engines.\nGood ones.",
    }
    assert (await api.send("PATCH", path_of(api), json=changes)).status == 200
    answer = await api.send("PATCH", path_of(api), json={"country_code": None})
    assert {name: answer.body[name] for name in changes} == {**changes, "country_code": None}


REFUSED: list[dict[str, Any]] = [
    {"name": ""}, {"name": None}, {"name": "a\nb"}, {"branding_primary_color": "red"},
    {"branding_primary_color": "#12345"}, {"branding_logo_url": "javascript:alert(1)"},
    {"branding_logo_url": "http://engines.example/logo.png"}, {"branding_logo_url": "https://"},
    {"branding_logo_url": "https://user@evil.example/x"}, {"website_url": "https://" + "x" * 600},
    {"country_code": "ch"}, {"default_timezone": "Mars/Phobos"}, {"default_language": "deutsch"},
    {"contact_email": "nobody"}, {"max_members": 0}, {"slug": "mine"}, {"is_verified": True}, {"is_active": False},
    {"description": "\u202egnp.exe"}, {"tax_id": 7},
]  # fmt: skip


async def test_what_is_no_setting_is_refused(api: Api) -> None:
    before = (await api.get(path_of(api))).body
    for changes in REFUSED:
        answer = await api.send("PATCH", path_of(api), json=changes)
        assert (answer.status, answer.code) == (422, "invalid_request"), changes
    assert (await api.send("PATCH", path_of(api), json={})).code == "nothing_to_change"
    assert (await api.get(path_of(api))).body == before


async def test_only_owners_and_admins_change_it_and_only_owners_close_it(api: Api) -> None:
    for method, body in (("PATCH", {"city": "Bern"}), ("DELETE", None)):
        assert (await api.send(method, path_of(api), "bob", json=body)).status == 403
    await make_admin(api)
    assert (await api.send("PATCH", path_of(api), "bob", json={"city": "Bern"})).status == 200
    assert (await api.send("DELETE", path_of(api), "bob")).status == 403
    assert (await api.send("DELETE", path_of(api))).status == 204
    assert (await api.get("/v1/sessions")).code == "setup_required"  # who belonged to nothing else


async def test_what_was_precondition_failed_is_not_overwritten(api: Api) -> None:
    version = (await api.get(path_of(api))).headers["ETag"]
    first = await api.send("PATCH", path_of(api), json={"city": "Bern"}, headers={"If-Match": version})
    assert first.status == 200
    second = await api.send("PATCH", path_of(api), json={"city": "Basel"}, headers={"If-Match": version})
    assert (second.status, second.code) == (412, "precondition_failed")
    third = await api.send(
        "PATCH", path_of(api), json={"city": "Basel"}, headers={"If-Match": f'"x", {first.headers["ETag"]}'}
    )
    assert (third.status, third.body["city"]) == (200, "Basel")


async def test_who_owns_one_makes_no_second_one_and_who_owns_none_does(api: Api) -> None:
    body = {"name": "Second", "timezone": "Europe/Bern"}
    assert (await api.post("/v1/organizations", body)).code == "invalid_request"  # Bern has no zone of its own
    body["timezone"] = "Europe/Zurich"
    refused = await api.post("/v1/organizations", body)
    assert (refused.status, refused.code) == (409, "organization_exists")
    made = await api.post("/v1/organizations", body, "bob")
    assert (made.status, made.body["name"], made.body["default_timezone"]) == (201, "Second", "Europe/Zurich")
    listed = (await api.get("/v1/organizations", "bob")).body["items"]
    assert {(each["name"], each["role"]) for each in listed} == {("Second", "owner"), ("Alice's company", "member")}
    assert (await api.get("/v1/me", "bob")).body["organization"]["id"] == made.body["id"]


async def test_a_member_of_two_reads_both_whichever_they_work_in(api: Api) -> None:
    await api.post("/v1/organizations", {"name": "Second"}, "bob")
    assert (await api.get(path_of(api), "bob")).status == 200


async def test_verification_is_asked_for_once(api: Api) -> None:
    assert (await api.post(path_of(api, more="/verification"), who="bob")).status == 403
    first = await api.post(path_of(api, more="/verification"))
    again = await api.post(path_of(api, more="/verification"))
    assert (first.status, again.status) == (202, 202)
    assert first.body["verification_requested_at"] == again.body["verification_requested_at"] is not None
    assert not first.body["is_verified"]


async def test_the_audit_log_tells_who_did_what_to_owners_and_admins(api: Api) -> None:
    await api.send("PATCH", path_of(api), json={"city": "Bern"})
    session_id = await api.new_session()
    await api.send("DELETE", f"/v1/sessions/{session_id}")
    log = path_of(api, more="/audit-log")
    assert (await api.get(log, "bob")).status == 403
    newest = (await api.get(log)).body["items"][0]
    assert (newest["action"], newest["actor_id"]) == ("sessions.deleted", str(api.people.alice.user_id))
    [updated] = (await api.get(log, params={"action": "organizations.updated"})).body["items"]
    assert updated["details"] == {"fields": ["city"]}
    by_area = await api.get(log, params={"action": "sessions", "target_id": session_id})
    assert [entry["action"] for entry in by_area.body["items"]] == ["sessions.deleted"]
    assert (await api.get(log, params={"actor_id": str(uuid4())})).body["items"] == []


async def test_the_audit_log_is_read_in_pages(api: Api) -> None:
    for city in ("Bern", "Basel", "Biel"):
        await api.send("PATCH", path_of(api), json={"city": city})
    log = path_of(api, more="/audit-log")
    whole = [entry["id"] for entry in (await api.get(log)).body["items"]]
    first = (await api.get(log, params={"limit": "2"})).body
    rest = (await api.get(log, params={"before": str(first["next_before"])})).body
    assert [entry["id"] for entry in (*first["items"], *rest["items"])] == whole
    assert rest["next_before"] is None


async def test_an_action_that_is_none_is_refused(api: Api) -> None:
    for action in ("x;y", "a.b.c", "SESSIONS", "%27"):
        answer = await api.get(path_of(api, more="/audit-log"), params={"action": action})
        assert (answer.status, answer.code) == (422, "invalid_request"), action
