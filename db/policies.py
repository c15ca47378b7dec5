"""Row level security, rendered from the three tables of POLICIES.md: `python -m db.policies` prints the migration.

Rules:
- A policy names one role and reads nothing but its own row: what it must know of the one who acts is computed once for
  a statement, as `(SELECT f())` or `ARRAY(SELECT f())`. Only `call` and `epoch` ask for each row, by a primary key.
- What the page does not say is refused, and so is what it says of unknown words, tables, roles and columns.
- Functions, sequences, pgqueuer's tables and the owner's own policies are none of its business.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import TypeVar

ROLES = {"api": "liveconvo_api", "media": "liveconvo_media", "jobs": "liveconvo_jobs"}
VERBS = ("read", "insert", "update", "delete")
_COMMANDS = {"read": "SELECT", "insert": "INSERT", "update": "UPDATE", "delete": "DELETE"}
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_LINE = 120

Key = TypeVar("Key")


class PageError(ValueError):
    """The page says something that cannot be rendered."""


@dataclass(frozen=True, slots=True)
class Access:
    """What one role may do to one table with one verb."""

    words: tuple[str, ...]
    """Any of them suffices; `lock` may come first."""
    columns: tuple[str, ...] | None
    """None: all of the table's."""


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    organization: str | None
    """The column that says whose row it is."""
    person: str | None
    access: Mapping[tuple[str, str], Access]
    """By role and verb; what is not in it is refused."""


@dataclass(frozen=True, slots=True)
class Page:
    tables: Mapping[str, Table]


# Words --------------------------------------------------------------------------------------------------------------


def _everyone(_table: Table, _verb: str) -> str:
    return "true"


def _active(_table: Table, _verb: str) -> str:
    return "is_active"


def _usable(_table: Table, _verb: str) -> str:
    return "(is_active AND (is_system_template OR is_public))"


def _self(table: Table, _verb: str) -> str:
    return f"{_column(table, 'person')} = (SELECT app_user_id())"


def _members(table: Table, verb: str) -> str:
    if verb == "read":
        return f"{_column(table, 'organization')} = ANY ((SELECT readable_organization_ids())::uuid[])"
    return _of_organizations(table, "my_organization_ids")


def _managers(table: Table, _verb: str) -> str:
    return _of_organizations(table, "my_managed_organization_ids")


def _owners(table: Table, _verb: str) -> str:
    return _of_organizations(table, "my_owned_organization_ids")


def _author(table: Table, verb: str) -> str:
    return f"({_members(table, verb)} AND {_self(table, verb)})"


def _managing(table: Table, verb: str) -> str:
    return f"({_managers(table, verb)} AND {_self(table, verb)})"


def _host(table: Table, verb: str) -> str:
    person = _column(table, "person")
    return f"({_members(table, verb)} AND ({person} IS NULL OR {_self(table, verb)}))"


def _personal(table: Table, verb: str) -> str:
    organization = _column(table, "organization")
    return (
        f"({_self(table, verb)} AND NOT is_organization_template"
        f" AND ({organization} IS NULL OR {_of_organizations(table, 'my_organization_ids')}))"
    )


def _shared(table: Table, verb: str) -> str:
    return f"(is_organization_template AND {_members(table, verb)})"


def _curated(table: Table, verb: str) -> str:
    return f"(is_organization_template AND {_managers(table, verb)})"


def _admins(_table: Table, _verb: str) -> str:
    return "(SELECT is_platform_admin())"


def _invitee(_table: Table, _verb: str) -> str:
    return "email = (SELECT my_verified_email())"


def _call(table: Table, _verb: str) -> str:
    return f"has_call({_session(table)}, {_column(table, 'organization')}, 1)"


def _epoch(table: Table, _verb: str) -> str:
    return f"has_call({_session(table)}, {_column(table, 'organization')}, epoch)"


WORDS: Mapping[str, Callable[[Table, str], str]] = {
    "everyone": _everyone, "active": _active, "usable": _usable, "self": _self, "members": _members,
    "managers": _managers, "owners": _owners, "author": _author, "managing": _managing, "host": _host,
    "personal": _personal, "shared": _shared, "curated": _curated, "admins": _admins, "invitee": _invitee,
    "call": _call, "epoch": _epoch,
}  # fmt: skip


def _of_organizations(table: Table, function: str) -> str:
    return f"{_column(table, 'organization')} = ANY (ARRAY(SELECT {function}()))"


def _session(table: Table) -> str:
    return "id" if table.name == "sessions" else "session_id"


def _column(table: Table, whose: str) -> str:
    column = table.organization if whose == "organization" else table.person
    if column is None:
        raise PageError(f"{table.name} has no {whose}, which a word of its policies needs")
    return column


# Reading ------------------------------------------------------------------------------------------------------------


def read_page(text: str) -> Page:
    """The page that POLICIES.md is.

    Raises:
        PageError: a word, table or role that is unknown, something said twice, or a word its table cannot answer.
    """
    owners = _once((row[0], row[1:]) for row in _cells(text, "Rows", 3))
    policies = _once(((row[0], row[1]), row[2:]) for row in _cells(text, "Policies", 6))
    columns = _once(((row[0], row[1]), row[2:]) for row in _cells(text, "Columns", 5))
    for table, role in [*policies, *columns]:
        if table not in owners or role not in ROLES:
            raise PageError(f"{table}, {role}: no such table in Rows, or no such role")
    access: dict[str, dict[tuple[str, str], Access]] = {table: {} for table in owners}
    for (table, role), words in policies.items():
        narrowed = (*columns.pop((table, role), ("-", "-", "-")), "-")
        for verb, cell, columns_cell in zip(VERBS, words, narrowed, strict=True):
            allowed = _access(f"{table}, {role}, {verb}", verb, cell, columns_cell)
            if allowed is not None:
                access[table][role, verb] = allowed
    if columns:
        raise PageError(f"Columns without a policy: {sorted(columns)}")
    page = Page(
        {
            name: Table(name, _optional(organization), _optional(person), access[name])
            for name, (organization, person) in owners.items()
        }
    )
    render(page)  # says what a word cannot say of its table
    return page


