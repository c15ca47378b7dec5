"""One's own account: onboarding, profile, where one works, where one is signed in."""

from __future__ import annotations

from typing import Any, cast

from aiohttp import web

from control_api.access import as_person
from control_api.accounts.models import (
    CurrentOrganization,
    DevicePage,
    DeviceView,
    Onboarding,
    ProfileChange,
    ProfileView,
    SignedInPerson,
)
from control_api.auth import clear_cookie, credential, person
from control_api.errors import InvalidBodyError, NotSignedInError
from control_api.etags import check_if_match, respond_tagged
from control_api.http import body, from_cursor, path_id, query, respond, to_cursor
from control_api.paging import Page
from control_api.state import state
from control_api.tokens import token_hash
from db import accounts, devices, users
from db.pool import Connection


async def onboard(request: web.Request) -> web.Response:
    """An organization of one's own, on the free plan; a second click finds what the first one made."""
    sent = body(request, Onboarding)
    name = sent.organization_name or f"{person(request).full_name or person(request).email}'s organization"
    async with as_person(request) as conn:
        await users.onboard(conn, name[:255], sent.timezone)
        return respond(SignedInPerson.of(await _again(request, conn)))


async def switch_organization(request: web.Request) -> web.Response:
    sent = body(request, CurrentOrganization)
    async with as_person(request) as conn:
        await users.switch_organization(conn, sent.organization_id)
        return respond(SignedInPerson.of(await _again(request, conn)))


async def get_profile(request: web.Request) -> web.Response:
    async with as_person(request) as conn:
        profile = await users.get_profile(conn, person(request).user_id)
    return respond_tagged(ProfileView.model_validate(profile))


async def update_profile(request: web.Request) -> web.Response:
    changes: dict[str, Any] = body(request, ProfileChange).model_dump(exclude_unset=True)
    if not changes or changes.get("timezone", "") is None:
        raise InvalidBodyError("There is nothing to change." if not changes else "A time zone cannot be emptied.")
    user_id = person(request).user_id
    async with as_person(request) as conn:
        check_if_match(request, ProfileView.model_validate(await users.hold_profile(conn, user_id)))
        changed = await users.update_profile(conn, user_id, cast("users.ProfileChanges", changes))
    return respond_tagged(ProfileView.model_validate(changed))


async def list_devices(request: web.Request) -> web.Response:
    wanted = query(request, Page)
    who = person(request)
    async with as_person(request) as conn:
        found = await devices.list_devices(conn, who.user_id, limit=wanted.limit + 1, before=from_cursor(wanted.cursor))
    page = found[: wanted.limit]
    views = [
        DeviceView(
            id=each.id,
            is_current=each.id == who.app_session_id,
            device_type=each.device_type,
            browser=each.browser,
            os=each.os,
            ip_address=each.ip_address,
            started_at=each.started_at,
            last_activity_at=each.last_activity_at,
        )
        for each in page
    ]
    has_more = len(found) > len(page)
    return respond(
        DevicePage(devices=views, next_cursor=to_cursor(page[-1].started_at, page[-1].id) if has_more else None)
    )


async def end_device(request: web.Request) -> web.Response:
    """Signed out at its next request."""
    device_id, who = path_id(request), person(request)
    async with as_person(request) as conn:
        await devices.end_device(conn, who.user_id, device_id)
    response = respond(None)
    if device_id == who.app_session_id:
        clear_cookie(response, state(request).settings)
    return response


async def _again(request: web.Request, conn: Connection) -> accounts.Person:
    """The one who acts, as they are now."""
    token, _ = credential(request)
    who = await accounts.authenticate_person(conn, token_hash(token))
    if who is None:
        raise NotSignedInError
    return who
