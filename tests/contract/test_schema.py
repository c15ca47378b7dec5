"""The database is the model that was given, and what ARCHITECTURE.md lists as added, and nothing else."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import types
import typing
from collections import ChainMap
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from db import (
    admin_door,
    api_keys,
    audit,
    checklist,
    consents,
    context,
    documents,
    invitations,
    logs,
    members,
    organizations,
    plans,
    recordings,
    records,
    session_changes,
    share_links,
    stripe_events,
    subscriptions,
    templates,
    timeline,
    users,
    waitlist,
    webhook_log,
    webhooks,
)
from db.pool import Connection, owner_connection
from tests.conftest import TEMPLATE, PostgresServer
from tests.contract.seed_schema import FOREIGN_KEYS, PRIMARY_KEY, UNIQUE, Column, seed_columns

ROOT = Path(__file__).parents[2]
SCHEMA_PAGE = (ROOT / "db" / "SCHEMA.md").read_text("utf-8")
ARCHITECTURE_PAGE = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
SEED = seed_columns()

ROWS: dict[type, str] = {
    records.Session: "sessions",
    records.Participant: "session_participants",
    records.Node: "media_nodes",
    records.Call: "calls",
    records.Transcript: "transcripts",
    records.Guidance: "guidance",
    records.Summary: "summaries",
    records.Command: "call_commands",
    records.LogEntry: "session_events",
    users.Profile: "users",
    users.ProfileChanges: "users",
    organizations.Organization: "organizations",
    organizations.OrganizationChanges: "organizations",
    organizations.OwnOrganization: "organizations organization_members",
    members.Colleague: "organization_members users",
    invitations.Invitation: "organization_invitations",
    templates.Template: "templates",
    templates.TemplateChanges: "templates",
    documents.Document: "documents",
    context.SessionContext: "session_context",
    checklist.ChecklistItem: "prep_checklist",
    timeline.TimelineEvent: "session_timeline_events",
    plans.Plan: "plans",
    subscriptions.Subscription: "subscriptions",
    subscriptions.SubscriptionEvent: "subscription_events",
    logs.SystemLog: "system_logs",
    waitlist.Applicant: "beta_waitlist",
    stripe_events.StripeEvent: "stripe_events",
    session_changes.SessionChanges: "sessions",
    admin_door.AdminDoor: "admin_grants",
    api_keys.ApiKey: "api_keys",
    audit.AuditEntry: "audit_log",
    consents.Consent: "consents",
    recordings.Recording: "recordings",
    share_links.ShareLink: "session_share_links",
    webhooks.WebhookEndpoint: "webhook_endpoints",
    webhooks.EndpointChanges: "webhook_endpoints",
    webhook_log.WebhookDelivery: "webhook_deliveries",
}
"""Of which table each is a row; of several: a column is the first one's that has it."""
INSERTED: dict[type, str] = {
    records.NewParticipant: "session_participants",
    records.NewTranscript: "transcripts",
    records.NewGuidance: "guidance",
    records.SummaryContent: "summaries",
    templates.NewTemplate: "templates",
    documents.NewDocument: "documents",
    subscriptions.StripeSubscription: "subscriptions",
    logs.NewLog: "system_logs",
    waitlist.NewApplicant: "beta_waitlist",
    recordings.NewRecording: "recordings",
}
PYTHON_TYPES: dict[str, type] = {
    "uuid": UUID, "text": str, "integer": int, "bigint": int, "boolean": bool, "timestamptz": datetime,
    "varchar": str, "numeric": Decimal, "inet": str, "bytea": bytes, "text[]": list[str],
}  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Catalog:
    columns: dict[str, dict[str, Column]]
    primary: dict[str, tuple[str, ...]]
    unique: dict[str, set[tuple[str, ...]]]
    foreign: dict[str, dict[tuple[str, ...], str]]


@pytest.fixture(scope="module")
def catalog(postgres_server: PostgresServer) -> Catalog:
    return asyncio.run(_read_catalog(postgres_server.url(TEMPLATE)))


async def _read_catalog(owner_url: str) -> Catalog:
    async with owner_connection(owner_url) as conn:
        keys = await _keys(conn)
        return Catalog(
            await _columns(conn),
            {row["tbl"]: tuple(row["cols"]) for row in keys if row["kind"] == "p"},
            _grouped((row["tbl"], tuple(row["cols"])) for row in keys if row["kind"] == "u"),
            {
                table: {tuple(row["cols"]): row["target"] for row in keys if (row["tbl"], row["kind"]) == (table, "f")}
                for table in {row["tbl"] for row in keys}
            },
        )


