"""Invitations: made by those who manage the organization, accepted once by whom they were sent to."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from db import invitations, members, organizations, users
from db.errors import ConflictError, InvalidError, NotFoundError
from db.invitations import Invitation
from db.pool import Connection
from tests.people import Person
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _invite(
    world: World,
    email: str,
    *,
    by: Person | None = None,
    role: str = "member",
    token: bytes | None = None,
    lifetime: timedelta = invitations.LIFETIME,
) -> tuple[Invitation, bytes]:
    """An invitation to Alice's organization, and its token's hash."""
    token = token or secrets.token_bytes(32)
    inviter = by or world.alice
    async with world.by(inviter) as conn:
        made = await invitations.create(
            conn,
            organization_id=world.alice.organization_id,
            invited_by_user_id=inviter.user_id,
            email=email,
            role=role,
            token_hash=token,
            personal_message="Join us",
            lifetime=lifetime,
        )
    return made, token


async def _accept(world: World, person: Person | None, token: bytes) -> UUID:
    async with world.by(person) as conn:
        return await invitations.accept(conn, token)


async def _decline(world: World, token: bytes) -> None:
    async with world.by(None) as conn:
        await invitations.decline(conn, token)


async def _lapse(world: World, invitation: Invitation) -> None:
    await world.owner(
        "UPDATE organization_invitations SET expires_at = now() - interval '1 minute' WHERE id = $1", invitation.id
    )


async def _members(world: World) -> dict[UUID, str]:
    async with world.by(world.alice) as conn:
        listed = await members.list_members(conn, world.alice.organization_id)
    return {one.user_id: one.role for one in listed}


async def _status(world: World, invitation: Invitation) -> str:
    return str(await world.value("SELECT status FROM organization_invitations WHERE id = $1", invitation.id))


# making them


@pytest.mark.parametrize("role", ["owner", "admin"])
async def test_those_who_manage_the_organization_invite(world: World, role: str) -> None:
    dora = await world.colleague("Dora", role)
    made, _ = await _invite(world, " Emil@Example.ORG ", by=dora, role="admin")
    assert (made.email, made.role, made.status) == ("emil@example.org", "admin", "pending")
    assert (made.invited_by_user_id, made.personal_message) == (dora.user_id, "Join us")
    assert abs(made.expires_at - made.created_at - timedelta(days=7)) < timedelta(seconds=1)


@pytest.mark.parametrize("name", ["bob", "charlie"])
async def test_nobody_else_invites(world: World, name: str) -> None:
    with pytest.raises(NotFoundError) as refusal:
        await _invite(world, "emil@example.org", by=getattr(world, name))
    assert refusal.value.code == "organization_not_found"


async def test_nobody_invites_in_somebody_elses_name(world: World) -> None:
    dora = await world.colleague("Dora", "admin")
    with pytest.raises(NotFoundError):
        async with world.by(dora) as conn:
            await invitations.create(
                conn,
                organization_id=world.alice.organization_id,
                invited_by_user_id=world.alice.user_id,
                email="emil@example.org",
                role="owner",
                token_hash=bytes(32),
            )


async def test_an_admin_invites_no_owner(world: World) -> None:
    dora = await world.colleague("Dora", "admin")
    with pytest.raises(ConflictError) as refusal:
        await _invite(world, "emil@example.org", by=dora, role="owner")
    assert refusal.value.code == "not_an_owner"


async def test_the_token_is_stored_as_its_hash_alone(world: World) -> None:
    made, token = await _invite(world, "emil@example.org")
    assert await world.value("SELECT invitation_token FROM organization_invitations WHERE id = $1", made.id) == (
        token.hex()
    )


async def test_an_address_has_one_pending_invitation(world: World) -> None:
    await _invite(world, "emil@example.org")
    with pytest.raises(ConflictError) as refusal:
        await _invite(world, "EMIL@example.org")
    assert refusal.value.code == "organization_invitations_pending_key"


async def test_an_address_is_invited_again_after_it_was_answered(world: World) -> None:
    for _ in range(2):
        made, token = await _invite(world, "emil@example.org")
        await _decline(world, token)
        await _lapse(world, made)
    made, _ = await _invite(world, "emil@example.org")
    await _lapse(world, made)
    await _invite(world, "emil@example.org")
    assert await _status(world, made) == "expired"


async def test_fifty_are_pending_at_most(world: World) -> None:
    await world.owner(
        """
        INSERT INTO organization_invitations (organization_id, invited_by_user_id, email, invitation_token, expires_at)
        SELECT $1, $2, number || '@example.org', gen_random_uuid()::text, now() + interval '1 day'
        FROM generate_series(1, 49) AS number
        """,
        world.alice.organization_id,
        world.alice.user_id,
    )
    await world.join(world.alice, world.charlie.organization_id, "admin")
    async with world.by(world.alice) as conn:
        await invitations.create(
            conn,
            organization_id=world.charlie.organization_id,
            invited_by_user_id=world.alice.user_id,
            email="elsewhere@example.org",
            role="member",
            token_hash=secrets.token_bytes(32),
        )
    last, _ = await _invite(world, "last@example.org")
    with pytest.raises(ConflictError) as refusal:
        await _invite(world, "emil@example.org")
    assert refusal.value.code == "too_many_invitations"
    await _lapse(world, last)
    await _invite(world, "emil@example.org")


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"role": "king"}, "organization_invitations_role_check"),
        ({"lifetime": timedelta(days=8)}, "invitation_lifetime"),
        ({"lifetime": timedelta()}, "invitation_lifetime"),
    ],
)
async def test_a_value_that_breaks_a_rule_is_refused_by_name(world: World, values: dict[str, str], code: str) -> None:
    with pytest.raises(InvalidError) as refusal:
        await _invite(world, "emil@example.org", **values)  # type: ignore[arg-type]
    assert refusal.value.code == code


# looking at them


async def test_those_who_manage_the_organization_see_them_in_pages(world: World) -> None:
    for number in range(5):
        await _invite(world, f"{number}@example.org")
    seen: list[str] = []
    before = None
    async with world.by(world.alice) as conn:
        while page := await invitations.list_invitations(
            conn, world.alice.organization_id, status="pending", limit=2, before=before
        ):
            seen += [one.email for one in page]
            before = (page[-1].created_at, page[-1].id)
    assert seen == [f"{number}@example.org" for number in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize("name", ["bob", "charlie"])
async def test_nobody_else_sees_them(world: World, name: str) -> None:
    person: Person = getattr(world, name)
    await world.owner("UPDATE users SET email_verified = true WHERE id = $1", person.user_id)
    await _invite(world, person.email)
    async with world.by(person) as conn:
        assert await invitations.list_invitations(conn, world.alice.organization_id) == []


async def test_an_organization_sees_its_own_alone(world: World) -> None:
    await _invite(world, "emil@example.org")
    async with world.by(world.charlie) as conn:
        assert await invitations.list_invitations(conn, world.charlie.organization_id) == []


async def test_one_sees_what_was_sent_to_ones_own_address(world: World) -> None:
    emil = await world.person("Emil")
    made, _ = await _invite(world, emil.email, role="admin")
    async with world.by(emil) as conn:
        [offer] = await invitations.list_mine(conn)
    assert (offer.id, offer.organization_name, offer.role) == (made.id, "Alice's company", "admin")


async def test_one_does_not_see_what_was_sent_to_an_address_one_did_not_prove(world: World) -> None:
    emil = await world.person("Emil", is_verified=False)
    await _invite(world, emil.email)
    for person in (emil, world.charlie, None):
        async with world.by(person) as conn:
            assert await invitations.list_mine(conn) == []


async def test_a_link_says_what_it_is_for_to_whoever_holds_it(world: World) -> None:
    made, token = await _invite(world, "emil@example.org")
    for person in (None, world.charlie):
        async with world.by(person) as conn:
            offer = await invitations.find(conn, token)
        assert offer is not None
        assert (offer.id, offer.email, offer.organization_name) == (made.id, "emil@example.org", "Alice's company")


async def test_an_unknown_link_is_for_nothing(world: World) -> None:
    async with world.by(None) as conn:
        assert await invitations.find(conn, bytes(32)) is None
    with pytest.raises(NotFoundError) as refusal:
        await _accept(world, await world.person("Emil"), bytes(32))
    assert refusal.value.code == "invitation_not_found"
    with pytest.raises(NotFoundError):
        await _decline(world, bytes(32))


# changing them

Change = Callable[[Connection, UUID, UUID], Awaitable[object]]

CHANGES: dict[str, Change] = {
    "resend": lambda conn, organization_id, id_: invitations.resend(
        conn, organization_id, id_, secrets.token_bytes(32)
    ),
    "cancel": invitations.cancel,
}


async def test_sending_it_again_gives_a_new_link_and_time(world: World) -> None:
    emil = await world.person("Emil")
    made, old = await _invite(world, emil.email)
    await _lapse(world, made)
    new = secrets.token_bytes(32)
    async with world.by(world.alice) as conn:
        again = await invitations.resend(conn, world.alice.organization_id, made.id, new)
    assert again.expires_at > datetime.now(UTC) + timedelta(days=6)
    async with world.by(None) as conn:
        assert await invitations.find(conn, old) is None
    with pytest.raises(NotFoundError):
        await _accept(world, emil, old)
    assert await _accept(world, emil, new) == world.alice.organization_id


async def test_a_cancelled_one_opens_nothing(world: World) -> None:
    emil = await world.person("Emil")
    made, token = await _invite(world, emil.email)
    async with world.by(world.alice) as conn:
        await invitations.cancel(conn, world.alice.organization_id, made.id)
    async with world.by(emil) as conn:
        assert await invitations.find(conn, token) is None
        assert await invitations.list_mine(conn) == []
    with pytest.raises(ConflictError) as refusal:
        await _accept(world, emil, token)
    assert refusal.value.code == "invitation_state"


@pytest.mark.parametrize("name", ["bob", "charlie"])
@pytest.mark.parametrize("change", CHANGES)
async def test_nobody_else_changes_one(world: World, name: str, change: str) -> None:
    person: Person = getattr(world, name)
    made, _ = await _invite(world, person.email)
    for organization_id in (world.alice.organization_id, person.organization_id):
        with pytest.raises(NotFoundError):
            async with world.by(person) as conn:
                await CHANGES[change](conn, organization_id, made.id)
    assert await _status(world, made) == "pending"


@pytest.mark.parametrize("change", CHANGES)
async def test_an_answered_one_is_not_changed(world: World, change: str) -> None:
    made, token = await _invite(world, "emil@example.org")
    await _decline(world, token)
    with pytest.raises(ConflictError) as refusal:
        async with world.by(world.alice) as conn:
            await CHANGES[change](conn, world.alice.organization_id, made.id)
    assert refusal.value.code == "invitation_state"


async def test_a_cancelled_one_is_not_cancelled_again(world: World) -> None:
    made, _ = await _invite(world, "emil@example.org")
    async with world.by(world.alice) as conn:
        await invitations.cancel(conn, world.alice.organization_id, made.id)
        with pytest.raises(ConflictError) as refusal:
            await invitations.cancel(conn, world.alice.organization_id, made.id)
    assert refusal.value.code == "invitation_state"


@pytest.mark.parametrize("change", CHANGES)
async def test_one_that_is_not_there_is_not_changed(world: World, change: str) -> None:
    with pytest.raises(NotFoundError) as refusal:
        async with world.by(world.alice) as conn:
            await CHANGES[change](conn, world.alice.organization_id, uuid4())
    assert refusal.value.code == "invitation_not_found"


# answering them


async def test_accepting_makes_a_member_who_works_there(world: World) -> None:
    emil = await world.person("Emil")
    made, token = await _invite(world, emil.email, role="admin")
    assert await _accept(world, emil, token) == world.alice.organization_id
    assert (await _members(world))[emil.user_id] == "admin"
    assert await _status(world, made) == "accepted"
    async with world.by(emil) as conn:
        profile = await users.get_profile(conn, emil.user_id)
    assert (profile.current_organization_id, profile.has_completed_onboarding) == (world.alice.organization_id, True)


async def test_accepting_needs_an_address_that_was_proven(world: World) -> None:
    emil = await world.person("Emil", is_verified=False)
    _, token = await _invite(world, emil.email)
    for person in (emil, None):
        with pytest.raises(ConflictError) as refusal:
            await _accept(world, person, token)
        assert refusal.value.code == "invitation_not_yours"


async def test_whoever_was_removed_does_not_come_back_by_the_same_link(world: World) -> None:
    emil = await world.person("Emil")
    _, token = await _invite(world, emil.email)
    await _accept(world, emil, token)
    async with world.by(world.alice) as conn:
        await members.remove(conn, world.alice.organization_id, emil.user_id)
    with pytest.raises(ConflictError) as refusal:
        await _accept(world, emil, token)
    assert refusal.value.code == "invitation_state"
    _, again = await _invite(world, emil.email, role="admin")
    await _accept(world, emil, again)
    assert (await _members(world))[emil.user_id] == "admin"


async def test_who_is_a_member_stays_what_they_are(world: World) -> None:
    emil = await world.colleague("Emil", "admin")
    _, token = await _invite(world, emil.email, role="member")
    await _accept(world, emil, token)
    assert (await _members(world))[emil.user_id] == "admin"


async def test_seats_run_out(world: World) -> None:
    async with world.by(world.alice) as conn:
        await organizations.update_organization(conn, world.alice.organization_id, {"max_members": 3})
    emil, finn = await world.person("Emil"), await world.person("Finn")
    tokens = [(await _invite(world, person.email))[1] for person in (emil, finn)]
    await _accept(world, emil, tokens[0])
    with pytest.raises(ConflictError) as refusal:
        await _accept(world, finn, tokens[1])
    assert refusal.value.code == "member_limit"
    async with world.by(emil) as conn:
        await members.leave(conn, world.alice.organization_id)
    await _accept(world, finn, tokens[1])


async def test_a_plan_that_ended_leaves_the_seats_of_the_free_one(world: World) -> None:
    await world.owner(
        "UPDATE subscriptions SET status = 'canceled' WHERE organization_id = $1", world.alice.organization_id
    )
    emil = await world.person("Emil")
    _, token = await _invite(world, emil.email)
    with pytest.raises(ConflictError) as refusal:
        await _accept(world, emil, token)
    assert refusal.value.code == "member_limit"


async def test_whoever_holds_the_link_declines_once(world: World) -> None:
    emil = await world.person("Emil")
    made, token = await _invite(world, emil.email)
    await _decline(world, token)
    assert await _status(world, made) == "declined"
    with pytest.raises(ConflictError) as refusal:
        await _decline(world, token)
    assert refusal.value.code == "invitation_state"
    with pytest.raises(ConflictError) as refusal:
        await _accept(world, emil, token)
    assert refusal.value.code == "invitation_state"


async def test_an_account_that_is_closed_meanwhile_accepts_nothing(world: World) -> None:
    emil = await world.person("Emil")
    _, token = await _invite(world, emil.email)
    await world.owner("UPDATE users SET deleted_at = now() WHERE id = $1", emil.user_id)
    with pytest.raises(ConflictError) as refusal:
        await _accept(world, emil, token)
    assert refusal.value.code == "invitation_not_yours"


async def test_an_account_that_is_being_closed_is_waited_for(world: World) -> None:
    emil = await world.person("Emil")
    _, token = await _invite(world, emil.email)
    begins: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def accept() -> str:
        try:
            async with world.by(emil) as conn:
                begins.set_result(await conn.fetchval("SELECT pg_backend_pid()"))
                await invitations.accept(conn, token)
        except ConflictError as refusal:
            return refusal.code
        return "accepted"

    async with asyncio.TaskGroup() as group, world.ground.owner_conn.transaction():
        await world.owner("UPDATE users SET deleted_at = now() WHERE id = $1", emil.user_id)
        waiting = group.create_task(accept())
        pid = await begins
        while not await world.value("SELECT cardinality(pg_blocking_pids($1)) > 0", pid):
            assert not waiting.done()
    assert waiting.result() == "invitation_not_yours"
