"""The web client's documents are those of the description; pytest says how to make them anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from control_api.typescript import type_of, typescript

GENERATED = Path(__file__).parents[2] / "web_client" / "src" / "lib" / "api_types.ts"


def test_the_file_is_current() -> None:
    assert GENERATED.read_text() == typescript(), (
        "stale: run `.venv/bin/python -m control_api.typescript > web_client/src/lib/api_types.ts`"
    )


@pytest.mark.parametrize(("schema", "type_"), [
    ({"type": "string", "format": "uuid"}, "string"),
    ({"anyOf": [{"type": "integer"}, {"type": "number"}, {"type": "null"}]}, "number | null"),
    ({"type": "array", "items": {"enum": ["a", "b"]}}, 'readonly ("a" | "b")[]'),
    ({"type": "object", "additionalProperties": {"type": "integer"}}, "Readonly<Record<string, number>>"),
    ({"$ref": "#/components/schemas/SessionView"}, "SessionView"),
    ({"const": "ok"}, '"ok"'),
    ({"description": "anything"}, "unknown"),
])  # fmt: skip
def test_a_schema_has_a_type(schema: dict[str, object], type_: str) -> None:
    assert type_of(schema) == type_


def test_what_is_not_known_is_an_error() -> None:
    with pytest.raises(ValueError, match="no TypeScript"):
        type_of({"type": "tuple"})
