"""Passwords, links, sign-ins, tickets and invitations: each opens what it should, once where it says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

import pytest

from db import accounts, sessions, tickets
from db.errors import ConflictError, NotFoundError
from db.pool import Pool, owner_connection, transaction
from db.records import Session
from tests.conftest import Database
from tests.people import (
    People,
    a_minute_ago,
    connected,
    in_a_minute,
    make_participant,
    make_people,
    make_session,
)  # fmt: skip

TOKEN = sha256(b"token").digest()
OTHER = sha256(b"other").digest()


@dataclass(frozen=True, slots=True)
class World:
    people: People
    api: Pool
    media: Pool
    owner_url: str


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    people = await make_people(database.owner_url)
    async with connected(database.api_url) as api, connected(database.media_url, max_size=20) as media:
        yield World(people, api, media, database.owner_url)


async def _sign_in(world: World, user_id: UUID) -> None:
    async with transaction(world.api, user_id=user_id) as conn:
        await accounts.create_app_session(conn, user_id, TOKEN, "127.0.0.1", "a browser")


async def _authenticate(world: World, token_hash: bytes) -> accounts.Member | None:
    async with transaction(world.api) as conn:
        return await accounts.authenticate(conn, token_hash)


async def _owner(world: World, statement: str, *arguments: object) -> None:
    async with owner_connection(world.owner_url) as conn:
        await conn.execute(statement, *arguments)


async def test_the_first_owner_has_an_organization_on_the_unlimited_plan(world: World) -> None:
    async with owner_connection(world.owner_url) as conn:
        plan = await conn.fetchrow(
            """
            SELECT plans.name, plans.monthly_audio_hours_limit, subscriptions.status
            FROM subscriptions
            JOIN plans ON plans.id = subscriptions.plan_id
            WHERE organization_id = $1
            """,
            world.people.alice.organization_id,
        )
        assert await accounts.count_users(conn) == 3
    assert plan is not None
    assert tuple(plan) == ("org_enterprise", None, "active")


async def test_organizations_of_one_name_get_slugs_of_their_own(world: World) -> None:
    async with owner_connection(world.owner_url) as conn:
        made = [
            await accounts.create_owner(conn, email=f"{n}@x.org", full_name=n, organization_name="Größe & Söhne")
            for n in "ab"
        ]
    assert made[0].organization_slug == "groe-sohne"
    assert made[1].organization_slug.startswith("groe-sohne-")


async def test_an_address_has_one_account(world: World) -> None:
    with pytest.raises(ConflictError) as refusal:
        async with owner_connection(world.owner_url) as conn:
            await accounts.create_owner(conn, email=world.people.alice.email, full_name="A", organization_name="B")
    assert refusal.value.code == "users_email_key"


async def test_a_sign_in_says_who_it_is(world: World) -> None:
    alice = world.people.alice
    await _sign_in(world, alice.user_id)
    member = await _authenticate(world, TOKEN)
    assert member is not None
    assert (member.user_id, member.organization_id, member.role) == (alice.user_id, alice.organization_id, "owner")
    assert not member.has_password


async def test_an_unknown_token_is_nobody(world: World) -> None:
    await _sign_in(world, world.people.alice.user_id)
    assert await _authenticate(world, OTHER) is None


async def test_nobody_signs_in_as_somebody_else(world: World) -> None:
    with pytest.raises(NotFoundError):
        async with transaction(world.api, user_id=world.people.charlie.user_id) as conn:
            await accounts.create_app_session(conn, world.people.alice.user_id, TOKEN, None, None)


async def test_signing_out_ends_it_once(world: World) -> None:
    await _sign_in(world, world.people.alice.user_id)
    async with transaction(world.api) as conn:
        assert await accounts.end_app_session(conn, TOKEN)
        assert not await accounts.end_app_session(conn, TOKEN)
    assert await _authenticate(world, TOKEN) is None


@pytest.mark.parametrize(
    "event",
    [
        "UPDATE users SET is_active = false WHERE id = $1",
        "UPDATE users SET deleted_at = now() WHERE id = $1",
        "UPDATE organization_members SET status = 'removed' WHERE user_id = $1",
        "UPDATE user_app_sessions SET last_activity_at = now() - interval '31 days' WHERE user_id = $1",
    ],
)
async def test_a_sign_in_ends_with_what_it_stands_on(world: World, event: str) -> None:
    await _sign_in(world, world.people.bob.user_id)
    await _owner(world, event, world.people.bob.user_id)
    assert await _authenticate(world, TOKEN) is None


async def test_activity_is_noted_every_few_minutes(world: World) -> None:
    await _sign_in(world, world.people.alice.user_id)
    await _owner(world, "UPDATE user_app_sessions SET last_activity_at = now() - interval '10 minutes'")
    await _authenticate(world, TOKEN)
    async with owner_connection(world.owner_url) as conn:
        seen = await conn.fetchval("SELECT last_activity_at FROM user_app_sessions")
    assert (datetime.now(UTC) - seen).total_seconds() < 60


async def test_a_password_is_found_by_its_address_only(world: World) -> None:
    alice = world.people.alice
    async with transaction(world.api, user_id=alice.user_id) as conn:
        assert await accounts.set_password(conn, alice.user_id, "argon")
    async with transaction(world.api) as conn:
        found = await accounts.find_credentials(conn, alice.email)
        assert found is not None
        assert (found.user_id, found.password_hash) == (alice.user_id, "argon")
        assert await accounts.find_credentials(conn, "nobody@example.org") is None


async def test_nobody_sets_somebody_elses_password(world: World) -> None:
    async with transaction(world.api, user_id=world.people.charlie.user_id) as conn:
        assert not await accounts.set_password(conn, world.people.alice.user_id, "argon")


async def test_a_link_signs_in_once(world: World) -> None:
    alice = world.people.alice
    async with owner_connection(world.owner_url) as conn:
        await accounts.create_sign_in_link(conn, alice.user_id, TOKEN, in_a_minute())

    async def redeem() -> UUID | None:
        async with transaction(world.api) as conn:
            return await accounts.redeem_sign_in_link(conn, TOKEN)

    redeemed = await asyncio.gather(*(redeem() for _ in range(8)))
    assert sorted(redeemed, key=str) == sorted([alice.user_id, *[None] * 7], key=str)


async def test_an_expired_link_signs_nobody_in(world: World) -> None:
    async with owner_connection(world.owner_url) as conn:
        await accounts.create_sign_in_link(conn, world.people.alice.user_id, TOKEN, a_minute_ago())
    async with transaction(world.api) as conn:
        assert await accounts.redeem_sign_in_link(conn, TOKEN) is None


async def _ticket(world: World, expires_at: datetime) -> Session:
    alice = world.people.alice
    session = await make_session(world.api, alice)
    participant_id = await make_participant(world.api, alice, session, name="Guest", role="customer")
    async with transaction(world.api, user_id=alice.user_id) as conn:
        await tickets.insert_ticket(
            conn,
            token_hash=TOKEN,
            session_id=session.id,
            organization_id=session.organization_id,
            participant_id=participant_id,
            node="host-0",
            media_url="http://host-0",
            expires_at=expires_at,
        )
    return session


async def test_a_ticket_says_who_may_join_what(world: World) -> None:
    session = await _ticket(world, in_a_minute())
    async with transaction(world.media) as conn:
        ticket = await tickets.find_ticket(conn, TOKEN)
    assert ticket is not None
    assert (ticket.session_id, ticket.name, ticket.role, ticket.consented) == (session.id, "Guest", "customer", False)


async def test_of_twenty_who_redeem_a_ticket_one_may_join(world: World) -> None:
    await _ticket(world, in_a_minute())

    async def redeem() -> bool:
        async with transaction(world.media) as conn:
            return await tickets.redeem_ticket(conn, TOKEN)

    assert sum(await asyncio.gather(*(redeem() for _ in range(20)))) == 1
    async with transaction(world.media) as conn:
        assert await tickets.find_ticket(conn, TOKEN) is None


async def test_an_expired_ticket_is_no_ticket(world: World) -> None:
    await _ticket(world, a_minute_ago())
    async with transaction(world.media) as conn:
        assert await tickets.find_ticket(conn, TOKEN) is None
        assert not await tickets.redeem_ticket(conn, TOKEN)


async def _invite(world: World, *, expires_at: datetime) -> tuple[Session, UUID]:
    bob = world.people.bob
    session = await make_session(world.api, bob, title="With Bob")
    async with transaction(world.api, user_id=bob.user_id) as conn:
        invite_id = await tickets.insert_invite(
            conn,
            token_hash=TOKEN,
            session_id=session.id,
            organization_id=session.organization_id,
            role="customer",
            name="Grace",
            created_by=bob.user_id,
            expires_at=expires_at,
        )
    return session, invite_id


async def _find_invite(world: World) -> tickets.Invite | None:
    async with transaction(world.api) as conn:
        return await tickets.find_invite(conn, TOKEN)


async def test_an_invitation_tells_a_stranger_what_it_is_for(world: World) -> None:
    session, _ = await _invite(world, expires_at=in_a_minute())
    invite = await _find_invite(world)
    assert invite is not None
    assert (invite.session_id, invite.session_title, invite.role) == (session.id, "With Bob", "customer")
    assert (invite.organization_name, invite.created_by) == ("Alice's company", world.people.bob.user_id)


async def test_a_guest_joins_with_the_rights_of_who_invited(world: World) -> None:
    session, _ = await _invite(world, expires_at=in_a_minute())
    invite = await _find_invite(world)
    assert invite is not None
    async with transaction(world.api, user_id=invite.created_by) as conn:
        assert (await sessions.get_session(conn, invite.organization_id, invite.session_id)).id == session.id


async def test_an_expired_invitation_is_none(world: World) -> None:
    await _invite(world, expires_at=a_minute_ago())
    assert await _find_invite(world) is None


async def test_a_revoked_invitation_is_none(world: World) -> None:
    session, invite_id = await _invite(world, expires_at=in_a_minute())
    async with transaction(world.api, user_id=world.people.charlie.user_id) as conn:
        assert not await tickets.revoke_invite(conn, session.id, invite_id)
    assert await _find_invite(world) is not None
    async with transaction(world.api, user_id=world.people.bob.user_id) as conn:
        assert await tickets.revoke_invite(conn, session.id, invite_id)
    assert await _find_invite(world) is None


async def test_an_invitation_ends_with_its_makers_membership(world: World) -> None:
    await _invite(world, expires_at=in_a_minute())
    await _owner(world, "DELETE FROM organization_members WHERE user_id = $1", world.people.bob.user_id)
    assert await _find_invite(world) is None
