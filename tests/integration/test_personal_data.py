"""Somebody decided about every table and every column what becomes of it: the page and the catalog are compared."""

from __future__ import annotations

import re

import pytest

from db.holding import Blank, Delete, Holding, Keep
from db.personal_data import HOLDINGS
from tests.catalog import OUTSIDE, Catalog
from tests.stage import Stage

BY_TABLE = {holding.table: holding for holding in HOLDINGS}
LEVELS = ("session", "account", "organization")
PERSON = re.compile(r"(^|_)(user|actor)_id$|^(created_by|accepted_by_user_id|email|recipient_email|ip_address)$")
SECRET = re.compile(r"token|secret|password|_hash$|^hash$")
TEXTS_THAT_STAY = {"users": set(), "organizations": {"default_timezone", "default_language"}}


def test_every_table_has_an_entry(stage: Stage) -> None:
    assert sorted(BY_TABLE) == sorted(stage.catalog.tables)
    assert len(BY_TABLE) == len(HOLDINGS)


@pytest.mark.parametrize("table", BY_TABLE)
def test_every_column_is_exported_or_withheld_for_a_reason(stage: Stage, table: str) -> None:
    holding = BY_TABLE[table]
    exported = holding.export.columns.split() if holding.export else []
    withheld = holding.withheld.split()
    assert sorted(exported + withheld) == sorted(stage.catalog.tables[table])
    assert bool(withheld) is bool(holding.because)


def test_no_secret_is_exported() -> None:
    exported = {(holding.table, column) for holding in HOLDINGS if holding.export
                for column in holding.export.columns.split()}  # fmt: skip
    assert [column for column in exported if SECRET.search(column[1])] == []


@pytest.mark.parametrize("level", LEVELS)
def test_what_points_at_something_says_what_becomes_of_it(stage: Stage, level: str) -> None:
    undecided = [
        holding.table
        for holding in HOLDINGS
        if getattr(holding, level) is None and _is_about(stage.catalog, holding.table, level)
    ]
    assert undecided == []


def _is_about(catalog: Catalog, table: str, level: str) -> bool:
    columns = catalog.tables[table]
    targets = {key.target for key in catalog.of(table, "f")}
    match level:
        case "session":
            return "session_id" in columns or "sessions" in targets
        case "account":
            return table == "users" or "users" in targets or any(map(PERSON.search, columns))
        case _:
            return "organization_id" in columns or "organizations" in targets


def test_whatever_is_kept_has_a_reason() -> None:
    kept = [treatment for holding in HOLDINGS for treatment in _treatments(holding) if isinstance(treatment, Keep)]
    assert all(len(treatment.reason) > 10 for treatment in kept)


@pytest.mark.parametrize("table", TEXTS_THAT_STAY)
def test_no_text_of_a_person_or_an_organization_stays(stage: Stage, table: str) -> None:
    holding = BY_TABLE[table]
    treatment = holding.account if table == "users" else holding.organization
    assert isinstance(treatment, Blank)
    texts = {name for name, column in stage.catalog.tables[table].items() if column.type.startswith(("text", "char"))}
    assert texts - treatment.columns.keys() == TEXTS_THAT_STAY[table]


def test_children_go_before_their_parents(stage: Stage) -> None:
    places = {holding.table: place for place, holding in enumerate(HOLDINGS)}
    wrong = [
        f"{key.table} before {key.target}"
        for key in stage.catalog.constraints
        if key.kind == "f" and key.target and key.table != key.target and _goes(BY_TABLE[key.target])
        and _goes(BY_TABLE[key.table]) and places[key.table] > places[key.target]
    ]  # fmt: skip
    assert wrong == []


def _goes(holding: Holding) -> bool:
    return any(isinstance(treatment, Delete) for treatment in _treatments(holding))


def _treatments(holding: Holding) -> list[object]:
    return [getattr(holding, level) for level in LEVELS]


def test_what_is_outside_the_page_holds_ids_at_most(stage: Stage) -> None:
    assert set(OUTSIDE) == {
        "pgqueuer", "pgqueuer_log", "pgqueuer_schedules", "pgqueuer_statistics", "schema_migrations",
    }  # fmt: skip


def test_nothing_can_be_added_to_what_is_erased(stage: Stage) -> None:
    """Every table whose rows go with a session has the trigger that refuses late ones; logs hold ids alone."""
    guarded = {trigger.table for trigger in stage.catalog.triggers if trigger.name == "refuse_erased"}
    emptied = {holding.table for holding in HOLDINGS if isinstance(holding.session, Delete | Blank)}
    assert guarded == emptied - {"sessions", "system_logs"}
