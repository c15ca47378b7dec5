"""OpenAPI links: which answer names what another operation asks for, so that a program can go from one to the next.

Rules:
- What a POST made is named by its answer's `id`, below the path that made it: `/v1/sessions` leads to all of
  `/v1/sessions/{id}…`, and `/v1/sessions/{id}/checklist` to `/v1/sessions/{id}/checklist/{item_id}`.
- A list leads there by its first item.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from control_api.routing import Route

_ID = re.compile(r"{(\w+)}")


def links_of(route: Route, routes: Sequence[Route]) -> dict[str, Any]:
    """By the name of the operation that is led to."""
    named_at = _where_the_id_is(route)
    if named_at is None:
        return {}
    return {
        f"{other.handler.__name__}_of_it": {
            "operationId": other.handler.__name__,
            "parameters": {**_of_the_path(route), _next_id(route, other): f"$response.body#{named_at}"},
        }
        for other in _below(route, routes)
    }


def _where_the_id_is(route: Route) -> str | None:
    if route.response is None:
        return None
    if route.method == "POST" and route.status == 201:
        return "/id" if "id" in route.response.model_fields else None
    items = route.response.model_fields.get("items")
    if route.method != "GET" or items is None or "id" not in _fields_of_items(items.annotation):
        return None
    return "/items/0/id"


def _fields_of_items(annotation: Any) -> Iterable[str]:
    (item,) = getattr(annotation, "__args__", (None,))
    return getattr(item, "model_fields", {})


def _of_the_path(route: Route) -> dict[str, str]:
    return {name: f"$request.path.{name}" for name in _ID.findall(route.path)}


def _below(route: Route, routes: Sequence[Route]) -> list[Route]:
    """Those that name one more thing than the route does, right after its path."""
    one_more = re.compile(re.escape(route.path) + r"/{\w+}(/[^{]*)?")
    return [other for other in routes if one_more.fullmatch(other.path)]


def _next_id(route: Route, other: Route) -> str:
    names: list[str] = _ID.findall(other.path)
    return names[len(_of_the_path(route))]
