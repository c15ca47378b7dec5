"""Members over HTTP: roles, permissions, limits, pausing, removal, and handing the organization over."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from control_api.tokens import token_hash
from db import participants, tickets
from db.pool import owner_connection, transaction
from db.records import NewParticipant
from tests.api import Answer, Api
from tests.integration.control_api.test_api_organizations import make_admin, path_of


def member_path(api: Api, who: str) -> str:
    return path_of(api, more=f"/members/{getattr(api.people, who).user_id}")


async def change(api: Api, target: str, changes: dict[str, Any], who: str = "alice", **headers: str) -> Answer:
    return await api.send("PATCH", member_path(api, target), who, json=changes, headers=headers)


async def attend(api: Api, who: str, node: str = "host-7") -> UUID:
    """Somebody in a live call of Alice's; their participant's id."""
    session_id = await api.new_session()
    await api.start_call(session_id, node=node)
    person = getattr(api.people, who)
    participant = NewParticipant(
        id=uuid4(), session_id=UUID(session_id), organization_id=person.organization_id, name=who, role="participant",
        user_id=person.user_id,
    )  # fmt: skip
    async with transaction(api.state.pool, user_id=person.user_id) as conn:
        await participants.insert_participant(conn, participant)
    return participant.id


async def orders(api: Api) -> list[tuple[str, str]]:
    async with transaction(api.media) as conn:
        rows = await conn.fetch("SELECT kind, payload ->> 'participant_id' AS who FROM call_commands")
    return [(row["kind"], row["who"]) for row in rows]


async def test_members_are_listed_in_pages(api: Api) -> None:
    path = path_of(api, more="/members")
    whole = (await api.get(path, "bob")).body["items"]
    assert sorted((each["role"], each["permissions"]) for each in whole) == [("member", []), ("owner", [])]
    first = (await api.get(path, params={"limit": "1"})).body
    rest = (await api.get(path, params={"limit": "1", "cursor": first["next_cursor"]})).body
    assert [*first["items"], *rest["items"]] == whole
    assert rest["next_cursor"] is None


async def test_a_manager_gives_roles_permissions_and_limits(api: Api) -> None:
    sent = {"permissions": ["sessions.create", "sessions.create", "guests.invite"], "monthly_audio_hours_limit": 5}
    answer = await change(api, "bob", sent)
    assert answer.status == 200, answer.body
    assert answer.body["permissions"] == ["guests.invite", "sessions.create"]
    await change(api, "bob", {"max_sessions_per_month": 7})
    await change(api, "bob", {"role": "admin"})
    seen = (await api.get(member_path(api, "bob"))).body
    assert (seen["role"], seen["monthly_audio_hours_limit"], seen["max_sessions_per_month"]) == ("admin", 5, 7)
    assert (await change(api, "bob", {"monthly_audio_hours_limit": None})).body["monthly_audio_hours_limit"] is None


async def test_what_is_no_change_is_refused(api: Api) -> None:
    for changes in ({"permissions": ["everything"]}, {"role": "king"}, {"status": "removed"}, {"user_id": "x"},
                    {"monthly_audio_hours_limit": -1}, {"permissions": None}, {"role": None}):  # fmt: skip
        assert (await change(api, "bob", changes)).code == "invalid_request", changes
    assert (await change(api, "bob", {})).code == "nothing_to_change"


async def test_a_permission_that_is_not_in_the_list_is_refused_at_the_next_request(api: Api) -> None:
    session_id = await api.new_session("bob")
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("sessions.create", "/v1/sessions", {"title": "A", "conversation_type": "sales"}),
        ("guests.invite", f"/v1/sessions/{session_id}/invites", {}),
    ]
    for permission, path, body in asked:
        await change(api, "bob", {"permissions": ["sessions.read"]})
        refused = await api.post(path, body, "bob")
        assert (refused.status, refused.code) == (403, "forbidden"), path
        await change(api, "bob", {"permissions": [permission]})
        assert (await api.post(path, body, "bob")).status == 201, path
    assert (await api.get(f"/v1/sessions/{session_id}", "bob")).status == 200
    await change(api, "bob", {"permissions": []})
    assert (await api.post("/v1/sessions", asked[0][2], "bob")).status == 201


async def test_a_member_changes_nobody(api: Api) -> None:
    for target in ("alice", "bob"):
        assert (await change(api, target, {"role": "admin"}, "bob")).status == 403
    assert (await api.send("DELETE", member_path(api, "alice"), "bob")).status == 403
    assert (
        await api.post(path_of(api, more="/transfer"), {"user_id": str(api.people.bob.user_id)}, "bob")
    ).status == 403


async def test_an_admin_changes_no_owner_and_makes_none(api: Api) -> None:
    await make_admin(api)
    assert (await change(api, "alice", {"role": "member"}, "bob")).status == 403
    assert (await change(api, "bob", {"role": "owner"}, "bob")).status == 403
    assert (await api.send("DELETE", member_path(api, "alice"), "bob")).status == 403


async def test_the_last_owner_stays(api: Api) -> None:
    answer = await change(api, "alice", {"role": "member"})
    assert (answer.status, answer.code) == (409, "organization_needs_owner")
    assert (await change(api, "alice", {"status": "inactive"})).status == 403
    answer = await api.send("DELETE", member_path(api, "alice"))
    assert (answer.status, answer.code) == (409, "organization_needs_owner")
    assert (await api.get("/v1/me")).body["role"] == "owner"


async def test_ownership_is_handed_over_once(api: Api) -> None:
    path, body = path_of(api, more="/transfer"), {"user_id": str(api.people.bob.user_id)}
    answer = await api.post(path, body)
    assert (answer.status, answer.body["role"]) == (200, "owner")
    assert (await api.get("/v1/me")).body["role"] == "admin"
    assert (await api.post(path, body)).status == 403
    itself = await api.post(path, body, "bob")
    assert (itself.status, itself.code) == (409, "member_state")
    stranger = await api.post(path, {"user_id": str(api.people.charlie.user_id)}, "bob")
    assert (stranger.status, stranger.code) == (404, "not_found")


async def test_who_is_removed_is_nobody_at_the_next_request(api: Api) -> None:
    session_id = await api.new_session()
    assert (await api.send("DELETE", member_path(api, "bob"))).status == 204
    for path in (f"/v1/sessions/{session_id}", path_of(api)):
        answer = await api.get(path, "bob")
        assert (answer.status, answer.code) == (404, "not_found"), path
    assert (await api.get("/v1/sessions", "bob")).code == "setup_required"
    assert (await api.get(member_path(api, "bob"))).status == 404
    assert (await api.send("DELETE", member_path(api, "bob"))).status == 404


async def test_who_is_paused_is_nobody_until_taken_back(api: Api) -> None:
    assert (await change(api, "bob", {"status": "inactive"})).body["status"] == "inactive"
    assert (await api.get("/v1/sessions", "bob")).code == "setup_required"
    assert (await change(api, "bob", {"status": "active"})).body["status"] == "active"


async def test_taking_somebody_back_takes_a_seat(api: Api) -> None:
    await change(api, "bob", {"status": "inactive"})
    await api.send("PATCH", path_of(api), json={"max_members": 1})
    refused = await change(api, "bob", {"status": "active"})
    assert (refused.status, refused.code) == (409, "member_limit")
    await api.send("PATCH", path_of(api), json={"max_members": 2})
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute("UPDATE plans SET max_organization_members = 5 WHERE name = 'individual_free'")
    assert (await change(api, "bob", {"status": "active"})).status == 200


async def test_whoever_likes_leaves(api: Api) -> None:
    assert (await api.send("DELETE", member_path(api, "bob"), "bob")).status == 204
    assert (await api.get("/v1/sessions", "bob")).code == "setup_required"


async def test_live_calls_are_told_to_send_away_who_is_removed_paused_or_leaves(api: Api) -> None:
    for ending in ("DELETE", "PATCH", "leave"):
        participant_id = await attend(api, "bob")
        if ending == "PATCH":
            await change(api, "bob", {"status": "inactive"})
            await change(api, "bob", {"status": "active"})
        else:
            await api.send("DELETE", member_path(api, "bob"), "bob" if ending == "leave" else "alice")
        assert ("remove_participant", str(participant_id)) in await orders(api), ending
        assert await api.state.live.wait_for_wake("host-7", 0.5), ending
        await _take_back(api)


async def _take_back(api: Api) -> None:
    alice, bob = api.people.alice, api.people.bob
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute("UPDATE organization_members SET status = 'active' WHERE user_id = $1", bob.user_id)
        await conn.execute(
            "UPDATE users SET current_organization_id = $2 WHERE id = $1", bob.user_id, alice.organization_id
        )


async def test_a_ticket_of_before_opens_nothing(api: Api) -> None:
    await api.add_node()
    session_id = await api.new_session()
    joining = {"name": "Bob", "role": "participant"}
    ticket = (await api.post(f"/v1/sessions/{session_id}/join", joining, "bob")).body["ticket"]
    async with transaction(api.media) as conn:
        assert await tickets.find_ticket(conn, token_hash(ticket)) is not None
    await api.send("DELETE", member_path(api, "bob"))
    async with transaction(api.media) as conn:
        assert await tickets.find_ticket(conn, token_hash(ticket)) is None
        assert not await tickets.redeem_ticket(conn, token_hash(ticket))


async def test_a_change_is_not_made_on_what_was_read_too_early(api: Api) -> None:
    version = (await api.get(member_path(api, "bob"))).headers["ETag"]
    assert (await change(api, "bob", {"role": "admin"}, **{"If-Match": version})).status == 200
    late = await change(api, "bob", {"permissions": []}, **{"If-Match": version})
    assert (late.status, late.code) == (412, "precondition_failed")


async def test_every_change_of_a_member_is_in_the_audit_log(api: Api) -> None:
    await change(api, "bob", {"role": "admin"})
    await change(api, "bob", {"permissions": ["sessions.create"]})
    await api.send("DELETE", member_path(api, "bob"))
    params = {"action": "organization_members", "target_id": str(api.people.bob.user_id)}
    entries = (await api.get(path_of(api, more="/audit-log"), params=params)).body["items"]
    told = [sorted(entry["details"]) for entry in entries if entry["action"] == "organization_members.update"]
    assert told == [["status"], ["permissions"], ["role"]]
    assert {entry["actor_id"] for entry in entries[:3]} == {str(api.people.alice.user_id)}
