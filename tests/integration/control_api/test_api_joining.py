"""Ways into a call: join, invitations, tickets, and which node they lead to."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from control_api.settings import TurnSettings
from control_api.tokens import token_hash
from db import tickets
from db.live import NodeLoad
from db.pool import owner_connection, transaction
from tests.api import Api, MakeApi

JOINING = {
    "name": "Ada",
    "role": "host",
    "shared_mic": False,
    "consent": {"version": "1", "at": "2026-11-22T10:00:00Z"},
}
GUEST = {"name": "Ben", "shared_mic": True, "consent": None}


async def test_joining_gives_a_ticket_for_this_session(api: Api) -> None:
    await api.add_node()
    session_id = await api.new_session()
    answer = await api.post(f"/v1/sessions/{session_id}/join", JOINING)
    assert answer.status == 200
    assert answer.body["media_url"] == f"http://localhost:8081/whip/{session_id}"
    assert answer.body["ice_servers"] == []
    async with transaction(api.media) as conn:
        ticket = await tickets.find_ticket(conn, token_hash(answer.body["ticket"]))
    assert ticket is not None
    assert str(ticket.session_id) == session_id
    assert str(ticket.participant_id) == answer.body["participant_id"]
    assert (ticket.name, ticket.role, ticket.coached, ticket.consented) == ("Ada", "host", True, True)
    assert ticket.user_id == api.people.alice.user_id


async def test_a_ticket_lives_for_a_minute(api: Api) -> None:
    await api.add_node()
    answer = await api.post(f"/v1/sessions/{await api.new_session()}/join", JOINING)
    left = datetime.fromisoformat(answer.body["expires_at"]) - datetime.now(UTC)
    assert timedelta(seconds=50) < left <= timedelta(seconds=60)


async def test_a_ticket_is_redeemed_once(api: Api) -> None:
    await api.add_node()
    answer = await api.post(f"/v1/sessions/{await api.new_session()}/join", JOINING)
    async with transaction(api.media) as conn:
        assert await tickets.redeem_ticket(conn, token_hash(answer.body["ticket"]))
        assert not await tickets.redeem_ticket(conn, token_hash(answer.body["ticket"]))


async def test_who_shows_an_earlier_ticket_comes_back_as_the_same_participant(api: Api) -> None:
    await api.add_node()
    path = f"/v1/sessions/{await api.new_session()}/join"
    first = (await api.post(path, JOINING)).body
    again = (await api.post(path, {**JOINING, "previous_ticket": first["ticket"]})).body
    assert again["participant_id"] == first["participant_id"]
    assert again["ticket"] != first["ticket"]


@pytest.mark.parametrize("change", [{"consent": None}, {"role": "supervisor"}])
async def test_who_comes_back_as_something_else_is_another_participant(api: Api, change: dict[str, object]) -> None:
    await api.add_node()
    path = f"/v1/sessions/{await api.new_session()}/join"
    first = (await api.post(path, JOINING)).body
    again = (await api.post(path, {**JOINING, **change, "previous_ticket": first["ticket"]})).body
    assert again["participant_id"] != first["participant_id"]


async def test_a_ticket_of_another_session_or_of_nobody_proves_nothing(api: Api) -> None:
    await api.add_node()
    elsewhere = (await api.post(f"/v1/sessions/{await api.new_session()}/join", JOINING)).body
    path = f"/v1/sessions/{await api.new_session()}/join"
    for ticket in (elsewhere["ticket"], "made-up"):
        answer = await api.post(path, {**JOINING, "previous_ticket": ticket})
        assert answer.status == 200
        assert answer.body["participant_id"] != elsewhere["participant_id"]


async def test_a_guest_cannot_come_back_with_a_members_ticket(api: Api) -> None:
    await api.add_node()
    session_id = await api.new_session()
    members = (await api.post(f"/v1/sessions/{session_id}/join", {**JOINING, "role": "participant"})).body
    invite = (await api.post(f"/v1/sessions/{session_id}/invites", {"role": "participant"})).body["token"]
    sent = {**GUEST, "consent": JOINING["consent"], "previous_ticket": members["ticket"]}
    guest = (await api.post(f"/v1/invites/{invite}/join", sent, who=None)).body
    assert guest["participant_id"] != members["participant_id"]


async def test_a_guest_comes_back_as_the_same_participant(api: Api) -> None:
    await api.add_node()
    token = (await api.post(f"/v1/sessions/{await api.new_session()}/invites", {"role": "customer"})).body["token"]
    first = (await api.post(f"/v1/invites/{token}/join", GUEST, who=None)).body
    sent = {**GUEST, "previous_ticket": first["ticket"]}
    assert (await api.post(f"/v1/invites/{token}/join", sent, who=None)).body["participant_id"] == first[
        "participant_id"
    ]


async def test_participants_are_listed_once_they_have_a_ticket(api: Api) -> None:
    await api.add_node()
    session_id = await api.new_session()
    await api.post(f"/v1/sessions/{session_id}/join", JOINING)
    (person,) = (await api.get(f"/v1/sessions/{session_id}")).body["participants"]
    assert (person["name"], person["role"], person["source"]) == ("Ada", "host", "browser")
    assert person["joined_at"] is None


async def test_without_consent_one_is_admitted_to_listen(api: Api) -> None:
    await api.add_node()
    session_id = await api.new_session()
    answer = await api.post(f"/v1/sessions/{session_id}/join", {**JOINING, "consent": None})
    async with transaction(api.media) as conn:
        ticket = await tickets.find_ticket(conn, token_hash(answer.body["ticket"]))
    assert ticket is not None
    assert not ticket.consented


async def test_only_the_creator_hosts(api: Api) -> None:
    await api.add_node()
    session_id = await api.new_session()
    answer = await api.post(f"/v1/sessions/{session_id}/join", JOINING, who="bob")
    assert (answer.status, answer.code) == (403, "forbidden")
    as_participant = await api.post(f"/v1/sessions/{session_id}/join", {**JOINING, "role": "participant"}, who="bob")
    assert as_participant.status == 200


async def test_a_member_does_not_supervise_others(api: Api) -> None:
    await api.add_node()
    session_id = await api.new_session()
    answer = await api.post(f"/v1/sessions/{session_id}/join", {**JOINING, "role": "supervisor"}, who="bob")
    assert (answer.status, answer.code) == (403, "forbidden")


async def test_the_organizations_owner_supervises(api: Api) -> None:
    await api.add_node()
    session_id = await api.new_session(who="bob")
    answer = await api.post(f"/v1/sessions/{session_id}/join", {**JOINING, "role": "supervisor"}, who="alice")
    assert answer.status == 200


async def test_nobody_joins_what_has_ended(api: Api) -> None:
    await api.add_node()
    session_id = await api.new_session()
    await api.start_call(session_id, lease_s=0.0)
    await api.post(f"/v1/sessions/{session_id}/end")
    for path, body in (("join", JOINING), ("invites", {"role": "customer"})):
        answer = await api.post(f"/v1/sessions/{session_id}/{path}", body)
        assert (answer.status, answer.code) == (409, "session_completed")


async def test_without_a_node_one_is_told_to_come_back(api: Api) -> None:
    answer = await api.post(f"/v1/sessions/{await api.new_session()}/join", JOINING)
    assert (answer.status, answer.code) == (503, "no_media_node")
    assert int(answer.headers["Retry-After"]) > 0


async def test_a_node_that_fell_silent_is_not_offered(api: Api) -> None:
    await api.add_node()
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute("UPDATE media_nodes SET seen_at = now() - interval '1 hour'")
    answer = await api.post(f"/v1/sessions/{await api.new_session()}/join", JOINING)
    assert answer.code == "no_media_node"


async def test_a_live_call_is_joined_where_it_lives(api: Api) -> None:
    session_id = await api.new_session()
    await api.start_call(session_id, node="host-0")
    await api.add_node("host-9", "http://localhost:9999")
    answer = await api.post(f"/v1/sessions/{session_id}/join", JOINING)
    assert answer.body["media_url"].startswith("http://localhost:8081/")


async def test_a_new_call_goes_to_the_least_loaded_node(api: Api) -> None:
    for number, load in enumerate((0.9, 0.1, 0.5)):
        await api.add_node(f"host-{number}", f"http://localhost:700{number}")
        await api.state.live.report_load(NodeLoad(f"host-{number}", f"http://localhost:700{number}", load))
    answer = await api.post(f"/v1/sessions/{await api.new_session()}/join", JOINING)
    assert answer.body["media_url"].startswith("http://localhost:7001/")


async def test_relays_come_with_credentials_that_expire(make_api: MakeApi) -> None:
    turn = TurnSettings(("turn:relay.example.org:3478",), "s3cret", 300)
    async with make_api(turn=turn) as api:
        await api.add_node()
        answer = await api.post(f"/v1/sessions/{await api.new_session()}/join", JOINING)
    (server,) = answer.body["ice_servers"]
    expires_s, participant_id = server["username"].split(":")
    assert 0 < int(expires_s) - datetime.now(UTC).timestamp() <= 300
    assert participant_id == answer.body["participant_id"]
    digest = hmac.digest(b"s3cret", server["username"].encode(), hashlib.sha1)
    assert server["credential"] == base64.b64encode(digest).decode()


async def test_an_invitation_is_a_link_for_seven_days(api: Api) -> None:
    session_id = await api.new_session()
    answer = await api.post(f"/v1/sessions/{session_id}/invites", {"name": "Ben", "role": "customer"})
    assert answer.status == 201
    assert answer.body["url"] == f"http://localhost:8080/#/invite/{answer.body['token']}"
    left = datetime.fromisoformat(answer.body["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)


async def test_an_invitation_says_what_it_is_for_and_no_more(api: Api) -> None:
    session_id = await api.new_session(title="Renewal")
    token = (await api.post(f"/v1/sessions/{session_id}/invites", {"name": "Ben", "role": "customer"})).body["token"]
    answer = await api.get(f"/v1/invites/{token}", who=None)
    assert answer.body == {
        "session": {"title": "Renewal", "conversation_type": "sales"},
        "organization": {"name": "Alice's company"},
        "role": "customer",
        "name": "Ben",
    }


async def test_a_guest_joins_without_an_account(api: Api) -> None:
    await api.add_node()
    session_id = await api.new_session()
    token = (await api.post(f"/v1/sessions/{session_id}/invites", {"role": "customer"})).body["token"]
    answer = await api.post(f"/v1/invites/{token}/join", GUEST, who=None)
    assert answer.status == 200
    assert (answer.body["session_id"], answer.body["role"]) == (session_id, "customer")
    async with transaction(api.media) as conn:
        ticket = await tickets.find_ticket(conn, token_hash(answer.body["ticket"]))
    assert ticket is not None
    assert (ticket.name, ticket.coached, ticket.shared_mic, ticket.user_id) == ("Ben", False, True, None)


async def test_a_guest_does_not_choose_a_role(api: Api) -> None:
    token = (await api.post(f"/v1/sessions/{await api.new_session()}/invites", {"role": "customer"})).body["token"]
    answer = await api.post(f"/v1/invites/{token}/join", {**GUEST, "role": "host"}, who=None)
    assert (answer.status, answer.code) == (422, "invalid_request")


async def test_nobody_is_invited_as_host(api: Api) -> None:
    answer = await api.post(f"/v1/sessions/{await api.new_session()}/invites", {"role": "host"})
    assert (answer.status, answer.code) == (422, "invalid_request")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_expired_invitation_and_an_unknown_one_look_the_same(api: Api, method: str) -> None:
    token = (await api.post(f"/v1/sessions/{await api.new_session()}/invites", {"role": "customer"})).body["token"]
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute("UPDATE session_invites SET expires_at = now() - interval '1 second'")
    path, body = ("", None) if method == "GET" else ("/join", GUEST)
    expired = await api.send(method, f"/v1/invites/{token}{path}", None, json=body)
    unknown = await api.send(method, f"/v1/invites/{uuid4().hex}{path}", None, json=body)
    assert (expired.status, expired.code) == (404, "not_found")
    assert expired.body == unknown.body


async def test_an_invitation_ends_with_the_membership_of_its_maker(api: Api) -> None:
    await api.add_node()
    token = (await api.post(f"/v1/sessions/{await api.new_session('bob')}/invites", {"role": "customer"}, "bob")).body[
        "token"
    ]
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute("DELETE FROM organization_members WHERE user_id = $1", api.people.bob.user_id)
    assert (await api.post(f"/v1/invites/{token}/join", GUEST, who=None)).status == 404


async def test_a_link_for_guests_is_listed_without_its_token_and_taken_back(api: Api) -> None:
    await api.add_node()
    path = f"/v1/sessions/{await api.new_session('bob')}/invites"
    made = [(await api.post(path, {"name": name}, "bob")).body for name in ("Ben", "Eve")]
    listed = await api.get(path, "bob")
    assert [item["name"] for item in listed.body["items"]] == ["Eve", "Ben"]
    assert made[0]["token"] not in str(listed.body)
    first = await api.get(f"{path}?limit=1", "bob")
    rest = await api.get(f"{path}?limit=1&cursor={first.body['next_cursor']}", "bob")
    assert [item["name"] for item in rest.body["items"]] == ["Ben"]
    assert rest.body["next_cursor"] is None
    assert (await api.send("DELETE", f"{path}/{made[0]['id']}", "alice")).status == 204  # the owner may, too
    assert (await api.send("DELETE", f"{path}/{made[0]['id']}", "bob")).status == 404
    tried = [(await api.post(f"/v1/invites/{each['token']}/join", GUEST, who=None)).status for each in made]
    assert tried == [404, 200]
    assert [item["revoked_at"] is None for item in (await api.get(path, "bob")).body["items"]] == [True, False]
