"""Every rule of the database, found in its catalog, refuses what it is there to refuse, under its name."""

from __future__ import annotations

import asyncio

import pytest

from db.errors import ConflictError, InvalidError
from db.pool import Connection, owner_connection, transaction
from tests.conftest import Database
from tests.decided_rules import ON_DELETE, REFUSED_VALUES, VALUE_SETS
from tests.people import connected, make_people, make_session
from tests.rule_probes import broken
from tests.stage import Stage
from tests.trigger_probes import PROBES, broken_trigger


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["n", "c", "f"], ids=["not_null", "check", "foreign_key"])
async def test_every_constraint_refuses_what_it_should(stage: Stage, superuser: Connection, kind: str) -> None:
    rules = [rule for rule in stage.catalog.constraints if rule.kind == kind]
    assert [each for rule in rules for each in await broken(superuser, stage, rule)] == []


@pytest.mark.slow
async def test_every_unique_index_refuses_a_double(stage: Stage, superuser: Connection) -> None:
    wrong = [each for index in stage.catalog.unique_indexes for each in await broken(superuser, stage, index)]
    assert wrong == []


@pytest.mark.slow
async def test_every_trigger_keeps_its_rule(stage: Stage, superuser: Connection) -> None:
    wrong = [each for trigger in stage.catalog.triggers for each in await broken_trigger(superuser, stage, trigger)]
    assert wrong == []


def test_value_sets_are_those_that_were_given(stage: Stage) -> None:
    built = {f"{table}.{column}": " ".join(values) for (table, column), values in stage.catalog.value_sets.items()}
    assert built == VALUE_SETS


def test_nothing_is_decided_of_a_rule_that_is_gone(stage: Stage) -> None:
    constraints, triggers = stage.catalog.constraints, stage.catalog.triggers
    keys = {f"{key.table}.{','.join(key.columns)}" for key in constraints if key.kind == "f"}
    decided = [name for actions in ON_DELETE.values() for children in actions.values() for name in children.split()]
    assert sorted(decided) == sorted(keys)
    assert REFUSED_VALUES.keys() <= {rule.name for rule in constraints}
    assert {name for table, name in PROBES if table == "*"} <= {trigger.name for trigger in triggers}
    assert {key for key in PROBES if key[0] != "*"} <= {(trigger.table, trigger.name) for trigger in triggers}


# what callers are told ----------------------------------------------------------------------------------------------


async def test_a_caller_is_told_the_name_of_the_rule(database: Database) -> None:
    people = await make_people(database.owner_url)
    alice = people.alice
    statements: list[tuple[type[Exception], str, str]] = [
        (InvalidError, "sessions_conversation_type_check", "UPDATE sessions SET conversation_type = 'chat'"),
        (InvalidError, "title", "UPDATE sessions SET title = NULL"),
        (InvalidError, "sessions_data_retention_days_check", "UPDATE sessions SET data_retention_days = 0"),
        (ConflictError, "session_state", "UPDATE sessions SET status = 'archived'"),
    ]
    async with connected(database.api_url) as api:
        await make_session(api, alice)
        for kind, code, statement in statements:
            with pytest.raises(kind) as refusal:
                async with transaction(api, user_id=alice.user_id) as conn:
                    await conn.execute(statement)
            assert getattr(refusal.value, "code", None) == code


async def test_a_double_is_a_conflict_with_the_name_of_its_index(database: Database) -> None:
    people = await make_people(database.owner_url)
    with pytest.raises(ConflictError) as refusal:
        async with owner_connection(database.owner_url) as conn:
            await conn.execute("UPDATE users SET email = $1 WHERE email = $2", people.alice.email, people.bob.email)
    assert refusal.value.code == "users_email_key"


# two at once --------------------------------------------------------------------------------------------------------


async def test_of_two_owners_who_step_back_at_once_one_stays(database: Database) -> None:
    people = await make_people(database.owner_url)
    organization, owners = people.alice.organization_id, (people.alice.user_id, people.bob.user_id)
    async with owner_connection(database.owner_url) as conn:
        await conn.execute("UPDATE organization_members SET role = 'owner' WHERE user_id = $1", people.bob.user_id)
        # Its lock would let the two in one after the other, and hide whether this rule needs it.
        await conn.execute("ALTER TABLE organization_members DISABLE TRIGGER audit_change")
    both_have_written = asyncio.Barrier(2)

    async def step_back(user_id: object) -> str | None:
        try:
            async with owner_connection(database.owner_url) as conn, conn.transaction():
                await conn.execute(
                    "UPDATE organization_members SET role = 'member' WHERE organization_id = $1 AND user_id = $2",
                    organization,
                    user_id,
                )
                await both_have_written.wait()
        except ConflictError as error:
            return error.code
        return None

    codes = await asyncio.gather(*(step_back(user_id) for user_id in owners))
    async with owner_connection(database.owner_url) as conn:
        left = await conn.fetchval(
            "SELECT count(*) FROM organization_members WHERE organization_id = $1 AND role = 'owner'", organization
        )
    assert sorted(codes, key=str) == [None, "organization_needs_owner"]
    assert left == 1
