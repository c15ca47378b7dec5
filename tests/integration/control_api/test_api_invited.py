"""From a letter that invites to a seat: for somebody who had no account, and works nowhere else."""

from __future__ import annotations

import pytest

from tests.api import Api
from tests.integration.control_api.test_api_invitations import invite, open_seats
from tests.mailbox import Mailbox, token_of, words_of

PASSWORD = "correct horse battery"


@pytest.fixture
def mailbox(api: Api) -> Mailbox:
    return Mailbox(api)


async def test_an_invitation_is_a_letter_to_that_address_alone(api: Api, mailbox: Mailbox) -> None:
    made = await invite(api, "Eve@Example.org", message="Welcome!")
    letter = await mailbox.one()
    assert letter["To"].lower() == "eve@example.org"
    assert "Welcome!" in words_of(letter)
    assert token_of(letter) == made.body["url"].rpartition("/")[2]
    again = await api.post(f"/v1/organizations/{api.people.alice.organization_id}/invitations/{made.body['id']}/resend")
    assert token_of(await mailbox.one()) == again.body["url"].rpartition("/")[2] != token_of(letter)


async def test_an_invitation_that_is_refused_sends_no_letter(api: Api, mailbox: Mailbox) -> None:
    await invite(api, "eve@example.org")
    await invite(api, "eve@example.org")
    await invite(api, "eve@example.org", "bob")
    assert len(await mailbox.work()) == 1


async def test_who_had_no_account_makes_one_and_takes_the_seat(api: Api, mailbox: Mailbox) -> None:
    await open_seats(api)
    await invite(api, "eve@example.org", role="member")
    invitation = token_of(await mailbox.one())
    await api.post("/v1/auth/sign-up", {"email": "eve@example.org", "full_name": "Eve", "timezone": "UTC"}, None)
    link = token_of(await mailbox.one())
    signed_in = await api.post("/v1/auth/verify", {"token": link, "password": PASSWORD}, None)
    api.tokens["eve"] = signed_in.body["token"]
    assert (await api.get("/v1/sessions", "eve")).code == "setup_required"
    [offer] = (await api.get("/v1/invitations", "eve")).body["items"]
    assert offer["organization_name"] == "Alice's company"
    assert (await api.post(f"/v1/invitations/{invitation}/accept", who="eve")).status == 200
    assert (await api.get("/v1/sessions", "eve")).status == 200


async def test_who_has_no_organization_founds_one(api: Api, mailbox: Mailbox) -> None:
    await api.post("/v1/auth/sign-up", {"email": "eve@example.org", "full_name": "Eve", "timezone": "UTC"}, None)
    link = token_of(await mailbox.one())
    signed_in = await api.post("/v1/auth/verify", {"token": link, "password": PASSWORD}, None)
    api.tokens["eve"] = signed_in.body["token"]
    assert (await api.get("/v1/organizations", "eve")).body["items"] == []
    made = await api.post("/v1/organizations", {"name": "Eve's"}, "eve", headers={"Idempotency-Key": "key-0001"})
    again = await api.post("/v1/organizations", {"name": "Eve's"}, "eve", headers={"Idempotency-Key": "key-0001"})
    assert (made.status, made.body) == (201, again.body)
    assert (await api.get("/v1/sessions", "eve")).status == 200
