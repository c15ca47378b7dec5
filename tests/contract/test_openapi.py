"""The API's description: well formed, complete, and true to the routes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import openapi_spec_validator
import pytest

from control_api import errors
from control_api.errors import PROBLEM_JSON
from control_api.http import View
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
        assert bool(operation_of(document, route)["security"]) == (route.policy is not Policy.PUBLIC)


def test_the_public_routes_are_these_and_no_others() -> None:
    assert {f"{route.method} {route.path}" for route in ROUTES if route.policy is Policy.PUBLIC} == {
        "POST /v1/auth/links/redeem",
        "GET /v1/auth/google",
        "GET /v1/auth/options",
        "GET /v1/auth/google/callback",
        "POST /v1/auth/password/forgot",
        "POST /v1/auth/password/reset",
        "POST /v1/auth/sign-in",
        "POST /v1/auth/sign-up",
        "POST /v1/auth/verify",
        "POST /v1/auth/verify-email",
        "GET /v1/invitations/{token}",
        "POST /v1/invitations/{token}/decline",
        "GET /v1/shared/{token}",
        "POST /v1/waitlist",
        "GET /v1/invites/{token}",
        "POST /v1/invites/{token}/join",
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
    }


def test_answers_tell_the_fields_that_they_name_and_no_other() -> None:
    """What is not a field of a view is not in an answer, whatever the record it is filled from has (T03)."""
    views = {route.response for route in DESCRIBED if route.response is not None}
    assert views
    for view in views:
        assert issubclass(view, View)
        assert view.model_config.get("extra") == "ignore"


def test_bodies_name_every_field_they_take(document: dict[str, Any]) -> None:
    for route in DESCRIBED:
        if route.body is not None:
            assert document["components"]["schemas"][route.body.__name__]["additionalProperties"] is False


def test_every_code_has_one_status() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.Refusal)]
    statuses = {kind.code: kind.status for kind in kinds}
    assert all(statuses[kind.code] == kind.status for kind in kinds)
    assert all(kind.__doc__ for kind in kinds)


def test_a_validator_finds_nothing(document: dict[str, Any]) -> None:
    openapi_spec_validator.validate(document)


@pytest.mark.parametrize("route", DESCRIBED, ids=lambda route: f"{route.method} {route.path}")
def test_every_body_has_an_example_that_it_takes(document: dict[str, Any], route: Route) -> None:
    if route.body is None:
        return
    schema = document["components"]["schemas"][route.body.__name__]
    of_fields = {name: part["examples"][0] for name, part in schema["properties"].items() if "examples" in part}
    for example in schema.get("examples", [of_fields]):
        assert route.body.model_validate_json(json.dumps(example))


@pytest.mark.parametrize("route", DESCRIBED, ids=lambda route: f"{route.method} {route.path}")
def test_whatever_is_refused_is_a_problem_document(document: dict[str, Any], route: Route) -> None:
    responses = operation_of(document, route)["responses"]
    assert "500" in responses
    for status, response in responses.items():
        if status >= "400":
            assert response["content"] == {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}


def test_what_is_asked_for_to_sign_in_is_described(document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]
    asked = {name for route in DESCRIBED for choice in operation_of(document, route)["security"] for name in choice}
    assert asked == set(schemes)
    assert all(scheme["description"] for scheme in schemes.values())


def test_a_change_has_no_defaults_and_names_something(document: dict[str, Any]) -> None:
    schema = document["components"]["schemas"]["SessionEdit"]
    assert schema["minProperties"] == 1
    assert not any("default" in part for part in schema["properties"].values())


def test_links_lead_from_what_was_made_to_what_can_be_done_with_it(document: dict[str, Any]) -> None:
    made = document["paths"]["/v1/sessions/{id}/checklist"]["post"]["responses"]["201"]["links"]
    assert made["tick_item_of_it"] == {
        "operationId": "tick_item",
        "parameters": {"id": "$request.path.id", "item_id": "$response.body#/id"},
    }
    listed = document["paths"]["/v1/sessions"]["get"]["responses"]["200"]["links"]
    assert listed["join_session_of_it"]["parameters"] == {"id": "$response.body#/items/0/id"}


def test_every_link_names_an_operation_and_its_parameters(document: dict[str, Any]) -> None:
    operations = {operation_of(document, route)["operationId"]: operation_of(document, route) for route in DESCRIBED}
    links = [
        link
        for operation in operations.values()
        for response in operation["responses"].values()
        for link in response.get("links", {}).values()
    ]
    assert len(links) > 50
    for link in links:
        in_path = {part["name"] for part in operations[link["operationId"]]["parameters"] if part["in"] == "path"}
        assert set(link["parameters"]) == in_path
