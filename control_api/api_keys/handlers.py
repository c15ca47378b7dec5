"""Making, listing and revoking API keys; keys themselves cannot."""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web

from control_api.access import as_person
from control_api.api_keys.models import ApiKeyList, ApiKeyMade, ApiKeyView, NewApiKey
from control_api.auth import KEY_PREFIX, current_organization, person
from control_api.errors import InvalidBodyError, NoApiAccessError
from control_api.http import body, path_id, respond
from control_api.tokens import new_token, token_hash
from db import api_keys, usage

SHOWN_CHARACTERS = len(KEY_PREFIX) + 8


async def create_api_key(request: web.Request) -> web.Response:
    sent = body(request, NewApiKey)
    if sent.expires_at is not None and sent.expires_at <= datetime.now(UTC):
        raise InvalidBodyError(errors=[{"field": "expires_at", "message": "must be later than now"}])
    key = KEY_PREFIX + new_token()
    organization_id = current_organization(request)
    async with as_person(request) as conn:
        if not (await usage.my_plan_usage(conn, organization_id)).has_api_access:
            raise NoApiAccessError
        made = await api_keys.insert_key(
            conn,
            key_hash=token_hash(key),
            key_prefix=key[:SHOWN_CHARACTERS],
            name=sent.name,
            user_id=person(request).user_id,
            organization_id=organization_id,
            scopes=sorted(set(sent.scopes)),
            expires_at=sent.expires_at,
        )
    view = ApiKeyView.model_validate(made)
    return respond(ApiKeyMade(**view.model_dump(), key=key), 201)


async def list_api_keys(request: web.Request) -> web.Response:
    """One's own, and everybody's for owners and admins; void ones too."""
    async with as_person(request) as conn:
        found = await api_keys.list_keys(conn, current_organization(request))
    return respond(ApiKeyList(api_keys=[ApiKeyView.model_validate(each) for each in found]))


async def revoke_api_key(request: web.Request) -> web.Response:
    async with as_person(request) as conn:
        await api_keys.revoke_key(conn, current_organization(request), path_id(request))
    return respond(None)
