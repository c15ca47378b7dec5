"""The API's description: well formed, complete, and true to the routes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from control_api import errors
from control_api.openapi import describe, refusals
from control_api.routes import ROUTES
from control_api.routing import Policy, Route

DESCRIBED = [route for route in ROUTES if route.is_described]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return describe(ROUTES, "0.1.0")


def operation_of(document: dict[str, Any], route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = document["paths"][route.path][route.method.lower()]
    return operation


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, member in value.items():
            if key == "$ref":
                yield member
            yield from references(member)
    elif isinstance(value, list):
        for member in value:
            yield from references(member)


def test_it_has_what_openapi_3_1_asks_for(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert {"title", "version"} <= set(document["info"])
    for path, operations in document["paths"].items():
        assert path.startswith("/")
        assert set(operations) <= {"get", "post", "put", "patch", "delete"}
        for operation in operations.values():
            assert operation["responses"]
            assert all(re.fullmatch(r"[1-5]\d\d", status) for status in operation["responses"])
            assert all("description" in response for response in operation["responses"].values())


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for reference in references(document):
        assert reference.removeprefix("#/components/schemas/") in document["components"]["schemas"]


def test_every_operation_has_a_name_of_its_own(document: dict[str, Any]) -> None:
    names = [operation_of(document, route)["operationId"] for route in DESCRIBED]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("route", DESCRIBED, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_is_described_with_its_refusals(document: dict[str, Any], route: Route) -> None:
    operation = operation_of(document, route)
    assert operation["summary"]
    assert str(route.status) in operation["responses"]
    for refusal in refusals(route):
        assert f"`{refusal.code}`" in operation["responses"][str(refusal.status)]["description"]


@pytest.mark.parametrize("route", DESCRIBED, ids=lambda route: f"{route.method} {route.path}")
def test_every_parameter_in_a_path_is_described(document: dict[str, Any], route: Route) -> None:
    described = {part["name"] for part in operation_of(document, route).get("parameters", []) if part["in"] == "path"}
    assert described == set(re.findall(r"{(\w+)}", route.path))


def test_what_needs_a_sign_in_says_so(document: dict[str, Any]) -> None:
    for route in DESCRIBED:
        assert bool(operation_of(document, route)["security"]) == (route.policy is Policy.MEMBER)


def test_the_public_routes_are_these_and_no_others() -> None:
    assert {f"{route.method} {route.path}" for route in ROUTES if route.policy is Policy.PUBLIC} == {
        "POST /v1/auth/links/redeem",
        "POST /v1/auth/sign-in",
        "GET /v1/invites/{token}",
        "POST /v1/invites/{token}/join",
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
    }


def test_bodies_name_every_field_they_take(document: dict[str, Any]) -> None:
    for route in DESCRIBED:
        if route.body is not None:
            assert document["components"]["schemas"][route.body.__name__]["additionalProperties"] is False


def test_every_code_has_one_status() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.Refusal)]
    statuses = {kind.code: kind.status for kind in kinds}
    assert all(statuses[kind.code] == kind.status for kind in kinds)
    assert all(kind.__doc__ for kind in kinds)
