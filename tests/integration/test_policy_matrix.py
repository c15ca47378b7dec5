"""Every table × every actor × every verb, each cell tried, against what POLICIES.md says."""

from __future__ import annotations

import pytest

from db.policies import ROLES, VERBS, Page, PageError, page_text, read_page, render
from db.pool import Connection
from tests.attempts import acting, attempt
from tests.catalog import read_grants, read_policies
from tests.policy_probes import cell, grants, moves, owner_sees
from tests.stage import Stage

PAGE = page_text()


def test_every_table_is_on_the_page_and_nothing_else_is(stage: Stage) -> None:
    assert stage.page.tables.keys() == stage.catalog.tables.keys()


def test_every_column_that_the_page_names_is_there(stage: Stage) -> None:
    unknown = [
        (table.name, column)
        for table in stage.page.tables.values()
        for access in table.access.values()
        for column in [*(access.columns or ()), table.organization, table.person]
        if column is not None and column not in stage.catalog.tables[table.name]
    ]
    assert unknown == []


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS)
async def test_every_cell_is_as_the_page_says(stage: Stage, superuser: Connection, verb: str) -> None:
    wrong = []
    for actor in stage.actors():
        async with acting(superuser, actor):
            for table in stage.catalog.tables:
                wrong += await cell(superuser, stage, actor, table, verb)
    assert wrong == []


@pytest.mark.slow
async def test_every_column_is_granted_as_the_page_says_and_no_other(stage: Stage, superuser: Connection) -> None:
    wrong = [
        each for role in ROLES for table in stage.catalog.tables for each in await grants(superuser, stage, role, table)
    ]
    assert wrong == []


async def test_no_row_is_written_away_from_those_who_may_write_it(stage: Stage, superuser: Connection) -> None:
    wrong = [
        each
        for actor in stage.actors()
        for table in stage.catalog.tables
        for each in await moves(superuser, stage, actor, table)
    ]
    assert wrong == []


async def test_the_owner_sees_every_row_by_its_policy_alone(stage: Stage, superuser: Connection) -> None:
    wrong = [each for table in stage.catalog.tables for each in await owner_sees(superuser, stage, table)]
    assert wrong == []


async def test_the_database_has_the_policies_and_grants_of_the_page(stage: Stage, superuser: Connection) -> None:
    before = await read_policies(superuser), await read_grants(superuser)
    await superuser.execute(f"SET LOCAL ROLE {stage.owner}")
    await superuser.execute(render(stage.page))
    assert (await read_policies(superuser), await read_grants(superuser)) == before


INSTALLATION_WIDE = {"media_nodes", "plans", "templates"}
"""Where everybody reads some rows: nodes, plans, and playbooks that are the system's or public."""


@pytest.mark.parametrize("name", ["south_owner", "invitee", "former", "suspended", "signed_out", "platform_admin"])
async def test_no_text_of_an_organization_reaches_a_stranger(stage: Stage, superuser: Connection, name: str) -> None:
    actor = next(actor for actor in stage.actors() if actor.name == name)
    leaking = set()
    async with acting(superuser, actor):
        for table in stage.catalog.tables:
            columns = stage.columns("api", table, "read")
            if columns:
                outcome = await attempt(superuser, f"SELECT {', '.join(columns)} FROM {table}")  # noqa: S608
                assert outcome.sqlstate is None, table
                if "canary-north" in str(outcome.rows):
                    leaking.add(table)
    own = {"users", "organization_invitations"}  # by which they are found and invited
    platform = {"system_logs", "beta_waitlist", "audit_log"} if name == "platform_admin" else set()
    assert leaking <= INSTALLATION_WIDE | own | platform


async def test_a_canary_is_seen_where_it_may_be(stage: Stage, superuser: Connection) -> None:
    actor = next(actor for actor in stage.actors() if actor.name == "colleague")
    async with acting(superuser, actor):
        outcome = await attempt(superuser, "SELECT content FROM transcripts")
    assert "canary-north" in str(outcome.rows)


@pytest.mark.parametrize("is_first", [True, False])
async def test_a_connection_for_nobody_selects_every_table_without_an_error(
    stage: Stage, superuser: Connection, is_first: bool
) -> None:
    if not is_first:  # '' is what a transaction for somebody leaves behind, NULL what was there before it
        await superuser.execute("SELECT set_config('app.user_id', '', true)")
    await superuser.execute("SET LOCAL ROLE liveconvo_api")
    for table, said in stage.page.tables.items():
        if columns := stage.columns("api", table, "read"):
            found = await superuser.fetch(f"SELECT {', '.join(columns)} FROM {table}")  # noqa: S608
            is_open = {"everyone", "active", "usable"} & set(said.access["api", "read"].words)
            assert not found or is_open, table


# the page ------------------------------------------------------------------------------------------------------------


def test_the_page_is_rendered_the_same_every_time() -> None:
    assert render(read_page(PAGE)) == render(read_page(PAGE))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("| calls | api | members |", "| calls | api | membres |"),
        ("| calls | api | members |", "| calls | api | members, members |"),
        ("| calls | api | members |", "| calls | api | lock, members |"),
        ("| calls | api | members |", "| calls | api | self |"),
        ("| calls | api | members |", "| calls | root | members |"),
        ("| calls | organization_id | - |\n", ""),
        ("| calls | organization_id | - |", "| calls | organization_id | - |\n| calls | organization_id | - |"),
        ("| calls | organization_id | - |", "| calls | organization_id; | - |"),
        ("| calls | api | members |", "| calls | jobs | members |"),
        ("| call_commands | media | - | - | acknowledged_at,", "| call_commands | media | - | kind | acknowledged_at,"),
        ("| call_commands | media | - | - | acknowledged_at,", "| call_commands | media | - | - | 1=1,"),
        ("## Columns", "## Colums"),
    ],
)
def test_a_page_that_says_something_unknown_is_refused(old: str, new: str) -> None:
    assert old in PAGE
    with pytest.raises(PageError):
        read_page(PAGE.replace(old, new, 1))


def test_a_table_that_is_not_on_the_page_is_closed() -> None:
    sql = render(Page({}))
    assert "CREATE POLICY" not in sql
    assert "GRANT" not in sql.replace("REVOKE", "")
