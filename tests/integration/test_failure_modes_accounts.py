"""How earlier products failed people who set up an organization or joined one."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
import pytest_asyncio

from db import invitations, members, organizations, subscriptions, users
from db.errors import ConflictError, DbError, InvalidError, NotFoundError
from db.pool import Pool, transaction
from tests.people import Person, connected
from tests.world import Ground, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

AT_ONCE = 50


@pytest_asyncio.fixture(loop_scope="module")
async def wide(ground: Ground) -> AsyncIterator[Pool]:
    """As many connections as a small installation has, for whoever comes at the same moment."""
    async with connected(ground.database.api_url, max_size=20) as pool:
        yield pool


# 42. Onboarding: orphans, a race for the slug, a double click makes two, no free plan is an error 500


async def _create(pool: Pool, person: Person, name: str = "Dora & Co.") -> UUID | str:
    try:
        async with transaction(pool, user_id=person.user_id) as conn:
            return await users.create_organization(conn, name, "Europe/Oslo")
    except DbError as refusal:
        return refusal.code


async def test_a_double_click_makes_one_organization(world: World, wide: Pool) -> None:
    """42: a double submit created two organizations."""
    dora = await world.person("Dora")
    outcomes = await asyncio.gather(*(_create(wide, dora) for _ in range(8)))
    assert sorted(map(str, outcomes))[1:] == ["organization_exists"] * 7
    [made] = [outcome for outcome in outcomes if isinstance(outcome, UUID)]
    async with world.by(dora) as conn:
        assert [(one.id, one.role) for one in await organizations.list_organizations(conn, dora.user_id)] == [
            (made, "owner")
        ]


async def test_people_who_choose_one_name_at_once_get_an_organization_each(world: World, wide: Pool) -> None:
    """42: a race for the slug."""
    people = [await world.person("Dora") for _ in range(8)]
    made = await asyncio.gather(*(_create(wide, person, "Größe & Söhne") for person in people))
    slugs = [slug for (slug,) in await world.owner("SELECT slug FROM organizations WHERE id = ANY ($1)", made)]
    assert len(set(slugs)) == 8
    assert all(slug.startswith("groe-sohne") for slug in slugs)


async def test_onboarding_is_whole(world: World) -> None:
    """42: an organization without its owner, plan or person."""
    dora = await world.person("Dora")
    async with world.by(dora) as conn:
        made = await users.create_organization(conn, "Dora & Co.", "Europe/Oslo")
    async with world.by(dora) as conn:
        profile = await users.get_profile(conn, dora.user_id)
        organization = await organizations.get_organization(conn, made)
        [member] = await members.list_members(conn, made)
        subscription = await subscriptions.current_of_organization(conn, made)
    assert (profile.current_organization_id, profile.timezone) == (made, "Europe/Oslo")
    assert profile.has_completed_onboarding
    assert profile.has_completed_organization_setup
    assert (organization.name, organization.contact_email) == ("Dora & Co.", dora.email)
    assert (member.user_id, member.role) == (dora.user_id, "owner")
    assert subscription is not None
    assert (subscription.plan_type, subscription.status) == ("monthly", "active")
    assert await world.value("SELECT name FROM plans WHERE id = $1", subscription.plan_id) == "individual_free"


async def test_without_a_free_plan_it_says_so_and_makes_nothing(world: World) -> None:
    """42: a missing free plan was an error 500, and left an organization behind."""
    dora = await world.person("Dora")
    before = await world.value("SELECT count(*) FROM organizations")
    await world.owner("UPDATE plans SET name = 'mislaid' WHERE name = 'individual_free'")
    try:
        assert await _create(world.ground.api, dora) == "no_free_plan"
    finally:
        await world.owner("UPDATE plans SET name = 'individual_free' WHERE name = 'mislaid'")
    assert await world.value("SELECT count(*) FROM organizations") == before
    async with world.by(dora) as conn:
        assert not (await users.get_profile(conn, dora.user_id)).has_completed_onboarding


@pytest.mark.parametrize("table", ["organization_members", "subscriptions", "users"])
async def test_what_fails_half_way_leaves_nothing_behind(world: World, table: str) -> None:
    """42: manual compensation left orphans."""
    dora = await world.person("Dora")
    before = await world.value("SELECT count(*) FROM organizations")
    await world.owner(
        f"CREATE TRIGGER fails BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION keep_audit()"
    )
    try:
        assert await _create(world.ground.api, dora) == "audit_is_final"
    finally:
        await world.owner(f"DROP TRIGGER fails ON {table}")
    assert await world.value("SELECT count(*) FROM organizations") == before


async def test_an_organization_needs_a_name(world: World) -> None:
    dora = await world.person("Dora")
    assert await _create(world.ground.api, dora, "") == "organizations_name_check"


async def test_nobody_makes_an_organization_for_nobody(world: World) -> None:
    with pytest.raises(NotFoundError) as refusal:
        async with world.by(None) as conn:
            await users.create_organization(conn, "Dora & Co.", "UTC")
    assert refusal.value.code == "user_not_found"


async def test_a_time_zone_that_is_no_text_is_refused(world: World) -> None:
    dora = await world.person("Dora")
    with pytest.raises(InvalidError):
        async with world.by(dora) as conn:
            await users.create_organization(conn, "Dora & Co.", "x" * 51)


# 50. Invitations: another address, again, too late, the sole owner; and who else tries (a link that leaked)


async def _invite(world: World, person: Person, role: str = "member") -> tuple[UUID, bytes]:
    token = secrets.token_bytes(32)
    async with world.by(world.alice) as conn:
        made = await invitations.create(
            conn,
            organization_id=world.alice.organization_id,
            invited_by_user_id=world.alice.user_id,
            email=person.email,
            role=role,
            token_hash=token,
        )
    return made.id, token


async def _accept(pool: Pool, person: Person, token: bytes) -> str:
    try:
        async with transaction(pool, user_id=person.user_id) as conn:
            await invitations.accept(conn, token)
    except DbError as refusal:
        return refusal.code
    return "accepted"


async def _roles(world: World) -> dict[UUID, str]:
    async with world.by(world.alice) as conn:
        listed = await members.list_members(conn, world.alice.organization_id)
    return {one.user_id: one.role for one in listed}


async def test_an_invitation_is_for_the_address_it_was_sent_to(world: World) -> None:
    """50: the e-mail must match."""
    emil, finn = await world.person("Emil"), await world.person("Finn")
    _, token = await _invite(world, emil)
    assert await _accept(world.ground.api, finn, token) == "invitation_not_yours"
    assert await _accept(world.ground.api, world.charlie, token) == "invitation_not_yours"
    assert finn.user_id not in await _roles(world)


async def test_accepting_again_changes_nothing(world: World) -> None:
    """50: re-accept; and nobody climbs by it."""
    emil = await world.person("Emil")
    _, token = await _invite(world, emil, "admin")
    assert await _accept(world.ground.api, emil, token) == "accepted"
    async with world.by(world.alice) as conn:
        await members.set_role(conn, world.alice.organization_id, emil.user_id, "member")
    assert await _accept(world.ground.api, emil, token) == "accepted"
    assert (await _roles(world))[emil.user_id] == "member"


async def test_of_fifty_who_hold_a_leaked_link_the_right_one_joins(world: World, wide: Pool) -> None:
    """50: one success, whoever else tries at the same moment."""
    emil = await world.person("Emil")
    thieves = [await world.person("Thief") for _ in range(4)]
    _, token = await _invite(world, emil)
    outcomes = await asyncio.gather(*(_accept(wide, [emil, *thieves][number % 5], token) for number in range(AT_ONCE)))
    assert outcomes == ["accepted" if number % 5 == 0 else "invitation_not_yours" for number in range(AT_ONCE)]
    assert (await _roles(world))[emil.user_id] == "member"
    assert await world.value("SELECT count(*) FROM organization_members WHERE user_id = $1", emil.user_id) == 1
    assert (
        await world.value(
            """
            SELECT count(*)
            FROM audit_log
            WHERE action = 'organization_invitations.update'
                AND organization_id = $1
            """,
            world.alice.organization_id,
        )
        == 1
    )


async def test_of_fifty_who_accept_at_once_as_many_join_as_there_are_seats(world: World, wide: Pool) -> None:
    """50: seats."""
    await world.owner("UPDATE organizations SET max_members = 5 WHERE id = $1", world.alice.organization_id)
    people = [await world.person("Emil") for _ in range(AT_ONCE)]
    tokens = [(await _invite(world, person))[1] for person in people]
    outcomes = await asyncio.gather(
        *(_accept(wide, person, token) for person, token in zip(people, tokens, strict=True))
    )
    assert sorted(outcomes) == ["accepted"] * 3 + ["member_limit"] * 47
    assert len(await _roles(world)) == 5


async def test_an_expired_invitation_opens_nothing(world: World) -> None:
    """50: expired."""
    emil = await world.person("Emil")
    made, token = await _invite(world, emil)
    await world.owner("UPDATE organization_invitations SET expires_at = now() WHERE id = $1", made)
    assert await _accept(world.ground.api, emil, token) == "invitation_expired"


async def test_a_revoked_invitation_opens_nothing(world: World) -> None:
    """50: revoked while its link is in the mail."""
    emil = await world.person("Emil")
    made, token = await _invite(world, emil)
    async with world.by(world.alice) as conn:
        await invitations.cancel(conn, world.alice.organization_id, made)
    assert await _accept(world.ground.api, emil, token) == "invitation_state"


async def test_an_invitation_ends_with_its_organization(world: World) -> None:
    """50: the organization was deleted meanwhile."""
    emil = await world.person("Emil")
    _, token = await _invite(world, emil)
    async with world.by(world.alice) as conn:
        await organizations.delete_organization(conn, world.alice.organization_id)
    assert await _accept(world.ground.api, emil, token) == "invitation_not_found"
    async with world.by(emil) as conn:
        assert await invitations.find(conn, token) is None
        assert await invitations.list_mine(conn) == []


async def test_the_sole_owner_is_not_removed(world: World) -> None:
    """50: sole owner removal."""
    dora = await world.colleague("Dora", "admin")
    with pytest.raises(ConflictError) as refusal:
        async with world.by(dora) as conn:
            await members.remove(conn, world.alice.organization_id, world.alice.user_id)
    assert refusal.value.code == "not_an_owner"
    with pytest.raises(ConflictError) as refusal:
        async with world.by(world.alice) as conn:
            await members.remove(conn, world.alice.organization_id, world.alice.user_id)
    assert refusal.value.code == "organization_needs_owner"
