"""The API's documents as TypeScript: `python -m control_api.typescript > web_client/src/lib/api_types.ts`.

Every schema of the description becomes one exported interface; of JSON Schema it knows what pydantic writes. What is
answered is readonly; a field with a default may be left out of a body and is always there in an answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from control_api.openapi import describe
from control_api.routes import ROUTES

HEAD = """// Made by `.venv/bin/python -m control_api.typescript > web_client/src/lib/api_types.ts`; not to be edited.
/** The documents of the control API. */
"""
_NAME = re.compile(r"[A-Za-z_$][\w$]*")
_PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def typescript() -> str:
    schemas = describe(ROUTES, "")["components"]["schemas"]
    return HEAD + "".join(_declared(name, schemas[name]) for name in sorted(schemas))


def _declared(name: str, schema: Mapping[str, Any]) -> str:
    comment = _comment(schema, "")
    if schema.get("type") != "object" or "properties" not in schema:
        return f"\n{comment}export type {_plain(name)} = {type_of(schema)};\n"
    required = set(schema.get("required", []))
    fields = "".join(
        f"{_comment(part, '  ')}  readonly {_field(field)}{'' if field in required else '?'}: {type_of(part)};\n"
        for field, part in schema["properties"].items()
    )
    return f"\n{comment}export interface {_plain(name)} {{\n{fields}}}\n"


def type_of(schema: Mapping[str, Any] | bool) -> str:
    """One line of TypeScript.

    Raises:
        ValueError: a kind of schema that is not known here.
    """
    if isinstance(schema, bool) or not schema.keys() & _KINDS:
        return "unknown"
    if "$ref" in schema:
        return _plain(schema["$ref"].rpartition("/")[2])
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return " | ".join(dict.fromkeys(type_of(part) for part in schema[union]))
    return _of_kind(schema)


_KINDS = frozenset({"$ref", "const", "enum", "anyOf", "oneOf", "type"})


def _of_kind(schema: Mapping[str, Any]) -> str:
    kind = schema["type"]
    if kind == "array":
        if "prefixItems" in schema:
            return f"readonly [{', '.join(type_of(part) for part in schema['prefixItems'])}]"
        item = type_of(schema.get("items", True))
        return f"readonly ({item})[]" if " " in item else f"readonly {item}[]"
    if kind == "object":
        if "properties" in schema:
            required = set(schema.get("required", []))
            fields = (
                f"readonly {_field(name)}{'' if name in required else '?'}: {type_of(part)}"
                for name, part in schema["properties"].items()
            )
            return f"{{ {'; '.join(fields)} }}"
        return f"Readonly<Record<string, {type_of(schema.get('additionalProperties', True))}>>"
    if kind not in _PLAIN:
        raise ValueError(f"no TypeScript for a schema of type {kind!r}")
    return _PLAIN[kind]


def _comment(schema: Mapping[str, Any], indent: str) -> str:
    said = " ".join(schema.get("description", "").split()).replace("*/", "* /")
    return f"{indent}/** {said} */\n" if said else ""


def _field(name: str) -> str:
    return name if _NAME.fullmatch(name) else json.dumps(name)


def _plain(name: str) -> str:
    return re.sub(r"\W", "_", name)


if __name__ == "__main__":
    print(typescript(), end="")  # noqa: T201
