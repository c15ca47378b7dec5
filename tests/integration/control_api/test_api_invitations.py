"""Invitations over HTTP: seven days, one address, one use, fifty at a time (T51, T52)."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from control_api import limits
from control_api.tokens import new_token
from db.pool import owner_connection
from tests.api import Answer, Api
from tests.integration.control_api.test_api_organizations import make_admin, path_of


async def open_seats(api: Api, seats: int = 100) -> None:
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute("UPDATE plans SET max_organization_members = $1", seats)


async def _unlimited(*_: object) -> None:
    """As from as many addresses."""


async def verify(api: Api, *who: str) -> None:
    async with owner_connection(api.database.owner_url) as conn:
        for name in who:
            user_id = getattr(api.people, name).user_id
            await conn.execute("UPDATE users SET email_verified = true WHERE id = $1", user_id)


async def invite(api: Api, email: str, who: str = "alice", **sent: Any) -> Answer:
    return await api.post(path_of(api, more="/invitations"), {"email": email, **sent}, who)


def token_of(made: Answer) -> str:
    return str(made.body["url"]).rpartition("/")[2]


async def invite_charlie(api: Api, **sent: Any) -> tuple[str, str]:
    """A link for Charlie, who has proven the address, and the invitation's id."""
    await open_seats(api)
    await verify(api, "charlie")
    made = await invite(api, api.people.charlie.email.upper(), **sent)
    assert made.status == 201, made.body
    return token_of(made), made.body["id"]


async def accept(api: Api, token: str, who: str | None = "charlie") -> Answer:
    return await api.post(f"/v1/invitations/{token}/accept", who=who)


async def expire(api: Api, invitation_id: str) -> None:
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute(
            "UPDATE organization_invitations SET expires_at = now() - interval '1 s' WHERE id = $1", UUID(invitation_id)
        )


async def test_who_was_invited_becomes_a_member_and_works_there(api: Api) -> None:
    token, invitation_id = await invite_charlie(api, role="admin", message="Welcome!")
    [offer] = (await api.get("/v1/invitations", "charlie")).body["items"]
    assert (offer["organization_name"], offer["role"], offer["message"]) == ("Alice's company", "admin", "Welcome!")
    assert (await accept(api, token)).body == {"organization_id": str(api.people.alice.organization_id)}
    me = (await api.get("/v1/me", "charlie")).body
    assert (me["organization"]["name"], me["role"]) == ("Alice's company", "admin")
    [seen] = (await api.get(path_of(api, more="/invitations"))).body["items"]
    assert (seen["id"], seen["status"]) == (invitation_id, "accepted")
    assert seen["accepted_by_user_id"] == str(api.people.charlie.user_id)


async def test_a_link_tells_a_stranger_no_more_than_is_needed(api: Api) -> None:
    token, _ = await invite_charlie(api, message="Our secret")
    seen = await api.get(f"/v1/invitations/{token}", who=None)
    assert seen.body.keys() == {"email", "role", "organization_name", "expires_at"}
    assert "secret" not in str(seen.body)


