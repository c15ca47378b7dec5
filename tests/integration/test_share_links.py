"""Reports for people without an account: nobody guesses a link, it ends, and it is taken back."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

import pytest

from db import session_changes, share_links, transcripts
from db.errors import ConflictError, InvalidError, NotFoundError
from db.records import Session
from db.share_links import OpenedLink, ShareLink
from tests.people import Person
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

IN_A_WEEK = datetime.now(UTC) + timedelta(days=7)


async def share(
    world: World, session: Session, person: Person, token: bytes, expires_at: datetime | None = IN_A_WEEK
) -> ShareLink:
    async with world.by(person) as conn:
        return await share_links.insert_link(
            conn,
            token_hash=token,
            session_id=session.id,
            organization_id=session.organization_id,
            created_by=person.user_id,
            shared_tabs=["summary", "transcript"],
            message="as promised",
            recipient_email="Customer@Example.org",
            expires_at=expires_at,
        )


async def open_link(world: World, token: bytes) -> OpenedLink:
    async with world.by(None) as conn:
        return await share_links.open_link(conn, token)


async def is_closed(world: World, token: bytes) -> bool:
    with pytest.raises(NotFoundError) as refusal:
        await open_link(world, token)
    return refusal.value.code == "share_link_not_found"


async def test_whoever_holds_the_token_learns_what_they_may_read_and_is_counted(world: World) -> None:
    session, token = await world.session(world.alice), secrets.token_bytes(32)
    link = await share(world, session, world.alice, token)
    for _ in range(3):
        opened = await open_link(world, token)
    assert (opened.session_id, opened.created_by) == (session.id, world.alice.user_id)
    assert (opened.shared_tabs, opened.message) == (["summary", "transcript"], "as promised")
    async with world.by(world.bob) as conn:
        [listed] = await share_links.list_links(conn, session.id)
    assert (listed.id, listed.access_count, listed.recipient_email) == (link.id, 3, "customer@example.org")
    assert listed.last_accessed_at is not None


async def test_a_link_without_an_end_stays_open(world: World) -> None:
    session, token = await world.session(world.alice), secrets.token_bytes(32)
    await share(world, session, world.alice, token, expires_at=None)
    assert (await open_link(world, token)).session_id == session.id


async def test_a_token_is_nowhere_and_an_id_opens_nothing(world: World) -> None:
    """Failure mode 41: links that were the session's id in another writing."""
    session, token = await world.session(world.alice), secrets.token_bytes(32)
    link = await share(world, session, world.alice, token)
    for guess in (session.id.bytes, link.id.bytes, session.id.bytes * 2, link.id.bytes * 2, bytes(32), b""):
        assert await is_closed(world, guess)
    with pytest.raises(NotFoundError):
        async with world.by(world.alice) as conn:
            await conn.fetch("SELECT token_hash FROM session_share_links")


async def test_a_link_that_has_expired_says_so(world: World) -> None:
    """Failure mode 41: no expiry."""
    session, token = await world.session(world.alice), secrets.token_bytes(32)
    link = await share(world, session, world.alice, token)
    await world.owner(
        "UPDATE session_share_links SET created_at = now() - interval '9 days', expires_at = now() - interval '1 day'"
        " WHERE id = $1",
        link.id,
    )
    with pytest.raises(ConflictError) as refusal:
        await open_link(world, token)
    assert refusal.value.code == "share_link_expired"


async def test_a_link_is_taken_back_at_once(world: World) -> None:
    """Failure mode 41: not revocable."""
    session, token = await world.session(world.alice), secrets.token_bytes(32)
    link = await share(world, session, world.alice, token)
    async with world.by(world.alice) as conn:
        assert await share_links.revoke_link(conn, session.id, link.id)
        assert not await share_links.revoke_link(conn, session.id, link.id)
    with pytest.raises(ConflictError) as refusal:
        await open_link(world, token)
    assert refusal.value.code == "share_link_expired"


@pytest.mark.parametrize(
    "ending",
    [
        "UPDATE organization_members SET status = 'removed' WHERE user_id = $1",
        "UPDATE users SET is_active = false WHERE id = $1",
        "UPDATE sessions SET deleted_at = now() WHERE user_id = $1",
    ],
    ids=["member removed", "person suspended", "session deleted"],
)
async def test_a_link_ends_with_its_maker_and_its_session(world: World, ending: str) -> None:
    session, token = await world.session(world.bob), secrets.token_bytes(32)
    await share(world, session, world.bob, token)
    await world.owner(ending, world.bob.user_id)
    assert await is_closed(world, token)


async def test_the_reader_has_the_makers_rights_and_no_more(world: World) -> None:
    session, token = await world.session(world.alice), secrets.token_bytes(32)
    foreign = await world.session(world.charlie)
    await share(world, session, world.alice, token)
    opened = await open_link(world, token)
    reader = Person(opened.created_by, opened.organization_id, "")
    async with world.by(reader) as conn:
        assert await transcripts.list_transcripts(conn, foreign.id) == []
        with pytest.raises(NotFoundError):
            await session_changes.delete_session(conn, foreign.organization_id, foreign.id)


async def test_who_may_share_and_take_back(world: World) -> None:
    session, token = await world.session(world.alice), secrets.token_bytes(32)
    with pytest.raises(NotFoundError):
        await share(world, session, world.charlie, token)
    link = await share(world, session, world.alice, token)
    for person in (world.bob, world.charlie, None):
        async with world.by(person) as conn:
            assert not await share_links.revoke_link(conn, session.id, link.id)
    admin = await world.colleague("Anna", "admin")
    async with world.by(admin) as conn:
        assert await share_links.revoke_link(conn, session.id, link.id)


async def test_nobody_shares_in_somebody_elses_name(world: World) -> None:
    session = await world.session(world.alice)
    with pytest.raises(NotFoundError):
        async with world.by(world.bob) as conn:
            await share_links.insert_link(
                conn, token_hash=secrets.token_bytes(32), session_id=session.id,
                organization_id=session.organization_id, created_by=world.alice.user_id, shared_tabs=["summary"],
            )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"shared_tabs": ["everything"]}, "session_share_links_shared_tabs_check"),
        ({"shared_tabs": []}, "session_share_links_shared_tabs_check"),
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "session_share_links_check"),
        ({"token_hash": b"short"}, "session_share_links_token_hash_check"),
    ],
)
async def test_a_value_that_breaks_a_rule_is_invalid(world: World, change: dict[str, object], code: str) -> None:
    session = await world.session(world.alice)
    values = {"token_hash": secrets.token_bytes(32), "shared_tabs": ["summary"], **change}
    with pytest.raises(InvalidError) as refusal:
        async with world.by(world.alice) as conn:
            await share_links.insert_link(
                conn, session_id=session.id, organization_id=session.organization_id,
                created_by=world.alice.user_id, **values,  # type: ignore[arg-type]
            )  # fmt: skip
    assert refusal.value.code == code
