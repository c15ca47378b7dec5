"""Every route × every role × whose the id is (T01), and nothing of another organization in any answer."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from control_api.routing import Policy, Route
from control_api.tokens import new_token, token_hash
from db import accounts, commands, guidance, members, participants, recordings, timeline, transcripts
from db.pool import owner_connection, transaction
from db.records import NewGuidance, NewParticipant, NewTranscript
from db.timeline import TimelineEvent
from tests.api import Answer, Api
from tests.chaos import figures
from tests.people import Person, make_owner
from tests.route_matrix import (
    ADMIN_ENTRIES,
    ENTRIES,
    PUBLIC,
    USES_UP,
    Ids,
    admin_routes,
    api_routes,
    kind_of,
    member_routes,
    name_of,
    path_with,
)

ROLES = {"member": "bob", "admin": "dora", "owner": "alice"}


@dataclass(frozen=True, slots=True)
class Scene:
    api: Api
    people: dict[str, Person]
    asked: list[str] = field(default_factory=list)
    """A name for each cell: a route, somebody, and whose the ids are."""

    async def send(self, route: Route, ids: Ids, who: str | None) -> Answer:
        self.asked.append(name_of(route))
        entry = ENTRIES[name_of(route)]
        body = entry.body(ids)
        arguments: dict[str, Any] = {"params": dict(entry.query)} | ({} if body is None else {"json": body})
        if entry.content is not None:
            arguments["data"] = entry.content
        return await self.api.send(
            route.method, path_with(route, entry, ids), who, headers=dict(entry.headers), **arguments
        )


async def set_scene(api: Api) -> Scene:
    """Dora is an admin and Eve a member of Alice's; Erin was removed, and Frank's sign-in has expired."""
    alice = api.people.alice
    people: dict[str, Person] = {"alice": alice, "bob": api.people.bob, "charlie": api.people.charlie}
    async with owner_connection(api.database.owner_url) as conn, conn.transaction():
        for name, role in (("dora", "admin"), ("eve", "member"), ("erin", "member"), ("frank", "member")):
            person = await make_owner(conn, name.title())
            await conn.execute("UPDATE organizations SET deleted_at = now() WHERE id = $1", person.organization_id)
            await conn.execute("DELETE FROM organization_members WHERE user_id = $1", person.user_id)
            await conn.execute(
                "INSERT INTO organization_members (organization_id, user_id, role) VALUES ($1, $2, $3)",
                alice.organization_id, person.user_id, role,
            )  # fmt: skip
            await conn.execute(
                "UPDATE users SET current_organization_id = $2 WHERE id = $1", person.user_id, alice.organization_id
            )
            people[name] = person
        await conn.execute("UPDATE plans SET max_organization_members = 100")
    for name in ("dora", "eve", "erin", "frank"):
        api.tokens[name] = new_token()
        async with transaction(api.state.pool, user_id=people[name].user_id) as conn:
            await accounts.create_app_session(
                conn, people[name].user_id, token_hash(api.tokens[name]), "127.0.0.1", "test"
            )
    async with transaction(api.state.pool, user_id=alice.user_id) as conn:
        await members.remove(conn, alice.organization_id, people["erin"].user_id)
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute(
            "UPDATE user_app_sessions SET last_activity_at = now() - interval '31 days' WHERE user_id = $1",
            people["frank"].user_id,
        )
    await api.add_node()
    return Scene(api, people)


async def make_ids(scene: Scene, who: str) -> dict[str, str]:
    """Something of every kind, made by an organization's owner, with their canary in every text."""
    api, person, canary = scene.api, scene.people[who], f"canary-{who}"
    made: dict[str, str] = {"organization": str(person.organization_id), "token": new_token()}
    for kind in ("session", "deleted_session"):
        made[kind] = await api.new_session(who, canary)
    await api.start_call(made["session"], lease_s=0.0)
    await api.send("DELETE", f"/v1/sessions/{made['deleted_session']}", who)
    session_id, organization_id = UUID(made["session"]), person.organization_id
    said = NewTranscript(uuid4(), session_id, organization_id, canary, canary, 10, Decimal(0), Decimal(1))
    advice = NewGuidance(uuid4(), session_id, organization_id, canary, "ask", 2, Decimal(1), context_snippet=canary)
    moment = TimelineEvent(
        uuid4(), session_id, organization_id, datetime.now(UTC), canary, canary, "decision", "high"
    )  # fmt: skip
    guest = NewParticipant(uuid4(), session_id, organization_id, canary, "customer")
    recorded = recordings.NewRecording(
        uuid4(), session_id, organization_id, f"{canary}/{uuid4()}.ogg", "audio/ogg", 0, 1000, 4, bytes(32)
    )
    async with transaction(api.media) as conn:
        await recordings.insert_recording(conn, recorded)
        await transcripts.insert_transcripts(conn, [said])
        await guidance.insert_guidance(conn, [advice])
        await timeline.insert_events(conn, [moment])
    async with transaction(api.state.pool, user_id=person.user_id) as conn:
        await participants.insert_participant(conn, guest)
        command_id = uuid4()
        await commands.insert_command(
            conn, id=command_id, session_id=session_id, organization_id=organization_id, kind="mute",
            payload={"canary": canary}, created_by=person.user_id,
        )  # fmt: skip
    posts = {
        "template": ("/v1/templates", {"name": canary, "scope": "organization"}),
        "deleted_template": ("/v1/templates", {"name": canary, "scope": "organization"}),
        "item_id": (f"/v1/sessions/{session_id}/checklist", {"text": canary}),
        "invite_id": (f"/v1/sessions/{session_id}/invites", {"name": canary}),
        "link_id": (f"/v1/sessions/{session_id}/share-links", {"tabs": ["transcript"], "message": canary}),
        "invitation_id": (f"/v1/organizations/{organization_id}/invitations", {"email": f"{canary}-{uuid4()}@x.org"}),
    }
    for kind, (path, body) in posts.items():
        answer = await api.post(path, body, who)
        assert answer.status == 201, (kind, answer.body)
        made[kind] = answer.body["id"]
    hook = {"url": f"https://{canary}.example.org/hook", "event_types": ["session.ended"]}
    webhooks = f"/v1/organizations/{organization_id}/webhooks"
    made["webhook_id"] = (await api.post(webhooks, hook, who)).body["id"]
    made["delivery_id"] = (await api.post(f"{webhooks}/{made['webhook_id']}/test", who=who)).body["id"]
    await api.send("DELETE", f"/v1/templates/{made['deleted_template']}", who)
    answer = await api.post(f"/v1/sessions/{session_id}/documents?name={canary}", who=who, data=canary.encode())
    assert answer.status == 201, answer.body
    made["document_id"] = answer.body["id"]
    other = scene.people["eve"] if who == "alice" else person
    async with transaction(api.state.pool, user_id=person.user_id) as conn:
        made["device"] = str(await conn.fetchval("SELECT id FROM user_app_sessions WHERE user_id = $1", person.user_id))
    answer = await api.post("/v1/api-keys", {"name": "A program", "scopes": ["read"]}, who)
    made["api_key"] = answer.body["id"]
    below = {
        "transcript_id": said.id,
        "guidance_id": advice.id,
        "participant_id": guest.id,
        "user_id": other.user_id,
        "command_id": command_id,
        "recording_id": recorded.id,
    }
    return made | {kind: str(value) for kind, value in below.items()}