async def _columns(conn: Connection) -> dict[str, dict[str, Column]]:
    rows = await conn.fetch(
        """
        SELECT
            relname AS tbl,
            attname AS name,
            format_type(atttypid, atttypmod) AS type,
            pg_get_expr(adbin, adrelid) AS "default",
            attnotnull AS required
        FROM pg_attribute
        JOIN pg_class ON pg_class.oid = attrelid
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE relnamespace = 'public'::regnamespace
            AND relkind = 'r'
            AND attnum > 0
            AND NOT attisdropped
            AND relname NOT LIKE 'pgqueuer%'
        """
    )
    tables: dict[str, dict[str, Column]] = {}
    for row in rows:
        column = (_short(row["type"]), row["default"] and re.sub(r"::[a-z ]+", "", row["default"]), row["required"])
        tables.setdefault(row["tbl"], {})[row["name"]] = column
    return tables


async def _keys(conn: Connection) -> list[Any]:
    return await conn.fetch(
        """
        SELECT
            conrelid::regclass::text AS tbl,
            contype::text AS kind,
            confrelid::regclass::text AS target,
            ARRAY(
                SELECT attname::text
                FROM unnest(conkey) WITH ORDINALITY AS part (number, place)
                JOIN pg_attribute ON attrelid = conrelid AND attnum = part.number
                ORDER BY place
            ) AS cols
        FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
            AND contype IN ('p', 'u', 'f')
        """
    )


def _short(type_: str) -> str:
    return type_.replace("character varying", "varchar").replace("timestamp with time zone", "timestamptz")


def _grouped(pairs: Any) -> dict[str, set[tuple[str, ...]]]:
    found: dict[str, set[tuple[str, ...]]] = {}
    for table, columns in pairs:
        found.setdefault(table, set()).add(columns)
    return found


def _added() -> dict[str, set[str]]:
    """The one list of additions: table → columns, of ARCHITECTURE.md."""
    listed = ARCHITECTURE_PAGE.split("## What we added to the data model")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| [^|]{10,} \|$", listed, re.MULTILINE)
    return {table: set(re.findall(r"`(\w+)`", columns)) for table, columns in rows}


def _sections() -> dict[str, str]:
    return dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", SCHEMA_PAGE, re.MULTILINE | re.DOTALL))


def test_all_twenty_one_tables_were_given() -> None:
    assert len(SEED) == 21


@pytest.mark.parametrize("table", SEED)
def test_a_given_table_has_its_columns_with_their_types_and_defaults(catalog: Catalog, table: str) -> None:
    built = {name: column[:2] for name, column in catalog.columns[table].items() if name in SEED[table]}
    assert built == {name: column[:2] for name, column in SEED[table].items()}


@pytest.mark.parametrize("table", SEED)
def test_a_given_column_that_is_never_empty_is_not_null(catalog: Catalog, table: str) -> None:
    nullable = [name for name, column in SEED[table].items() if column[2] and not catalog.columns[table][name][2]]
    assert nullable == []


@pytest.mark.parametrize("table", SEED)
def test_a_given_table_has_its_keys(catalog: Catalog, table: str) -> None:
    assert catalog.primary[table] == PRIMARY_KEY
    assert UNIQUE.get(table, set()) <= catalog.unique.get(table, set())
    foreign = {columns[0]: target for columns, target in catalog.foreign[table].items() if len(columns) == 1}
    assert FOREIGN_KEYS.get(table, {}).items() <= foreign.items()


def test_additions_are_those_of_the_list_and_no_others(catalog: Catalog) -> None:
    added = {table: columns.keys() - SEED.get(table, {}).keys() for table, columns in catalog.columns.items()}
    assert {table: columns for table, columns in added.items() if columns} == _added()


def test_the_page_describes_every_table_and_every_column(catalog: Catalog) -> None:
    sections = _sections()
    missing = [
        f"{table}.{name}"
        for table, columns in catalog.columns.items()
        for name in columns
        if f"`{name}`" not in sections.get(table, "")
    ]
    assert missing == []


def test_the_page_describes_no_table_that_is_not_there(catalog: Catalog) -> None:
    assert _sections().keys() == catalog.columns.keys()


@pytest.mark.parametrize("record", ROWS)
def test_a_row_has_its_columns_names_types_and_nullability(catalog: Catalog, record: type) -> None:
    columns = ChainMap(*(catalog.columns[table] for table in ROWS[record].split()))
    for name, hint in typing.get_type_hints(record).items():
        type_, _, is_required = columns[name]
        is_optional = isinstance(hint, types.UnionType)
        assert is_optional is not is_required, name
        if type_ != "jsonb":
            plain = typing.get_args(hint)[0] if is_optional else hint
            assert plain == PYTHON_TYPES[re.sub(r"\(.*", "", type_)], name


@pytest.mark.parametrize("record", INSERTED)
def test_what_is_inserted_is_named_as_the_columns_are(catalog: Catalog, record: Any) -> None:
    names = {field.name for field in dataclasses.fields(record)}
    assert names <= catalog.columns[INSERTED[record]].keys()
