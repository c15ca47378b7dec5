"""Ways in which an earlier product with these tables let one tenant into another's, or locked people out of their own.

The numbers are those of the list in which its faults were written down.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from db import share_links
from db.errors import ConflictError, NotFoundError
from db.pool import Connection, owner_connection, transaction
from tests.actors import Actor
from tests.attempts import REFUSED, acting, attempt
from tests.conftest import Database
from tests.integration.test_db_objects import tautologies
from tests.people import Person, connected, make_people, make_session
from tests.stage import Stage


def _actor(stage: Stage, name: str) -> Actor:
    return next(actor for actor in stage.actors() if actor.name == name)


async def test_38_reading_the_members_does_not_recurse(stage: Stage, superuser: Connection) -> None:
    for actor in stage.actors("api"):
        async with acting(superuser, actor):
            outcome = await attempt(superuser, "SELECT id FROM organization_members")
            joined = await attempt(
                superuser, "SELECT sessions.id FROM sessions JOIN organization_members USING (organization_id, user_id)"
            )
        assert (outcome.sqlstate, joined.sqlstate) == (None, None), actor.name


@pytest.mark.parametrize("table", ["organization_invitations", "templates", "subscriptions", "organization_members"])
async def test_39_an_owner_elsewhere_reads_and_changes_nothing(stage: Stage, superuser: Connection, table: str) -> None:
    """Not even if every right on the table were granted: the policies hold by themselves, and none is a tautology."""
    north = stage.world.sides["north"]
    said = f"SELECT count(*) FROM {table} WHERE organization_id = '{north.id}'"  # noqa: S608
    await superuser.execute(f"GRANT ALL ON {table} TO liveconvo_api")
    async with acting(superuser, _actor(stage, "south_owner")):
        seen = await attempt(superuser, said)
        await superuser.execute(f"UPDATE {table} SET updated_at = now()")  # noqa: S608
        await superuser.execute(f"DELETE FROM {table}")  # noqa: S608
        await superuser.execute("RESET SESSION AUTHORIZATION")
        left = await superuser.fetchval(said)
        touched = await superuser.fetchval(f"{said} AND updated_at = now()")
    assert seen.rows[0][0] == 0
    assert left == len(stage.world.of(table, north))
    assert touched == 0
    assert not [each for each in stage.catalog.policies if tautologies(f"{each.using} {each.check}")]


@pytest.mark.parametrize("name", ["north_owner", "colleague", "south_owner", "platform_admin", "signed_out"])
async def test_40_nobody_lists_users_reads_a_password_or_edits_the_waitlist(
    stage: Stage, superuser: Connection, name: str
) -> None:
    actor = _actor(stage, name)
    async with acting(superuser, actor):
        users = await attempt(superuser, "SELECT id FROM users")
        passwords = await attempt(superuser, "SELECT password_hash FROM users")
        waiting = await attempt(superuser, "SELECT email FROM beta_waitlist")
        edited = await attempt(superuser, "UPDATE beta_waitlist SET status = 'approved' RETURNING id")
    assert [row["id"] for row in users.rows] == ([actor.user_id] if actor.user_id else [])
    assert passwords.sqlstate == REFUSED
    if not actor.is_admin:
        assert waiting.rows == edited.rows == []


# 41: links to reports ------------------------------------------------------------------------------------------------


async def _share(conn: Connection, alice: Person, session_id: UUID, **more: datetime) -> bytes:
    token = secrets.token_bytes(32)
    await share_links.insert_link(
        conn,
        token_hash=hashlib.sha256(token).digest(),
        session_id=session_id,
        organization_id=alice.organization_id,
        created_by=alice.user_id,
        shared_tabs=["summary"],
        **more,
    )
    return token


async def test_41_a_share_link_is_opened_by_its_token_alone_until_it_ends_or_is_taken_back(database: Database) -> None:
    alice = (await make_people(database.owner_url)).alice
    async with connected(database.api_url) as api:
        session = await make_session(api, alice)
        async with transaction(api, user_id=alice.user_id) as conn:
            token = await _share(conn, alice, session.id)
            [link] = await share_links.list_links(conn, session.id)
            ended = await _share(conn, alice, session.id, expires_at=datetime.now(UTC) + timedelta(hours=1))

        async def opens(guess: bytes) -> bool:
            try:
                async with transaction(api) as conn:
                    opened = await share_links.open_link(conn, hashlib.sha256(guess).digest())
            except (NotFoundError, ConflictError):
                return False
            return (opened.session_id, opened.shared_tabs) == (session.id, ["summary"])

        assert await opens(token)
        ids = (session.id, link.id)
        guesses = [each for id_ in ids for each in (id_.bytes, str(id_).encode(), base64.b64encode(str(id_).encode()))]
        assert not any([await opens(guess) for guess in guesses])
        # The row itself opens nothing: what is stored is the hash.
        assert not await opens(hashlib.sha256(token).digest())

        async with owner_connection(database.owner_url) as owner:
            await owner.execute(
                "UPDATE session_share_links SET created_at = now() - interval '2 h', expires_at = now()"
                " WHERE expires_at IS NOT NULL"
            )
        assert not await opens(ended)
        async with transaction(api, user_id=alice.user_id) as conn:
            assert await share_links.revoke_link(conn, session.id, link.id)
        assert not await opens(token)


# 44: what could not be deleted ---------------------------------------------------------------------------------------


async def test_44_transcripts_go_before_the_guidance_that_rests_on_them(stage: Stage, superuser: Connection) -> None:
    resting = "SELECT count(*) FROM guidance WHERE triggered_by_transcript_id IS NOT NULL"
    assert await superuser.fetchval(resting) > 0
    async with acting(superuser, Actor("jobs", "jobs")):
        deleted = await attempt(superuser, "DELETE FROM transcripts", look=lambda conn: conn.fetchval(resting))
    assert deleted.sqlstate is None
    assert deleted.changed == 0


async def test_44_the_content_of_a_session_is_deleted_table_by_table_in_any_order(
    stage: Stage, superuser: Connection
) -> None:
    content = [
        table
        for table, said in stage.page.tables.items()
        if "session_id" in stage.catalog.tables[table] and ("jobs", "delete") in said.access
    ]
    assert len(content) > 10
    for order in (content, content[::-1]):
        async with acting(superuser, Actor("jobs", "jobs")):
            for table in order:
                await superuser.execute(f"DELETE FROM {table}")  # noqa: S608


async def test_44_a_session_without_usage_takes_its_children_with_it_and_one_with_usage_stays(
    stage: Stage, superuser: Connection
) -> None:
    north = stage.world.sides["north"]
    without = await attempt(superuser, "DELETE FROM sessions WHERE id = $1", north.sessions["called"])
    with_usage = await attempt(superuser, "DELETE FROM sessions WHERE id = $1", north.sessions["full"])
    assert without.sqlstate is None
    assert with_usage.sqlstate == "23503"