async def reset(scene: Scene) -> None:
    """Everybody is again what they were."""
    alice = scene.people["alice"].organization_id
    async with owner_connection(scene.api.database.owner_url) as conn, conn.transaction():
        for name, role in (("alice", "owner"), ("dora", "admin"), ("eve", "member")):
            await conn.execute(
                "UPDATE organization_members SET role = $3, status = 'active'"
                " WHERE organization_id = $1 AND user_id = $2",
                alice,
                scene.people[name].user_id,
                role,
            )
        await conn.execute("DELETE FROM organization_invitations")
        await conn.execute("DELETE FROM webhook_endpoints")


def random_ids(ids: Ids) -> dict[str, str]:
    return {kind: str(uuid4()) for kind in ids}


def deleted_ids(ids: Ids) -> dict[str, str]:
    return {**ids, "session": ids["deleted_session"], "template": ids["deleted_template"]}


def has_ids(route: Route) -> bool:
    return "{id}" in route.path


def is_let_in(answer: Answer) -> bool:
    """Refused for what was asked, perhaps, and not for who asked."""
    assert answer.status < 500, answer.body
    is_away = answer.status == 404 and answer.code == "not_found"
    return answer.status not in {401, 403} and not is_away


def leaks(answer: Answer, canary: str) -> bool:
    return canary in json.dumps(answer.body) or canary in str(answer.headers)


def test_every_route_is_in_the_matrix() -> None:
    """A new route that nobody decided about fails here."""
    assert {name_of(route) for route in member_routes()} == ENTRIES.keys()
    assert {name_of(route) for route in api_routes() if route.policy is Policy.PUBLIC} == PUBLIC
    assert {name_of(route) for route in admin_routes()} == ADMIN_ENTRIES.keys()


