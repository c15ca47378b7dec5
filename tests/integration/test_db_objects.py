"""What could go round row level security, looked for in the catalog; and what a stranger could learn from a refusal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import uuid4

import pytest

from db.policies import ROLES
from db.pool import Connection
from tests.attempts import Outcome, acting, attempt
from tests.catalog import OUTSIDE, UniqueIndex, read_policies
from tests.definers import DEFINERS
from tests.stage import Stage
from tests.valid_rows import Row, further_row, insert_statement

# objects ------------------------------------------------------------------------------------------------------------


async def test_no_view_sees_more_than_whoever_asks(superuser: Connection) -> None:
    loose = await superuser.fetch(
        """
        SELECT relname
        FROM pg_class
        WHERE relnamespace = 'public'::regnamespace
            AND (
                relkind = 'm'
                OR relkind = 'v' AND NOT coalesce(reloptions @> ARRAY['security_invoker=true'], false)
            )
        """
    )
    assert loose == []


async def test_every_table_of_ours_forces_row_level_security(superuser: Connection) -> None:
    unguarded = await superuser.fetch(
        """
        SELECT relname
        FROM pg_class
        WHERE relnamespace = 'public'::regnamespace
            AND relkind IN ('r', 'p')
            AND NOT (relrowsecurity AND relforcerowsecurity)
        """
    )
    assert {row["relname"] for row in unguarded} == OUTSIDE.keys()


async def test_the_owner_is_no_superuser_and_owns_everything(stage: Stage, superuser: Connection) -> None:
    foreign = await superuser.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relowner <> $1::regrole",
        stage.owner,
    )
    powers = await superuser.fetchrow(
        "SELECT rolsuper, rolbypassrls, rolreplication FROM pg_roles WHERE rolname = $1", stage.owner
    )
    assert foreign == []
    assert powers is not None
    assert not any(powers)


@pytest.mark.parametrize("login", ROLES.values())
async def test_a_servers_login_has_no_power_and_is_nobody_else(stage: Stage, superuser: Connection, login: str) -> None:
    powers = await superuser.fetchrow(
        """
        SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication
        FROM pg_roles
        WHERE rolname = $1
        """,
        login,
    )
    others = await superuser.fetch(
        "SELECT rolname FROM pg_roles WHERE rolname <> $1 AND pg_has_role($1, oid, 'MEMBER')", login
    )
    may_create = await superuser.fetchval("SELECT has_schema_privilege($1, 'public', 'CREATE')", login)
    assert powers is not None
    assert not any(powers)
    assert others == []
    assert not may_create


# functions ----------------------------------------------------------------------------------------------------------


async def test_every_definer_function_is_listed_with_its_callers(superuser: Connection) -> None:
    rows = await superuser.fetch(
        """
        SELECT proname, array_remove(array_agg(DISTINCT coalesce(rolname, 'PUBLIC')), owner) AS callers
        FROM (
            SELECT proname, proowner::regrole::text AS owner, grantee
            FROM pg_proc
            CROSS JOIN LATERAL aclexplode(coalesce(proacl, acldefault('f', proowner)))
            WHERE pronamespace = 'public'::regnamespace
                AND prosecdef
        ) AS granted
        LEFT JOIN pg_roles ON pg_roles.oid = grantee
        GROUP BY proname, owner
        """
    )
    assert {row["proname"]: set(row["callers"]) for row in rows} == {
        name: set(callers) for name, (callers, _reason) in DEFINERS.items()
    }


async def test_every_definer_function_runs_as_the_owner_on_a_fixed_path(stage: Stage, superuser: Connection) -> None:
    loose = await superuser.fetch(
        """
        SELECT proname
        FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace
            AND prosecdef
            AND (
                NOT coalesce(proconfig @> ARRAY['search_path=pg_catalog, public, pg_temp'], false)
                OR proowner <> $1::regrole
            )
        """,
        stage.owner,
    )
    assert loose == []


# policies -----------------------------------------------------------------------------------------------------------

_ONCE = re.compile(r"(ARRAY)?\( SELECT (\w+)\(\) AS \w+\)")
"""A question about the one who acts, asked once for a statement."""


def joins(condition: str) -> list[str]:
    """What of a policy reads other tables, or calls a function for each row."""
    rest = _ONCE.sub("", condition)
    called = {name for name in re.findall(r"(\w+)\(", rest) if name not in {"ANY", "ARRAY"}} - {"has_call"}
    return sorted(called) + ["SELECT"] * ("SELECT" in rest) + ["FROM"] * ("FROM" in condition)


def tautologies(condition: str) -> list[str]:
    """Columns compared with themselves, under whatever name of their table."""
    pairs = re.findall(r"([\w.]+)(?:\)?::\w+)?\)? = \(?([\w.]+)", condition)
    return [left for left, right in pairs if left.rpartition(".")[2] == right.rpartition(".")[2]]


@pytest.mark.parametrize(
    ("condition", "is_wrong"),
    [
        ("(EXISTS ( SELECT 1 FROM organization_members m WHERE (m.user_id = app_user_id())))", True),
        ("(user_id = app_user_id())", True),
        ("(organization_id IN ( SELECT my_organization_ids() AS my_organization_ids))", False),
        ("(user_id = ( SELECT app_user_id() AS app_user_id))", False),
        ("(organization_id = ANY (ARRAY( SELECT my_organization_ids() AS my_organization_ids)))", False),
        ("has_call(session_id, organization_id, 1)", False),
    ],
)
def test_a_policy_that_joins_is_recognized(condition: str, is_wrong: bool) -> None:
    assert bool(joins(condition)) is is_wrong


@pytest.mark.parametrize(
    ("condition", "is_wrong"),
    [
        ("(organization_id = organization_id)", True),
        ("(m.organization_id = organization_members.organization_id)", True),
        ("((email)::text = (email)::text)", True),
        ("(user_id = ( SELECT app_user_id() AS app_user_id))", False),
        ("(organization_id = user_id)", False),
    ],
)
def test_a_tautology_is_recognized(condition: str, is_wrong: bool) -> None:
    assert bool(tautologies(condition)) is is_wrong


async def test_no_policy_is_for_everybody_joins_or_says_nothing(stage: Stage, superuser: Connection) -> None:
    wrong = []
    for policy in await read_policies(superuser):
        said = f"{policy.using or ''} {policy.check or ''}"
        known = {*ROLES.values(), stage.owner}
        if len(policy.roles) != 1 or not set(policy.roles) <= known:
            wrong.append(f"{policy.table} {policy.name} is for {policy.roles}")
        wrong += [f"{policy.table} {policy.name}: {each}" for each in joins(said) + tautologies(said)]
    assert wrong == []


# tenants ------------------------------------------------------------------------------------------------------------

NOBODYS = {
    "beta_waitlist": "people who belong to no organization yet",
    "media_nodes": "machines",
    "idempotency_keys": "a person's, whatever organization they work in",
    "plans": "offered to everybody",
    "stripe_events": "belongs to whom Stripe says, once it is processed",
    "users": "a person may be in many organizations",
    "user_app_sessions": "a person's, whatever organization they work in",
    "sign_in_links": "a person's",
    "sign_ups": "somebody who has no account yet",
    "system_logs": "the installation's; read by its administrators",
    "organizations": "is one",
}
OPTIONAL = {
    "audit_log": "what concerns the whole installation has none",
    "subscriptions": "a person may subscribe for themselves",
    "subscription_events": "as its subscription",
    "templates": "a playbook may be the system's, or a person's own",
}


def test_every_tenants_table_says_whose_a_row_is(stage: Stage) -> None:
    tables = stage.catalog.tables
    without = {name for name, columns in tables.items() if "organization_id" not in columns}
    optional = {name for name in tables.keys() - without if not tables[name]["organization_id"].is_required}
    assert without == NOBODYS.keys()
    assert optional == OPTIONAL.keys()


# what a refusal tells -------------------------------------------------------------------------------------------------

SECRET = "the sha256 of a secret: whoever has that has the thing itself"
MADE_HERE = "a random id that the API makes for itself and takes from nobody"
TELLING = {
    "api_keys_key_hash_key": SECRET,
    "join_tickets_pkey": SECRET,
    "organization_invitations_invitation_token_key": SECRET,
    "session_invites_token_hash_key": SECRET,
    "session_share_links_token_hash_key": SECRET,
    "user_app_sessions_session_token_key": SECRET,
    "call_commands_pkey": "made of the session's id and the epoch, of a session that was read before",
    "session_participants_pkey": MADE_HERE,
    "recordings_pkey": MADE_HERE,
    "recordings_storage_key_key": MADE_HERE,
    "session_participants_id_session_id_key": MADE_HERE,
}
"""Keys across organizations that the API can run into, with the reason why that tells nobody anything."""


def reachable(stage: Stage) -> Iterator[UniqueIndex]:
    """Keys of which the API may write every column, and that do not begin with whose row it is."""
    for index in stage.catalog.unique_indexes:
        writable = set(stage.columns("api", index.table, "insert")) | set(stage.columns("api", index.table, "update"))
        if set(index.columns) <= writable and "organization_id" not in index.columns:
            yield index


async def test_a_foreign_value_and_an_unknown_one_are_refused_alike(stage: Stage, superuser: Connection) -> None:
    """As an owner elsewhere, with a key of the north's in a row of their own, and with one that is nobody's."""
    actor = next(actor for actor in stage.actors() if actor.name == "south_owner")
    telling = []
    async with acting(superuser, actor):
        for index in reachable(stage):
            taken, unknown = [
                _told(await attempt(superuser, *insert_statement(index.table, row)))
                for row in _rows(stage, index, actor.user_id)
            ]
            if taken != unknown:
                telling.append(index.name)
    assert sorted(set(telling) - TELLING.keys()) == []
    assert TELLING.keys() <= {index.name for index in reachable(stage)}


def _rows(stage: Stage, index: UniqueIndex, user_id: object) -> Iterator[Row]:
    south = stage.world.sides["south"]
    person = stage.page.tables[index.table].person
    given: Row = {person: user_id} if person and person != "id" else {}
    row = further_row(stage.catalog, stage.world, index.table, south, given)
    row = {name: value for name, value in row.items() if name in stage.columns("api", index.table, "insert")}
    foreign = stage.world.of(index.table, stage.world.sides["north"]) or stage.world.rows[index.table]
    yield {**row, **{column: foreign[0][column] for column in index.columns}}
    yield {**row, **{column: _unknown(foreign[0][column]) for column in index.columns}}


def _unknown(value: object) -> object:
    match value:
        case bytes():
            return uuid4().bytes + uuid4().bytes
        case str():
            return f"{uuid4().hex}@example.org"
        case int():
            return 1_000_000
    return uuid4()


def _told(outcome: Outcome) -> tuple[str | None, str | None]:
    return outcome.sqlstate, outcome.code


async def test_the_same_slug_address_and_name_in_two_organizations_are_no_conflict(
    stage: Stage, superuser: Connection
) -> None:
    south = next(actor for actor in stage.actors() if actor.name == "south_owner")
    taken = stage.world.of("organization_invitations", stage.world.sides["north"])[0]["email"]
    given = {"email": taken, "invited_by_user_id": south.user_id}
    row = further_row(stage.catalog, stage.world, "organization_invitations", stage.world.sides["south"], given)
    row = {name: row[name] for name in row if name in stage.columns("api", "organization_invitations", "insert")}
    async with acting(superuser, south):
        invited = await attempt(superuser, *insert_statement("organization_invitations", row))
    assert invited.sqlstate is None, str(invited)

    slug = stage.world.of("organizations", stage.world.sides["north"])[0]["slug"]
    newcomer = next(actor for actor in stage.actors() if actor.name == "invitee")
    async with acting(superuser, newcomer):
        outcomes = [
            await attempt(superuser, "SELECT create_organization('Mine', $1, 'UTC')", wanted)
            for wanted in (slug, "nobody-has-this")
        ]
    assert [outcome.sqlstate for outcome in outcomes] == [None, None]


async def test_a_foreign_session_and_an_unknown_one_take_no_child(stage: Stage, superuser: Connection) -> None:
    """Not even for rows of which the first column that is checked would betray that something is there."""
    actor = next(actor for actor in stage.actors() if actor.name == "south_owner")
    north, south = stage.world.sides["north"], stage.world.sides["south"]
    telling = []
    async with acting(superuser, actor):
        for table in stage.catalog.tables:
            writable = stage.columns("api", table, "insert")
            if "session_id" not in writable or table == "system_logs":
                continue
            person = stage.page.tables[table].person
            row = further_row(stage.catalog, stage.world, table, south, {person: actor.user_id} if person else {})
            row = {name: value for name, value in row.items() if name in writable}
            told = [
                _told(await attempt(superuser, *insert_statement(table, {**row, "session_id": session})))
                for session in (north.sessions["full"], north.sessions["bare"], uuid4())
            ]
            if len(set(told)) != 1 or told[0][0] is None:
                telling.append(f"{table}: {told}")
    assert telling == []


# functions for strangers ----------------------------------------------------------------------------------------------

STRANGERS_CALLS = {
    "answer_own_invitation": "SELECT answer_own_invitation('{organization}', true)",
    "admin_decide_verification": "SELECT admin_decide_verification('{organization}', true)",
    "admin_end_sign_ins": "SELECT admin_end_sign_ins('{user}')",
    "admin_organization": "SELECT admin_organization('{organization}')",
    "admin_organizations": "SELECT admin_organizations(NULL, NULL, NULL, NULL, now(), '{organization}', 10)",
    "admin_plan_subscriptions": "SELECT admin_plan_subscriptions('{organization}')",
    "admin_set_organization_active": "SELECT admin_set_organization_active('{organization}', false, 'abuse')",
    "admin_set_organization_limits": "SELECT admin_set_organization_limits('{organization}', 1, 1, 1)",
    "admin_set_organization_plan": "SELECT admin_set_organization_plan('{organization}', '{organization}')",
    "admin_set_user_active": "SELECT admin_set_user_active('{user}', false, 'abuse')",
    "admin_unproven_email": "SELECT admin_unproven_email('{user}')",
    "admin_user": "SELECT admin_user('{user}')",
    "admin_users": "SELECT admin_users(NULL, NULL, NULL, now(), '{user}', 10)",
    "audit_admin": "SELECT audit_admin('{organization}', 'tests.write', NULL)",
    "close_admin_door": "SELECT close_admin_door('{door}')",
    "delete_organization": "SELECT delete_organization('{organization}')",
    "first_broken_audit": "SELECT first_broken_audit('{organization}')",
    "leave_organization": "SELECT leave_organization('{organization}')",
    "my_plan_usage": "SELECT my_plan_usage('{organization}')",
    "open_admin_door": "SELECT open_admin_door('{organization}', 'curious', 5)",
    "organization_people": "SELECT organization_people('{organization}')",
    "participant_of_ticket": "SELECT participant_of_ticket('\\x00', '{session}', '{user}', 'host', false)",
    "remove_member": "SELECT remove_member('{organization}', '{user}')",
    "revise_transcript": "SELECT revise_transcript('{session}', '{session}', 0, 'x', 'y')",
    "search_sessions": "SELECT search_sessions('{organization}', 'x or -x', '{{title,transcript,summary}}', NULL, NULL,"
    " NULL, NULL, 9)",
    "session_minutes": "SELECT session_minutes('{session}')",
    "set_member_permissions": "SELECT set_member_permissions('{organization}', '{user}', '{{}}')",
    "set_member_status": "SELECT set_member_status('{organization}', '{user}', 'inactive')",
    "transfer_ownership": "SELECT transfer_ownership('{organization}', '{user}')",
    "set_member_limits": "SELECT set_member_limits('{organization}', '{user}', 1, 1)",
    "set_member_role": "SELECT set_member_role('{organization}', '{user}', 'member')",
    "switch_organization": "SELECT switch_organization('{organization}')",
    "usage_limit": "SELECT usage_limit('{user}', '{organization}')",
    "write_audit": "SELECT write_audit('{organization}', 'tests.write', 'tests', NULL)",
}
"""What the API can call with somebody's id, and how."""
ANSWERED = {
    **{
        ("platform_admin", name): "that is what administrators do, with a row in the audit log"
        for name in STRANGERS_CALLS
        if name.startswith("admin_") or name == "audit_admin"
    },
    ("platform_admin", "open_admin_door"): "that is their way in, with a row in the audit log",
    ("platform_admin", "write_audit"): "what they do to an organization is written down there",
    ("signed_out", "write_audit"): "what the server does by itself is written down as well",
}


