"""`schema.sql`: what pg_dump says of a migrated database, in the order in which a person reads it.

Rules:
- Tables come in the order of SCHEMA.md, each with all that is its own: keys, rules, indexes, triggers, policies,
  grants. Functions follow, each with its grants; the queue's own objects are last.
- Nothing is left out. The same grant on many columns is said once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from db.plain_sql import WIDTH, folded, plain

HEADER = """\
-- The database as the migrations make it, for reading: what SCHEMA.md and POLICIES.md tell, to the letter.
-- `make schema` writes this page; a test holds it to the migrations. liveconvo_owner runs them and owns all of it."""
_HEAD = re.compile(r"^--\n-- Name: (.+); Type: ([A-Z ]+); Schema: .*\n--\n", re.MULTILINE)
_END = "--\n-- PostgreSQL database dump complete"
_KINDS = ("TABLE", "SEQUENCE", "SEQUENCE OWNED BY", "DEFAULT", "CONSTRAINT", "FK CONSTRAINT", "ROW SECURITY", "INDEX",
          "TRIGGER", "POLICY")  # fmt: skip
_CONSTRAINT = re.compile(r"ALTER TABLE \w+\n    ADD (CONSTRAINT \w+ (PRIMARY|UNIQUE|FOREIGN|EXCLUDE)\b.+);", re.DOTALL)
_GRANT = re.compile(r"GRANT (.+) ON TABLE (\w+) TO (\w+);")


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    kind: str
    text: str

    @property
    def home(self) -> str:
        """The table or function that it belongs to."""
        if self.kind == "INDEX" or "AS IDENTITY" in self.text:
            return re.split(r" (?:ON|TABLE) ", self.text)[1].split()[0]
        return re.split(r"[ .(]", re.sub(r"^(TABLE|COLUMN|SEQUENCE|FUNCTION) ", "", self.name))[0]

    @property
    def place(self) -> str:
        if "pgqueuer" in self.home:
            return "queue"
        return "functions" if self.kind == "FUNCTION" or self.name.startswith("FUNCTION ") else "tables"


def readable(dump: str, page: str) -> str:
    """`pg_dump --schema-only --no-owner` in a reader's order; `page` is SCHEMA.md."""
    entries = _entries(dump)
    places = {place: [entry for entry in entries if entry.place == place] for place in ("tables", "functions", "queue")}
    parts = [HEADER]
    for heading, tables in _order(page, {entry.home: None for entry in places["tables"]}).items():
        parts += [_heading(heading), *(_home(places["tables"], table) for table in tables)]
    for place in ("functions", "queue"):
        homes = dict.fromkeys(entry.home for entry in places[place])
        parts += [_heading(place.capitalize()), *(_home(places[place], home) for home in homes)]
    return "\n\n".join(parts) + "\n"


def _entries(dump: str) -> list[_Entry]:
    _, *parts = _HEAD.split(dump.partition(_END)[0])
    triples = zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    return [_Entry(name, kind, plain(text.strip("\n"))) for name, kind, text in triples]


def _order(page: str, tables: dict[str, None]) -> dict[str, list[str]]:
    """The headings of the page with those tables that are there; what the page does not know comes last."""
    order: dict[str, list[str]] = {}
    for level, name in re.findall(r"^(##|###) `?([^`\n]+)`?$", page, re.MULTILINE):
        if level == "##":
            order[name] = []
        elif name in tables:
            order[[*order][-1]].append(name)
    described = {table for names in order.values() for table in names}
    order["Not described"] = [table for table in tables if table not in described]
    return {heading: names for heading, names in order.items() if names}


def _home(entries: Sequence[_Entry], home: str) -> str:
    """All of one table, or of one function, with an empty line between kinds."""
    own = [entry for entry in entries if entry.home == home]
    keys = [found for entry in own if (found := _CONSTRAINT.fullmatch(entry.text))]
    paragraphs: dict[str, list[str]] = {kind: [] for kind in _KINDS}
    for entry in own:
        if entry.kind == "TABLE":
            paragraphs["TABLE"].append(_with_keys(entry.text, keys))
        elif entry.kind != "ACL" and not _CONSTRAINT.fullmatch(entry.text):
            # Row security stands with its table.
            kind = "TABLE" if entry.kind == "ROW SECURITY" else entry.kind
            paragraphs.setdefault(kind, []).append(_conditions_apart(entry.text))
    grants = _merged([line for entry in own if entry.kind == "ACL" for line in entry.text.splitlines()])
    return "\n\n".join("\n".join(map(folded, lines)) for lines in (*paragraphs.values(), grants) if lines)


def _with_keys(table: str, keys: Sequence[re.Match[str]]) -> str:
    """The table's keys within its brackets, before its rules; the primary one first."""
    head, end, tail = table.partition("\n);")
    first, *lines = [line.rstrip(",") for line in head.splitlines()]
    ordered = sorted(keys, key=lambda key: ("PRIMARY", "UNIQUE", "EXCLUDE", "FOREIGN").index(key[2]))
    rules = [line for line in lines if line.startswith("    CONSTRAINT ")]
    columns = [line for line in lines if line not in rules]
    return (
        f"{first}\n"
        + ",\n".join([*columns, *(f"    {key[1]}" for key in ordered), *rules])
        + end
        + tail.replace("\n\n", "\n")
    )


def _conditions_apart(statement: str) -> str:
    """A long policy with each of its conditions on a line of its own."""
    return statement if len(statement) <= WIDTH else re.sub(r" (USING|WITH CHECK) (?=\()", r"\n    \1 ", statement)


def _merged(grants: Sequence[str]) -> list[str]:
    """One line for all rights to a whole table, one for each right to some of its columns."""
    lines: dict[str, str] = {}
    rights: dict[tuple[str, str, str], list[str]] = {}
    for grant in grants:
        if (found := _GRANT.fullmatch(grant)) is None:
            lines[grant] = grant
            continue
        granted, table, role = found.groups()
        for right, column in re.findall(r"(\w+)(?:\((\w+)\))?", granted):
            rights.setdefault((role, table, right if column else ""), []).append(column or right)
    for (role, table, right), names in sorted(rights.items(), key=lambda item: item[0][0]):
        what = f"{right} ({', '.join(names)})" if right else ", ".join(names)
        lines[f"{role} {right}"] = f"GRANT {what} ON {table} TO {role};"
    return [*lines.values()]


def _heading(name: str) -> str:
    return f"-- {name} ".ljust(WIDTH, "-")