async def test_whoever_is_nobody_gets_nothing(api: Api) -> None:
    scene = await set_scene(api)
    ids = await make_ids(scene, "alice")
    answer = await api.post(f"/v1/sessions/{ids['session']}/invites", {})
    api.tokens["guest"] = answer.body["token"]
    for route in member_routes():
        for who in (None, "guest", "erin", "frank"):
            for asked in (ids, random_ids(ids)) if has_ids(route) else (ids,):
                refused = (401, "not_signed_in")
                if who == "erin":
                    if route.policy is Policy.PERSON:
                        continue
                    refused = (404, "not_found") if route.names_something else (403, "setup_required")
                answer = await scene.send(route, asked, who)
                assert (answer.status, answer.code) == refused, (name_of(route), who)
    figures("G2 whoever is nobody", cells=len(scene.asked))


async def test_no_route_changes_anything_for_another_site(api: Api) -> None:
    """T12, on every unsafe route: a cookie counts from our own pages alone; before anything is read or looked up."""
    scene = await set_scene(api)
    ids = await make_ids(scene, "alice")
    for route in api_routes():
        if route.method in {"GET", "HEAD"} or route.policy is Policy.PUBLIC:
            continue
        path = re.sub(r"{\w+}", lambda name: ids.get(name[0][1:-1], str(uuid4())), route.path)
        for more in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {}):
            headers = {"Cookie": f"liveconvo_session={api.tokens['alice']}", **more}
            answer = await api.send(route.method, path, None, json={}, headers=headers)
            assert (answer.status, answer.code) == (403, "cross_site"), (name_of(route), more)


async def test_what_is_foreign_deleted_or_made_up_is_not_there(api: Api) -> None:
    scene = await set_scene(api)
    own, foreign = await make_ids(scene, "alice"), await make_ids(scene, "charlie")
    for route in filter(has_ids, member_routes()):
        name = name_of(route)
        for who in (*ROLES.values(), "charlie"):
            theirs, others = (foreign, own) if who == "charlie" else (own, foreign)
            canary = "canary-alice" if who == "charlie" else "canary-charlie"
            seen = [await scene.send(route, asked, who) for asked in (others, random_ids(own))]
            for answer in seen:
                assert (answer.status, answer.code) == (404, "not_found"), (name, who, answer.body)
                assert not leaks(answer, canary), (name, who)
            assert seen[0].body == seen[1].body, (name, who)
            if "restore" not in name and kind_of(route, ENTRIES[name]) in {"session", "template"}:
                answer = await scene.send(route, deleted_ids(theirs), who)
                assert (answer.status, answer.code) == (404, "not_found"), (name, who, "deleted")
    figures("G2 what is foreign, deleted or made up", cells=len(scene.asked))
    assert await make_ids(scene, "charlie")  # nothing of theirs was changed that they could not make again


async def test_what_lies_below_is_found_below_its_own_parent_only(api: Api) -> None:
    scene = await set_scene(api)
    own, foreign, other = [await make_ids(scene, who) for who in ("alice", "charlie", "alice")]
    parents = {"organization": own["organization"], "session": own["session"]}
    for route in filter(has_ids, member_routes()):
        if route.path.count("{") < 2:
            continue
        below = foreign if "organizations" in route.path else other
        for asked in ({**foreign, **parents}, {**below, **parents}):
            answer = await scene.send(route, asked, "alice")
            assert (answer.status, answer.code) == (404, "not_found"), (name_of(route), answer.body)
            assert not leaks(answer, "canary-charlie"), name_of(route)


async def test_each_role_is_let_in_where_it_says_and_nowhere_else(api: Api) -> None:
    scene = await set_scene(api)
    await make_ids(scene, "charlie")
    ids: dict[str, str] = {}
    for route in member_routes():
        name = name_of(route)
        allowed = ENTRIES[name].allowed
        if allowed is None:
            continue
        for role, who in ROLES.items():
            if not ids:
                await reset(scene)
                ids = await make_ids(scene, "alice")
            answer = await scene.send(route, ids, who)
            assert is_let_in(answer) == (role in allowed), (name, role, answer.status, answer.body)
            assert not leaks(answer, "canary-charlie"), (name, role)
            if is_let_in(answer) and (route.method == "DELETE" or name in USES_UP):
                ids = {}
    figures("G2 each role", cells=len(scene.asked))
