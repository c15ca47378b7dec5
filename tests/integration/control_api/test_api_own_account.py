"""One's own account: profile, devices, leaving with one's data."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from control_api.erasing import Eraser
from db import recordings
from db.pool import owner_connection, transaction
from tests.api import ORIGIN, Answer, Api, MakeApi
from tests.mailbox import Mailbox

PASSWORD = "correct horse battery"


async def change(api: Api, who: str = "alice", headers: dict[str, str] | None = None, **changes: Any) -> Answer:
    return await api.send("PATCH", "/v1/me/profile", who, json=changes, headers=headers or {})


async def value(api: Api, query: str, *args: object) -> Any:
    async with owner_connection(api.database.owner_url) as conn:
        return await conn.fetchval(query, *args)


async def signed_in_by_cookie(api: Api, who: str = "alice") -> tuple[str, dict[str, str]]:
    """A fresh cookie, and what a request of our page carries."""
    link = await api.new_link(getattr(api.people, who).user_id)
    answer = await api.post("/v1/auth/links/redeem", {"token": link}, None)
    api.client.session.cookie_jar.clear()
    token = answer.body["token"]
    return token, {"Cookie": f"liveconvo_session={token}", "Origin": ORIGIN}


# profile ------------------------------------------------------------------------------------------------------------


async def test_a_profile_is_changed_and_nothing_else_of_it(api: Api) -> None:
    before = await api.get("/v1/me/profile")
    changed = await change(
        api, full_name="Alice L.", timezone="Europe/Vienna", default_microphone_id="usb", personal_context="I sell."
    )
    assert changed.status == 200
    differing = {name for name in before.body if before.body[name] != changed.body[name]}
    assert differing == {"full_name", "timezone", "default_microphone_id", "personal_context"}
    assert (await change(api, personal_context=None)).body["personal_context"] is None
    assert (await api.get("/v1/me/profile", "bob")).body["personal_context"] is None


NOT_ONES_OWN: list[dict[str, Any]] = [
    {}, {"timezone": "Mars"}, {"timezone": None}, {"full_name": ""}, {"personal_context": "x" * 8001},
    {"is_admin": True}, {"email": "eve@example.org"}, {"email_verified": True}, {"password_hash": "x"},
    {"current_organization_id": str(uuid4())}, {"deletion_due_at": None}, {"default_speaker_id": "x" * 256},
]  # fmt: skip


async def test_what_is_not_ones_to_change_is_refused(api: Api) -> None:
    for wrong in NOT_ONES_OWN:
        before = (await api.get("/v1/me/profile")).body
        answer = await change(api, **wrong)
        assert (answer.status, answer.code) == (422, "invalid_request")
        assert (await api.get("/v1/me/profile")).body == before


async def test_an_edit_of_what_changed_meanwhile_is_refused(api: Api) -> None:
    tag = (await api.get("/v1/me/profile")).headers["ETag"]
    first = await change(api, headers={"If-Match": tag}, full_name="First")
    assert first.status == 200
    second = await change(api, headers={"If-Match": tag}, full_name="Second")
    assert (second.status, second.code) == (412, "precondition_failed")
    assert (await change(api, headers={"If-Match": first.headers["ETag"]}, full_name="Third")).status == 200
    assert (await change(api, headers={"If-Match": "*"}, full_name="Fourth")).status == 200


async def test_of_ten_edits_at_once_by_one_tag_one_counts(api: Api) -> None:
    tag = (await api.get("/v1/me/profile")).headers["ETag"]
    answers = await asyncio.gather(*(change(api, headers={"If-Match": tag}, full_name=f"Alice {n}") for n in range(10)))
    assert sorted(answer.status for answer in answers) == [200, *[412] * 9]


async def test_one_works_in_ones_own_organizations_only(api: Api) -> None:
    theirs = str(api.people.charlie.organization_id)
    refused = await api.send("PUT", "/v1/me/organization", json={"organization_id": theirs})
    unknown = await api.send("PUT", "/v1/me/organization", json={"organization_id": str(uuid4())})
    assert (refused.status, refused.body) == (unknown.status, unknown.body)
    assert refused.status == 404
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute(
            "INSERT INTO organization_members (organization_id, user_id) VALUES ($1, $2)",
            api.people.charlie.organization_id,
            api.people.alice.user_id,
        )
    switched = await api.send("PUT", "/v1/me/organization", json={"organization_id": theirs})
    assert (switched.body["organization"]["id"], switched.body["role"]) == (theirs, "member")
    assert (await api.get("/v1/me")).body["organization"]["id"] == theirs


# devices ------------------------------------------------------------------------------------------------------------


async def test_devices_are_listed_page_by_page_and_ended(api: Api) -> None:
    link = await api.new_link(api.people.alice.user_id)
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    other = await api.post("/v1/auth/links/redeem", {"token": link}, None, headers={"User-Agent": agent})
    first = await api.get("/v1/me/devices?limit=1")
    (newest,) = first.body["devices"]
    assert (newest["browser"], newest["os"], newest["device_type"]) == ("Firefox", "Linux", "desktop")
    assert newest["is_current"] is False
    second = await api.get(f"/v1/me/devices?limit=1&cursor={first.body['next_cursor']}")
    assert [each["is_current"] for each in second.body["devices"]] == [True]
    assert second.body["next_cursor"] is None
    assert (await api.send("DELETE", f"/v1/me/devices/{newest['id']}")).status == 204
    assert (await api.send("DELETE", f"/v1/me/devices/{newest['id']}")).status == 404
    gone = await api.get("/v1/me", None, headers={"Authorization": f"Bearer {other.body['token']}"})
    assert gone.status == 401


async def test_somebody_elses_device_is_not_there(api: Api) -> None:
    (device,) = (await api.get("/v1/me/devices", "charlie")).body["devices"]
    for device_id in (device["id"], str(uuid4()), "x"):
        assert (await api.send("DELETE", f"/v1/me/devices/{device_id}")).status == 404
    assert (await api.get("/v1/me", "charlie")).status == 200


async def test_signing_out_everywhere_leaves_nobody_signed_in_but_others(api: Api) -> None:
    token, _ = await signed_in_by_cookie(api)
    assert (await api.post("/v1/auth/sign-out-everywhere")).status == 204
    assert (await api.get("/v1/me")).status == 401
    assert (await api.get("/v1/me", None, headers={"Authorization": f"Bearer {token}"})).status == 401
    assert (await api.get("/v1/me", "bob")).status == 200


async def test_a_cookie_of_before_is_worth_nothing_after_a_sign_in_a_new_password_or_a_sign_out(api: Api) -> None:
    before, headers = await signed_in_by_cookie(api)
    link = await api.new_link(api.people.alice.user_id)
    answer = await api.post("/v1/auth/links/redeem", {"token": link}, None, headers=headers)
    assert (await api.get("/v1/me", None, headers={"Authorization": f"Bearer {before}"})).status == 401
    second = answer.body["token"]
    headers["Cookie"] = f"liveconvo_session={second}"
    changed = await api.send("PUT", "/v1/me/password", None, json={"password": PASSWORD}, headers=headers)
    assert changed.status == 204
    api.client.session.cookie_jar.clear()
    assert (await api.get("/v1/me", None, headers={"Cookie": f"liveconvo_session={second}"})).status == 401
    third = changed.headers["Set-Cookie"].partition(";")[0]
    assert (await api.get("/v1/me", None, headers={"Cookie": third})).status == 200
    await api.post("/v1/auth/sign-out", None, None, headers={"Cookie": third, "Origin": ORIGIN})
    assert (await api.get("/v1/me", None, headers={"Cookie": third})).status == 401


async def test_a_new_password_signs_the_other_devices_out_and_tells_the_person(api: Api) -> None:
    token, _ = await signed_in_by_cookie(api)
    assert (await api.send("PUT", "/v1/me/password", json={"password": PASSWORD})).status == 204
    assert (await api.get("/v1/me", None, headers={"Authorization": f"Bearer {token}"})).status == 401
    assert (await api.get("/v1/me")).status == 200
    letter = await Mailbox(api).one()
    assert (letter["To"], letter["Subject"]) == (api.people.alice.email, "Your password was changed")


UNSAFE = [
    ("POST", "/v1/auth/sign-out-everywhere", None), ("PATCH", "/v1/me/profile", {"full_name": "Eve"}),
    ("PUT", "/v1/me/password", {"password": PASSWORD}), ("POST", "/v1/me/deletion", {}),
    ("POST", "/v1/api-keys", {"name": "x", "scopes": ["read"]}), ("POST", "/v1/me/onboarding", {}),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body"), UNSAFE)
async def test_a_cookie_changes_nothing_for_another_site(api: Api, method: str, path: str, body: Any) -> None:
    _, headers = await signed_in_by_cookie(api, "bob")
    cookie = {"Cookie": headers["Cookie"]}
    for more in (
        {}, {"Origin": "null"}, {"Origin": "https://evil.example"}, {"Origin": f"{ORIGIN}.evil.example"},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
    ):  # fmt: skip
        answer = await api.send(method, path, None, json=body, headers={**cookie, **more})
        assert (answer.status, answer.code) == (403, "cross_site"), more
    assert (await api.send(method, path, None, json=body, headers=headers)).status < 400


# leaving ------------------------------------------------------------------------------------------------------------


async def test_an_export_is_a_zip_of_ones_data_and_ones_audio(make_api: MakeApi, tmp_path: Path) -> None:
    async with make_api(files_folder=tmp_path) as api:
        session_id = await api.new_session()
        await api.start_call(session_id)
        await api.say(session_id, ("Alice", "We talk about the price."))
        audio = bytes(range(256)) * 3000
        (tmp_path / "a.opus").write_bytes(audio)
        ids = [await _record(api, session_id, key) for key in ("a.opus", "link.opus", "lost.opus")]
        (tmp_path.parent / "outside.opus").write_bytes(b"not yours")
        (tmp_path / "link.opus").symlink_to(tmp_path.parent / "outside.opus")
        async with api.client.get(
            "/v1/me/export", headers={"Authorization": f"Bearer {api.tokens['alice']}"}
        ) as response:
            assert response.status == 200
            assert response.headers["Content-Disposition"].startswith("attachment; filename=")
            assert response.headers["Cache-Control"] == "no-store"
            archive = zipfile.ZipFile(io.BytesIO(await response.read()))
        assert archive.testzip() is None
        document = json.loads(archive.read("account.json"))
        assert document["tables"]["transcripts"][0]["content"] == "We talk about the price."
        assert "password_hash" not in document["tables"]["users"][0]
        assert archive.read(f"audio/{session_id}/{ids[0]}.ogg") == audio
        assert set(archive.read("missing.txt").decode().split()) == {
            f"audio/{session_id}/{each}.ogg" for each in ids[1:]
        }
        others = await api.client.get("/v1/me/export", headers={"Authorization": f"Bearer {api.tokens['charlie']}"})
        theirs = zipfile.ZipFile(io.BytesIO(await others.read()))
        assert theirs.namelist() == ["account.json"]
        assert b"the price" not in theirs.read("account.json")


async def _record(api: Api, session_id: str, key: str) -> UUID:
    recording = recordings.NewRecording(
        uuid4(), UUID(session_id), api.people.alice.organization_id, key, "audio/ogg", 0, 1000, 768000, bytes(32)
    )
    async with transaction(api.media) as conn:
        await recordings.insert_recording(conn, recording)
    return recording.id


async def _sweep(api: Api) -> None:
    await Eraser(partial(transaction, api.jobs)).sweep()


async def test_an_account_goes_after_two_weeks_unless_it_is_kept(api: Api) -> None:
    ordered = await api.post("/v1/me/deletion", {}, "bob")
    assert ordered.status == 202
    due_at = datetime.fromisoformat(ordered.body["due_at"])
    assert timedelta(days=13) < due_at - datetime.now(UTC) < timedelta(days=15)
    letter = await Mailbox(api).one()
    assert letter["To"] == api.people.bob.email
    assert (await api.post("/v1/me/deletion", {}, "bob")).body == ordered.body
    assert (await api.get("/v1/me/profile", "bob")).body["deletion_due_at"] is not None
    await _sweep(api)
    assert (await api.get("/v1/me", "bob")).status == 200
    assert (await api.send("DELETE", "/v1/me/deletion", "bob")).status == 204
    await _make_due(api, api.people.bob.user_id)
    await _sweep(api)
    assert (await api.get("/v1/me", "bob")).status == 200
    await api.post("/v1/me/deletion", {}, "bob")
    await _make_due(api, api.people.bob.user_id)
    await _sweep(api)
    assert (await api.get("/v1/me", "bob")).status == 401
    await Eraser(partial(transaction, api.jobs)).erase_account(api.people.bob.user_id)
    assert await value(api, "SELECT email FROM users WHERE id = $1", api.people.bob.user_id) != api.people.bob.email


async def _make_due(api: Api, user_id: UUID) -> None:
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute(
            "UPDATE users SET deletion_due_at = now() - interval '1 second'"
            " WHERE id = $1 AND deletion_due_at IS NOT NULL",
            user_id,
        )


async def test_the_only_owner_of_others_hands_over_first(api: Api) -> None:
    refused = await api.post("/v1/me/deletion", {})
    assert (refused.status, refused.code) == (409, "sole_owner")
    assert (await api.get("/v1/me/profile")).body["deletion_due_at"] is None
    assert await Mailbox(api).work() == []
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute("UPDATE organization_members SET role = 'owner' WHERE user_id = $1", api.people.bob.user_id)
    assert (await api.post("/v1/me/deletion", {})).status == 202


async def test_a_sweep_goes_on_past_an_owner_who_became_the_only_one_meanwhile(api: Api) -> None:
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute("UPDATE users SET deletion_due_at = now() - interval '2 days' WHERE id = ANY ($1)",
            [api.people.alice.user_id, api.people.charlie.user_id])  # fmt: skip
    await _sweep(api)
    assert (await api.get("/v1/me")).status == 200
    assert (await api.get("/v1/me", "charlie")).status == 401


async def test_deleting_needs_the_password(api: Api) -> None:
    await api.send("PUT", "/v1/me/password", "bob", json={"password": PASSWORD})
    for wrong in ({}, {"password": "guess"}):
        answer = await api.post("/v1/me/deletion", wrong, "bob")
        assert (answer.status, answer.code) == (401, "wrong_credentials")
    assert (await api.post("/v1/me/deletion", {"password": PASSWORD}, "bob")).status == 202
