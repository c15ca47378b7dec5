"""The API's description, OpenAPI 3.1, generated from the same declarations that the endpoints enforce."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from control_api import errors
from control_api.errors import PROBLEM_JSON, Refusal
from control_api.idempotency import KEY_PATTERN
from control_api.links import links_of
from control_api.routing import Handler, Policy, Route

REF = "#/components/schemas/{model}"
PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457; `code` is stable",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "instance": {"type": "string", "description": "Names the fault in the server's log"},
        "used": {"type": "integer", "description": "With a limit: what is used of it"},
        "limit": {"type": "integer", "description": "With a limit: what it is"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
BODY_REFUSALS = (
    errors.UnreadableBodyError,
    errors.BodyTooSlowError,
    errors.BodyTooLargeError,
    errors.UnsupportedBodyError,
    errors.InvalidBodyError,
)


REPEATED_REFUSALS = (
    errors.BadIdempotencyKeyError,
    errors.RepeatedDifferentlyError,
    errors.RepeatedTooSoonError,
)
ETAG = {"description": "The version of what is shown, for If-Match", "schema": {"type": "string"}}


def describe(routes: Iterable[Route], version: str) -> dict[str, Any]:
    described = [route for route in routes if route.is_described]
    references, definitions = _schemas(described)
    _tell_of_changes(described, definitions)
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for route in described:
        operation = _operation(route, references)
        if links := links_of(route, described):
            operation["responses"][str(route.status)]["links"] = links
        paths[route.path][route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "LiveConvo control API",
            "version": version,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": dict(paths),
        "components": {
            "schemas": {**definitions, "Problem": PROBLEM},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "What signing in answers"},
                "api_key": {"type": "http", "scheme": "bearer", "description": "An organization's key, `lc_…`"},
                "cookie": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "liveconvo_session",
                    "description": "Set by signing in, for pages of this origin; `__Host-liveconvo_session` behind TLS",
                },
            },
        },
    }


def route_for(routes: Iterable[Route], version: str) -> Route:
    """`/openapi.json`, made once."""
    document = orjson.dumps(describe(routes, version), option=orjson.OPT_INDENT_2)
    return Route(
        method="GET",
        path="/openapi.json",
        handler=_serve(document),
        policy=Policy.PUBLIC,
        summary="This description",
        tag="operations",
        is_described=False,
    )


def refusals(route: Route) -> list[type[Refusal]]:
    """What the route may answer instead: what it declares, and what its declarations bring with them."""
    found: list[type[Refusal]] = list(route.errors)
    if route.policy is not Policy.PUBLIC:
        found.append(errors.NotSignedInError)
    if route.policy in {Policy.PERSON, Policy.ADMIN}:
        found.append(errors.NotForProgramsError)
    if route.policy is Policy.ADMIN:
        found.append(errors.AdministratorsOnlyError)
    if route.policy is Policy.MEMBER:
        nowhere = errors.NotFoundError if route.names_something else errors.SetupRequiredError
        found += [nowhere, errors.ScopeError, errors.NoApiAccessError]
    if route.method != "GET":
        found.append(errors.CrossSiteError)
    if route.body is not None:
        found.extend(BODY_REFUSALS)
    if route.takes_idempotency_key:
        found.extend(REPEATED_REFUSALS)
    if route.is_versioned and route.method != "GET":
        found.append(errors.PreconditionError)
    if route.query is not None:
        found.append(errors.InvalidBodyError)
    if route.limit is not None:
        found.append(errors.TooManyRequestsError)
    if route.path.startswith("/v1/"):
        found.append(errors.UnavailableError)
    return sorted(set(found), key=lambda refusal: (refusal.status, refusal.code))


_SECURITY: dict[Policy, list[dict[str, list[str]]]] = {
    Policy.PUBLIC: [],
    Policy.PERSON: [{"bearer": []}, {"cookie": []}],
    Policy.MEMBER: [{"bearer": []}, {"cookie": []}, {"api_key": []}],
    Policy.ADMIN: [{"bearer": []}, {"cookie": []}],
}
References = dict[tuple[type[BaseModel], JsonSchemaMode], dict[str, Any]]


def _schemas(routes: list[Route]) -> tuple[References, dict[str, Any]]:
    inputs = {model for route in routes for model in (route.body, route.query) if model}
    outputs = {route.response for route in routes if route.response}
    wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        *((model, "validation") for model in sorted(inputs, key=lambda model: model.__name__)),
        *((model, "serialization") for model in sorted(outputs, key=lambda model: model.__name__)),
    ]
    references, schema = models_json_schema(wanted, ref_template=REF)
    by_model = {(model, mode): references[(model, mode)] for model, mode in wanted}
    return by_model, schema.get("$defs", {})


def _tell_of_changes(routes: list[Route], definitions: dict[str, Any]) -> None:
    """In the body of a PATCH what is left out stays, so nothing has a default; and something is to be named."""
    for route in routes:
        if route.method == "PATCH" and route.body is not None:
            schema = definitions[route.body.__name__]
            for part in schema["properties"].values():
                part.pop("default", None)
            if errors.NothingToChangeError in route.errors:
                schema["minProperties"] = 1


def _operation(route: Route, references: References) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.handler.__name__,
        "summary": route.summary,
        "tags": [route.tag],
        "security": _SECURITY[route.policy],
        "responses": _responses(route, references),
    }
    parameters = [*_path_parameters(route), *_query_parameters(route), *_header_parameters(route)]
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        schema = references[(route.body, "validation")]
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    if route.upload:
        content = {media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in route.upload}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _responses(route: Route, references: References) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": HTTPStatus(route.status).phrase}
    if route.response is not None:
        answer["content"] = {"application/json": {"schema": references[(route.response, "serialization")]}}
    if route.media_types:
        answer["content"] = {media_type: {"schema": _file_schema(media_type)} for media_type in route.media_types}
    if route.is_versioned and route.response is not None:
        answer["headers"] = {"ETag": ETAG}
    responses: dict[str, Any] = {str(route.status): answer}
    for status in route.also:
        told = {"description": HTTPStatus(status).phrase}
        responses[str(status)] = told if status == HTTPStatus.NO_CONTENT else answer | told
    by_status: dict[int, list[type[Refusal]]] = defaultdict(list)
    for refusal in refusals(route):
        by_status[refusal.status].append(refusal)
    for status, kinds in by_status.items():
        responses[str(status)] = _problem("; ".join(f"`{kind.code}`: {_sentence(kind)}" for kind in kinds))
    responses["500"] = _problem("`internal_error`: Something failed on our side.")
    return responses


def _file_schema(media_type: str) -> dict[str, Any]:
    return {"type": "object"} if media_type == "application/json" else {"type": "string"}


def _problem(description: str) -> dict[str, Any]:
    schema = {"$ref": REF.format(model="Problem")}
    return {"description": description, "content": {PROBLEM_JSON: {"schema": schema}}}


def _sentence(kind: type[Refusal]) -> str:
    return (kind.__doc__ or "").strip()


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    names = re.findall(r"{(\w+)}", route.path)
    return [{"name": name, "in": "path", "required": True, "schema": _path_schema(name)} for name in names]


def _path_schema(name: str) -> dict[str, Any]:
    return {"type": "string"} if name == "token" else {"type": "string", "format": "uuid"}


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    schema = route.query.model_json_schema(mode="validation")
    return [
        {"name": name, "in": "query", "required": name in schema.get("required", []), "schema": part}
        for name, part in schema["properties"].items()
    ]


def _header_parameters(route: Route) -> list[dict[str, Any]]:
    found = []
    if route.takes_idempotency_key:
        found.append(
            _header(
                "Idempotency-Key",
                "Random, one for each thing to be done: the same request with the same key within a day is carried out"
                " once and answered alike",
                pattern=f"^{KEY_PATTERN}$",
            )
        )
    if route.is_versioned and route.method != "GET":
        found.append(_header("If-Match", "The ETag that was read: what was changed since is not overwritten"))
    return found


def _header(name: str, description: str, **schema: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string", **schema},
    }


def _serve(document: bytes) -> Handler:
    async def get_description(request: web.Request) -> web.Response:
        return web.Response(body=document, content_type="application/json", headers={"Cache-Control": "no-cache"})

    return get_description