def _cells(text: str, heading: str, width: int) -> Iterator[tuple[str, ...]]:
    """The rows of the table under a heading, without its head."""
    sections = re.split(r"^## ", text, flags=re.MULTILINE)
    found = [section for section in sections if section.startswith(f"{heading}\n")]
    if len(found) != 1:
        raise PageError(f"one section called {heading} is wanted")
    lines = [line for line in found[0].splitlines() if line.startswith("|")]
    for line in lines[2:]:
        cells = tuple(cell.strip() for cell in line.strip("| ").split("|"))
        if len(cells) != width:
            raise PageError(f"{width} cells are wanted: {line}")
        yield cells


def _once(pairs: Iterable[tuple[Key, tuple[str, ...]]]) -> dict[Key, tuple[str, ...]]:
    found: dict[Key, tuple[str, ...]] = {}
    for key, value in pairs:
        if key in found:
            raise PageError(f"said twice: {key}")
        found[key] = value
    return found


def _access(where: str, verb: str, cell: str, columns_cell: str) -> Access | None:
    words = tuple(cell.split(", "))
    columns = None if columns_cell == "-" else tuple(columns_cell.split(", "))
    if words == ("nobody",):
        if columns is not None:
            raise PageError(f"{where}: columns for nobody")
        return None
    said = words[1:] if words[0] == "lock" and verb == "update" else words
    if not said or len(set(said)) != len(said) or not set(said) <= WORDS.keys():
        raise PageError(f"{where}: {cell}")
    if columns is not None and (len(set(columns)) != len(columns) or not all(map(_NAME.fullmatch, columns))):
        raise PageError(f"{where}: {columns_cell}")
    return Access(words, columns)


def _optional(cell: str) -> str | None:
    if cell != "-" and not _NAME.fullmatch(cell):
        raise PageError(f"no name of a column: {cell}")
    return None if cell == "-" else cell


# Rendering ----------------------------------------------------------------------------------------------------------

_BEGINNING = """\
-- Who may do what, as db/POLICIES.md says it: rendered by `python -m db.policies`. Change the page, and render it into
-- a new migration. Nothing of earlier policies and grants on tables stays.
DO $$
DECLARE
    old record;
BEGIN
    FOR old IN
        SELECT tablename, policyname
        FROM pg_policies
        WHERE schemaname = 'public'
            AND roles && ARRAY[{names}]::name[]
    LOOP
        EXECUTE format('DROP POLICY %I ON %I', old.policyname, old.tablename);
    END LOOP;
    FOR old IN
        SELECT tablename
        FROM pg_tables
        WHERE schemaname = 'public'
            AND tablename NOT LIKE 'pgqueuer%'
    LOOP
        EXECUTE format('REVOKE ALL ON %I FROM {roles}', old.tablename);
    END LOOP;
END
$$;
"""


def render(page: Page) -> str:
    """SQL that replaces all policies and grants of the servers' roles on our tables, in the page's order."""
    blocks = [
        _BEGINNING.format(names=", ".join(f"'{role}'" for role in ROLES.values()), roles=", ".join(ROLES.values()))
    ]
    for table in page.tables.values():
        lines = [line for (role, verb), access in table.access.items() for line in _rule(table, role, verb, access)]
        if lines:
            blocks.append("\n".join([f"-- {table.name} ".ljust(_LINE, "-"), *lines]) + "\n")
    return "\n".join(blocks)


def _rule(table: Table, role: str, verb: str, access: Access) -> Iterator[str]:
    command, login = _COMMANDS[verb], ROLES[role]
    yield from _grant(table, command, login, access.columns)
    yield f"CREATE POLICY {role}_{verb} ON {table.name} FOR {command} TO {login}"
    old, new = _conditions(table, verb, access.words)
    clauses = [f"    {name} ({said})" for name, said in (("USING", old), ("WITH CHECK", new)) if said is not None]
    yield "\n".join(clauses) + ";"


def _conditions(table: Table, verb: str, words: tuple[str, ...]) -> tuple[str | None, str | None]:
    """What a row must be for the verb to find it, and what it must be afterwards."""
    said = " OR ".join(WORDS[word](table, verb) for word in words if word != "lock")
    return {
        "read": (said, None),
        "insert": (None, said),
        "update": ("true" if words[0] == "lock" else said, said),
        "delete": (said, None),
    }[verb]


def _grant(table: Table, command: str, login: str, columns: tuple[str, ...] | None) -> Iterator[str]:
    if columns is None:
        yield f"GRANT {command} ON {table.name} TO {login};"
        return
    yield f"GRANT {command} ("
    line = "   "
    for column in columns:
        word = f" {column}," if column != columns[-1] else f" {column}"
        if len(line + word) > _LINE:
            yield line
            line = "   "
        line += word
    yield line
    yield f") ON {table.name} TO {login};"


def page_text() -> str:
    return resources.files("db").joinpath("POLICIES.md").read_text("utf-8")


if __name__ == "__main__":
    sys.stdout.write(render(read_page(page_text())))