async def test_every_function_that_takes_an_id_is_tried_by_a_stranger(superuser: Connection) -> None:
    taking_ids = await superuser.fetch(
        """
        SELECT proname
        FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace
            AND prosecdef
            AND 'uuid'::regtype = ANY (proargtypes)
            AND has_function_privilege('liveconvo_api', oid, 'EXECUTE')
        """
    )
    assert {row["proname"] for row in taking_ids} == STRANGERS_CALLS.keys()


@pytest.mark.parametrize("name", ["south_owner", "former", "suspended", "signed_out", "platform_admin"])
async def test_a_function_tells_and_does_nothing_for_a_stranger(stage: Stage, superuser: Connection, name: str) -> None:
    """An organization that is somebody else's and one that is not there are answered alike, with nothing."""
    actor = next(actor for actor in stage.actors() if actor.name == name)
    north = stage.world.sides["north"]
    door = next(row["id"] for row in stage.world.rows["admin_grants"] if row["closed_at"] is None)
    there = {"organization": north.id, "user": north.author, "session": north.sessions["full"], "door": door}
    telling = []
    async with acting(superuser, actor):
        for function, call in STRANGERS_CALLS.items():
            if (name, function) in ANSWERED:
                continue
            outcomes = [
                await attempt(superuser, call.format(**ids)) for ids in (there, {each: uuid4() for each in there})
            ]
            answers = [(*_told(outcome), [row[0] for row in outcome.rows]) for outcome in outcomes]
            nothing = {"[]", "[None]", "[False]", "['']"}
            if answers[0] != answers[1] or str(answers[0][2]) not in nothing:
                telling.append(f"{function}: {answers}")
    assert telling == []
