"""SQL as pg_dump writes it, in fewer words and shorter lines; for reading, not for running."""

from __future__ import annotations

import re

WIDTH = 120
_WORDS = (
    (r"\bpublic\.", ""),
    # Casts of a literal or a column to its own kind.
    (r"'::(?:character varying|text)\b(?!\[)", "'"),
    (r"\(((?:\w+\.)?\w+)\)::(?:text|numeric)\b(?!\[)", r"\1"),
    (r"= ANY \(\(ARRAY\[([^]]+)\]\)::text\[\]\)", r"IN (\1)"),
    (r"= ANY \(ARRAY\[('[^]]+)\]\)", r"IN (\1)"),
    (r"\( SELECT (\w+\(\)) AS \w+\)", r"(SELECT \1)"),
    (r"\bcharacter varying\b", "varchar"),
    (r"\btimestamp with time zone\b", "timestamptz"),
    (r"\btimestamp without time zone\b", "timestamp"),
    (r" ~~ ", " LIKE "),
    (r" USING btree ", " "),
    (r"\bALTER TABLE ONLY ", "ALTER TABLE "),
    # No two functions have the same name.
    (r"( ON FUNCTION \w+)\(.*\)(?= (?:FROM|TO) )", r"\1"),
)
_BRACKETED = re.compile(r"\b(?:CHECK|USING|WHEN|WHERE) \(")
_PART = re.compile(r"'[^']*'|[()]")
_BREAK = re.compile(r"(?<=,) | (?=(?:REFERENCES|ON DELETE|FOR EACH|EXECUTE|WHERE|AND|OR|TO) )")


def plain(statement: str) -> str:
    """A statement in fewer words; what the author of a function wrote stays as it is."""
    head, quote, body = statement.partition("\n    AS $")
    for pattern, shorter in _WORDS:
        head = re.sub(pattern, shorter, head)
    return _without_brackets(head) + quote + body


def folded(statement: str) -> str:
    """A statement without long lines; the bodies of functions stay as they are."""
    head, quote, body = statement.partition("\n    AS $")
    return "\n".join(map(_folded_line, head.split("\n"))) + quote + body


def _without_brackets(text: str) -> str:
    """Without the brackets that stand around the whole of an expression that is bracketed already."""
    at = 0
    while (found := _BRACKETED.search(text, at)) is not None:
        at = opened = found.end() - 1
        closed = _closing(text, opened)
        while text[opened + 1] == "(" and _closing(text, opened + 1) == closed - 1:
            text = text[:opened] + text[opened + 1 : closed] + text[closed + 1 :]
            closed -= 2
        at += 1
    return text


def _closing(text: str, opened: int) -> int:
    """Where the bracket is closed that is opened there; brackets within literals do not count."""
    depth = 0
    for part in _PART.finditer(text, opened):
        depth += {"(": 1, ")": -1}.get(part[0], 0)
        if depth == 0:
            return part.start()
    raise ValueError(f"a bracket is never closed: {text}")


def _folded_line(line: str) -> str:
    if len(line) <= WIDTH:
        return line
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    first, *rest = _BREAK.split(line)
    lines = [first]
    for part in rest:
        if len(lines[-1]) + 1 + len(part) <= WIDTH:
            lines[-1] += f" {part}"
        else:
            lines.append(indent + part)
    return "\n".join(lines)