async def test_reading_a_link_uses_nothing_up(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """T52: whatever opens every link of a letter, a hundred times; those of guests and of shared reports as well."""
    monkeypatch.setattr(api.state.limiter, "check", _unlimited)
    token, _ = await invite_charlie(api)
    session_id = await api.new_session()
    await api.add_node()
    guest = (await api.post(f"/v1/sessions/{session_id}/invites", {})).body["token"]
    shared = (await api.post(f"/v1/sessions/{session_id}/share-links", {"tabs": ["transcript"]})).body["token"]
    for path in (f"/v1/invitations/{token}", f"/v1/invites/{guest}", f"/v1/shared/{shared}"):
        statuses = {(await api.get(path, who=None)).status for _ in range(100 if "invitations" in path else 20)}
        assert statuses == {200}, path
    assert (await accept(api, token)).status == 200
    assert (await api.post(f"/v1/invites/{guest}/join", {"name": "Guest"}, None)).status == 200


async def test_accepting_again_changes_nothing(api: Api) -> None:
    token, _ = await invite_charlie(api)
    answers = [await accept(api, token) for _ in range(3)]
    assert [answer.status for answer in answers] == [200] * 3
    assert answers[0].body == answers[2].body


async def test_another_account_does_not_accept(api: Api) -> None:
    token, _ = await invite_charlie(api)
    await verify(api, "bob")
    refused = await accept(api, token, "bob")
    assert (refused.status, refused.code) == (409, "invitation_not_yours")
    assert (await accept(api, token, None)).status == 401


async def test_an_address_that_was_not_proven_does_not_accept(api: Api) -> None:
    await open_seats(api)
    token = token_of(await invite(api, api.people.charlie.email))
    assert (await accept(api, token)).code == "invitation_not_yours"
    assert (await api.get("/v1/invitations", "charlie")).body["items"] == []


async def test_of_fifty_who_accept_at_once_all_are_one_member(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.state.limiter, "check", _unlimited)
    token, _ = await invite_charlie(api, role="admin")
    answers = await asyncio.gather(*(accept(api, token) for _ in range(50)))
    assert {answer.status for answer in answers} == {200}
    seats = [(each["user_id"], each["role"]) for each in (await api.get(path_of(api, more="/members"))).body["items"]]
    assert [role for user_id, role in seats if user_id == str(api.people.charlie.user_id)] == ["admin"]


async def test_an_invitation_to_an_organization_that_is_gone_opens_nothing(api: Api) -> None:
    token, _ = await invite_charlie(api)
    assert (await api.send("DELETE", path_of(api))).status == 204
    assert (await api.get(f"/v1/invitations/{token}", who=None)).status == 404
    assert (await accept(api, token)).status in {404, 409}
    assert (await api.get("/v1/me", "charlie")).body["organization"]["name"] == "Charlie's company"


async def test_accepting_and_cancelling_at_once_has_one_outcome(api: Api) -> None:
    token, invitation_id = await invite_charlie(api)
    cancel = api.send("DELETE", path_of(api, more=f"/invitations/{invitation_id}"))
    accepted, cancelled = await asyncio.gather(accept(api, token), cancel)
    assert (accepted.status, cancelled.status) in {(200, 409), (409, 204)}
    is_member = (await api.get("/v1/me", "charlie")).body["organization"]["name"] == "Alice's company"
    assert is_member == (accepted.status == 200)


async def test_what_was_cancelled_declined_or_has_expired_opens_nothing(api: Api) -> None:
    for ending in ("cancel", "decline", "expire"):
        token, invitation_id = await invite_charlie(api)
        path = path_of(api, more=f"/invitations/{invitation_id}")
        match ending:
            case "cancel":
                assert (await api.send("DELETE", path)).status == 204
                assert (await api.send("DELETE", path)).status == 409
            case "decline":
                assert (await api.post(f"/v1/invitations/{token}/decline", who=None)).status == 204
            case _:
                await expire(api, invitation_id)
        assert (await api.get(f"/v1/invitations/{token}", who=None)).status == 404, ending
        assert (await accept(api, token)).status == 409, ending
    assert (await accept(api, new_token())).status == 404


async def test_a_new_link_makes_the_one_before_void(api: Api) -> None:
    before, invitation_id = await invite_charlie(api)
    await expire(api, invitation_id)
    again = await api.post(path_of(api, more=f"/invitations/{invitation_id}/resend"))
    assert again.status == 200
    assert (await accept(api, before)).status == 404
    assert (await accept(api, token_of(again))).status == 200
    late = await api.post(path_of(api, more=f"/invitations/{invitation_id}/resend"))
    assert (late.status, late.code) == (409, "invitation_state")


async def test_without_a_free_seat_nobody_comes_in(api: Api) -> None:
    token, _ = await invite_charlie(api)
    await open_seats(api, 2)
    refused = await accept(api, token)
    assert (refused.status, refused.code) == (409, "member_limit")
    await open_seats(api, 3)
    assert (await accept(api, token)).status == 200


async def test_fifty_wait_at_most_and_one_for_an_address(api: Api) -> None:
    first = await invite(api, "Guest0@example.org")
    twice = await invite(api, " guest0@EXAMPLE.org ")
    assert (twice.status, twice.code) == (409, "organization_invitations_pending_key")
    for number in range(1, 50):
        assert (await invite(api, f"guest{number}@example.org")).status == 201
    refused = await invite(api, "guest50@example.org")
    assert (refused.status, refused.code) == (409, "too_many_invitations")
    await api.send("DELETE", path_of(api, more=f"/invitations/{first.body['id']}"))
    assert (await invite(api, "guest50@example.org")).status == 201
    waiting = (await api.get(path_of(api, more="/invitations"), params={"status": "pending", "limit": "100"})).body
    assert len(waiting["items"]) == 50


async def test_only_managers_invite_and_only_owners_invite_owners(api: Api) -> None:
    assert (await invite(api, "x@example.org", "bob")).status == 403
    assert (await api.get(path_of(api, more="/invitations"), "bob")).status == 403
    await make_admin(api)
    assert (await invite(api, "x@example.org", "bob", role="owner")).status == 403
    assert (await invite(api, "x@example.org", "bob", role="admin")).status == 201
    assert (await invite(api, "y@example.org", role="owner")).status == 201


async def test_what_is_no_invitation_is_refused(api: Api) -> None:
    for wrong in (
        {"email": "nobody"},
        {"email": "a@b\r\nBcc: x@example.org"},
        {"email": "a@b@c"},
        {"role": "king"},
        {"message": "x" * 1001},
        {"invitation_token": "mine"},
        {"expires_at": "2099-01-01T00:00:00Z"},
    ):
        answer = await api.post(path_of(api, more="/invitations"), {"email": "a@example.org", **wrong})
        assert (answer.status, answer.code) == (422, "invalid_request"), wrong


async def test_no_token_is_in_the_database(api: Api) -> None:
    token, _ = await invite_charlie(api)
    async with owner_connection(api.database.owner_url) as conn:
        found = await conn.fetchval(
            "SELECT count(*) FROM organization_invitations WHERE to_jsonb(organization_invitations)::text LIKE $1",
            f"%{token}%",
        )
    assert found == 0


async def test_whoever_is_a_member_is_not_invited(api: Api) -> None:
    for who in ("alice", "bob"):
        answer = await invite(api, getattr(api.people, who).email.upper())
        assert (answer.status, answer.code) == (409, "already_member")
    assert (await api.get(path_of(api, more="/invitations"))).body["items"] == []


async def test_no_mailbox_is_flooded_with_links(api: Api) -> None:
    """Nor is it told to anybody by another limit: a new password can still be asked for."""
    made = await invite(api, api.people.charlie.email)
    resend = path_of(api, more=f"/invitations/{made.body['id']}/resend")
    answers = [(await api.post(resend)).status for _ in range(limits.INVITATIONS_TO_ADDRESS.count)]
    assert answers == [200] * (limits.INVITATIONS_TO_ADDRESS.count - 1) + [429]
    assert (await invite(api, "somebody.else@example.org")).status == 201
    assert (await api.post("/v1/auth/password/forgot", {"email": api.people.charlie.email}, None)).status == 202


async def test_what_waits_for_ones_own_address_is_answered_without_the_link(api: Api) -> None:
    _, invitation_id = await invite_charlie(api)
    [offer] = (await api.get("/v1/invitations", "charlie")).body["items"]
    assert offer["id"] == invitation_id
    path = f"/v1/me/invitations/{invitation_id}"
    for who in ("alice", "bob"):  # not even who sent it
        for answer in ("accept", "decline"):
            assert (await api.post(f"{path}/{answer}", who=who)).status == 404
    for _ in range(2):
        accepted = await api.post(f"{path}/accept", who="charlie")
        assert (accepted.status, accepted.body) == (200, {"organization_id": str(api.people.alice.organization_id)})
    assert (await api.get("/v1/me", "charlie")).body["organization"]["name"] == "Alice's company"
    assert (await api.get("/v1/invitations", "charlie")).body["items"] == []


async def test_it_is_declined_without_the_link_and_not_by_an_address_that_was_not_proven(api: Api) -> None:
    _, invitation_id = await invite_charlie(api)
    path = f"/v1/me/invitations/{invitation_id}/decline"
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute("UPDATE users SET email_verified = false")
        assert (await api.post(path, who="charlie")).status == 404
        await conn.execute("UPDATE users SET email_verified = true")
    assert (await api.post(path, who="charlie")).status == 204
    again = await api.post(path, who="charlie")
    assert (again.status, again.code) == (409, "invitation_state")
    [seen] = (await api.get(path_of(api, more="/invitations"))).body["items"]
    assert seen["status"] == "declined"
