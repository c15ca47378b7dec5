"""The routes of an organization's API keys."""

from __future__ import annotations

from control_api import errors, limits
from control_api.api_keys import handlers as api_keys
from control_api.api_keys.models import ApiKeyList, ApiKeyMade, NewApiKey
from control_api.routing import Policy, Route

PERSON = Policy.PERSON

API_KEYS = (
    Route(
        method="POST",
        path="/v1/api-keys",
        handler=api_keys.create_api_key,
        policy=PERSON,
        summary="A key by which a program acts for oneself in the current organization; shown once",
        tag="api keys",
        status=201,
        body=NewApiKey,
        response=ApiKeyMade,
        errors=(errors.SetupRequiredError, errors.NoApiAccessError),
        limit=limits.API_KEYS,
    ),
    Route(
        method="GET",
        path="/v1/api-keys",
        handler=api_keys.list_api_keys,
        policy=PERSON,
        summary="One's own keys, and everybody's for owners and admins",
        tag="api keys",
        response=ApiKeyList,
        errors=(errors.SetupRequiredError,),
    ),
    Route(
        method="DELETE",
        path="/v1/api-keys/{id}",
        handler=api_keys.revoke_api_key,
        policy=PERSON,
        summary="Revoke a key, at once and for good",
        tag="api keys",
        status=204,
        errors=(errors.NotFoundError, errors.SetupRequiredError),
    ),
)
