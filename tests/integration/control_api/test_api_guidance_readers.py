"""Guidance is read by whom it was for: in the list, its statistics, shared reports and a copy of an account."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID, uuid4

import pytest_asyncio

from control_api.tokens import new_token, token_hash
from db import accounts, exports, guidance, participants
from db.pool import owner_connection, transaction
from db.records import NewGuidance, NewParticipant
from tests.api import Api
from tests.people import Person, make_owner

READERS = {
    "host": {"coached", "role:host", "role:supervisor"},
    "supervisor": {"coached", "role:supervisor"},
    "granted": {"coached", "role:participant", "granted"},
    "plain": {"plain"},
    "colleague": set(),
}
"""What each reads. `granted` and `plain` were participants, the first with guidance; who owns the organization
supervises; a colleague was not in the call."""


@dataclass(frozen=True, slots=True)
class Scene:
    session_id: str
    ids: dict[str, str]
    """Of each piece of guidance, by its text: whom it is for."""

    def path(self, end: str = "") -> str:
        return f"/v1/sessions/{self.session_id}/guidance{end}"


@pytest_asyncio.fixture
async def scene(api: Api) -> Scene:
    """A session of Bob's, who is a plain member, in Alice's organization; six pieces of guidance."""
    api.tokens.update(host=api.tokens["bob"], supervisor=api.tokens["alice"], foreign=api.tokens["charlie"])
    people = {name: await colleague(api, name) for name in ("granted", "plain", "colleague")}
    session_id = await api.new_session("host")
    await api.start_call(session_id)
    organization_id = api.people.alice.organization_id
    places = {
        name: NewParticipant(
            uuid4(), UUID(session_id), organization_id, name, "participant", user_id=people[name].user_id,
            coached=name == "granted",
        )
        for name in ("granted", "plain")
    }  # fmt: skip
    for name, place in places.items():
        async with transaction(api.state.pool, user_id=people[name].user_id) as conn:
            await participants.insert_participant(conn, place)
    audiences = {word: word for word in ("coached", "role:host", "role:supervisor", "role:participant")}
    audiences |= {name: f"participant:{place.id}" for name, place in places.items()}
    rows = [
        NewGuidance(uuid4(), UUID(session_id), organization_id, text, "ask", 2, Decimal(1), audience=audience)
        for text, audience in audiences.items()
    ]
    async with transaction(api.media) as conn:
        await guidance.insert_guidance(conn, rows)
    return Scene(session_id, {row.content: str(row.id) for row in rows})


async def colleague(api: Api, name: str) -> Person:
    """Signed in, and a member of Alice's organization."""
    organization_id = api.people.alice.organization_id
    async with owner_connection(api.database.owner_url) as conn, conn.transaction():
        person = await make_owner(conn, name.title())
        await conn.execute("UPDATE organizations SET deleted_at = now() WHERE id = $1", person.organization_id)
        await conn.execute("DELETE FROM organization_members WHERE user_id = $1", person.user_id)
        await conn.execute(
            "INSERT INTO organization_members (organization_id, user_id) VALUES ($1, $2)",
            organization_id, person.user_id,
        )  # fmt: skip
        await conn.execute(
            "UPDATE users SET current_organization_id = $2 WHERE id = $1", person.user_id, organization_id
        )
    api.tokens[name] = new_token()
    async with transaction(api.state.pool, user_id=person.user_id) as conn:
        await accounts.create_app_session(conn, person.user_id, token_hash(api.tokens[name]), None, None)
    return Person(person.user_id, organization_id, person.email)


async def test_each_reads_what_was_for_them(api: Api, scene: Scene) -> None:
    for who, readable in READERS.items():
        answer = await api.get(scene.path(), who)
        assert answer.status == 200
        assert {each["content"] for each in answer.body["items"]} == readable, who
        assert (await api.get(scene.path("/statistics"), who)).body["shown"] == len(readable), who
    assert (await api.get(scene.path(), "foreign")).status == 404
    assert (await api.get(scene.path("/statistics"), "foreign")).status == 404


async def test_nobody_judges_what_was_not_for_them(api: Api, scene: Scene) -> None:
    for who in ("host", "supervisor"):
        for text, guidance_id in scene.ids.items():
            answer = await api.post(scene.path(f"/{guidance_id}/feedback"), {"action": "displayed"}, who)
            assert answer.status == (204 if text in READERS[who] else 404), (who, text)
    for who, status in (("granted", 403), ("plain", 403), ("colleague", 403), ("foreign", 404)):
        answer = await api.post(scene.path(f"/{scene.ids['coached']}/feedback"), {"action": "displayed"}, who)
        assert answer.status == status, who


async def test_a_shared_report_shows_what_whoever_shares_it_reads(api: Api, scene: Scene) -> None:
    for who in ("host", "supervisor"):
        made = await api.post(f"/v1/sessions/{scene.session_id}/share-links", {"tabs": ["guidance"]}, who)
        seen = (await api.get(f"/v1/shared/{made.body['token']}", None)).body
        assert {each["content"] for each in seen["guidance"]} == READERS[who], who


async def test_nothing_else_of_a_session_tells_it(api: Api, scene: Scene) -> None:
    """Neither its page nor its exports, its summary, timeline or transcript."""
    session = f"/v1/sessions/{scene.session_id}"
    private = set(scene.ids.values()) | {"role:host", "role:supervisor", "role:participant"}
    paths = ["", "/summary", "/timeline", "/transcript", *(f"/export?format={name}" for name in ("json", "markdown"))]
    for path in paths:
        told = str((await api.get(session + path, "plain")).body)
        assert not {each for each in private if each in told}, path


async def test_an_account_s_copy_has_what_its_person_reads(api: Api, scene: Scene) -> None:
    host = api.people.bob.user_id
    async with transaction(api.state.pool, user_id=host) as conn:
        export = dict(exports.EXPORTED)["guidance"]
        page = await exports.read_page(conn, "guidance", export, host, None)
    assert {json.loads(row)["content"] for row in page.rows} == READERS["host"]
