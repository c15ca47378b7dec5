"""Webhooks of an organization, for its owner and admins."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

from aiohttp import web

from control_api.access import as_member, manager_of
from control_api.auth import member
from control_api.errors import NothingToChangeError, WebhookUrlError
from control_api.etags import check_if_match, respond_tagged
from control_api.http import body, from_cursor, path_id, query, respond, to_cursor
from control_api.state import state
from control_api.webhooks.destinations import RefusedUrlError, parsed_url
from control_api.webhooks.events import DESCRIPTIONS
from control_api.webhooks.models import (
    AttemptView,
    DeliveryDetail,
    DeliveryPage,
    DeliveryQuery,
    DeliveryView,
    EventTypeList,
    EventTypeView,
    NewWebhook,
    Replay,
    Replayed,
    SecretRotation,
    Status,
    WebhookEdit,
    WebhookList,
    WebhookMade,
    WebhookView,
)
from control_api.webhooks.signing import message_id, new_secret, shown
from db import audit, webhook_log, webhooks
from db.webhook_log import WebhookDelivery
from db.webhooks import EndpointChanges, WebhookEndpoint


async def list_event_types(_request: web.Request) -> web.Response:
    items = [
        EventTypeView(type=name, description=description, data=list(fields))
        for name, (description, fields) in DESCRIPTIONS.items()
    ]
    return respond(EventTypeList(items=items))


async def create_webhook(request: web.Request) -> web.Response:
    organization_id = path_id(request)
    sent = body(request, NewWebhook)
    secret = new_secret()
    async with as_member(request) as conn:
        await manager_of(conn, member(request), organization_id)
        _check(request, sent.url)
        made = await webhooks.insert_endpoint(
            conn,
            organization_id=organization_id,
            url=sent.url,
            signing_secret=state(request).mail.sealer.seal(secret),
            event_types=sorted(set(sent.event_types)),
            created_by=member(request).user_id,
        )
    return respond(WebhookMade(**_view(made).model_dump(), secret=shown(secret)), 201)


async def list_webhooks(request: web.Request) -> web.Response:
    organization_id = path_id(request)
    async with as_member(request) as conn:
        await manager_of(conn, member(request), organization_id)
        found = await webhooks.list_endpoints(conn, organization_id)
    return respond(WebhookList(items=[_view(each) for each in found]))


async def get_webhook(request: web.Request) -> web.Response:
    organization_id, endpoint_id = path_id(request), path_id(request, "webhook_id")
    async with as_member(request) as conn:
        await manager_of(conn, member(request), organization_id)
        found = await webhooks.get_endpoint(conn, organization_id, endpoint_id)
    return respond_tagged(_view(found))


async def update_webhook(request: web.Request) -> web.Response:
    """Whoever changes it has looked at it: it begins anew, as one that never failed."""
    organization_id, endpoint_id = path_id(request), path_id(request, "webhook_id")
    changes = body(request, WebhookEdit).model_dump(exclude_unset=True)
    if not changes:
        raise NothingToChangeError
    if "event_types" in changes:
        changes["event_types"] = sorted(set(changes["event_types"]))
    async with as_member(request) as conn:
        await manager_of(conn, member(request), organization_id)
        before = await webhooks.lock_endpoint(conn, organization_id, endpoint_id)
        check_if_match(request, _view(before))
        if "url" in changes:
            _check(request, changes["url"])
        after = await webhooks.update_endpoint(conn, organization_id, endpoint_id, cast("EndpointChanges", changes))
    return respond_tagged(_view(after))


async def delete_webhook(request: web.Request) -> web.Response:
    organization_id, endpoint_id = path_id(request), path_id(request, "webhook_id")
    async with as_member(request) as conn:
        await manager_of(conn, member(request), organization_id)
        await webhooks.delete_endpoint(conn, organization_id, endpoint_id)
    return respond(None)


async def rotate_webhook_secret(request: web.Request) -> web.Response:
    organization_id, endpoint_id = path_id(request), path_id(request, "webhook_id")
    overlap = timedelta(hours=body(request, SecretRotation).overlap_hours)
    secret = new_secret()
    async with as_member(request) as conn:
        await manager_of(conn, member(request), organization_id)
        sealed = state(request).mail.sealer.seal(secret)
        changed = await webhooks.rotate_secret(conn, organization_id, endpoint_id, sealed, overlap)
        details = {"overlap_hours": round(overlap / timedelta(hours=1))}
        await audit.write(conn, organization_id, "webhook_endpoints.secret_rotated", endpoint_id, details)
    return respond(WebhookMade(**_view(changed).model_dump(), secret=shown(secret)))


async def send_test_event(request: web.Request) -> web.Response:
    """Sent as everything else, by the worker: what became of it is read from its delivery."""
    organization_id, endpoint_id = path_id(request), path_id(request, "webhook_id")
    async with as_member(request) as conn:
        await manager_of(conn, member(request), organization_id)
        made = await webhook_log.insert_test(conn, organization_id, endpoint_id)
    return respond(_delivery(made), 202)


async def list_webhook_deliveries(request: web.Request) -> web.Response:
    organization_id, endpoint_id = path_id(request), path_id(request, "webhook_id")
    asked = query(request, DeliveryQuery)
    before = from_cursor(asked.cursor)
    async with as_member(request) as conn:
        await manager_of(conn, member(request), organization_id)
        await webhooks.get_endpoint(conn, organization_id, endpoint_id)
        rows = await webhook_log.list_deliveries(
            conn, organization_id, endpoint_id, status=asked.status, limit=asked.limit + 1, before=before
        )
    page = rows[: asked.limit]
    more = to_cursor(page[-1].created_at, page[-1].id) if len(rows) > len(page) else None
    return respond(DeliveryPage(items=[_delivery(row) for row in page], next_cursor=more))


async def get_webhook_delivery(request: web.Request) -> web.Response:
    organization_id, endpoint_id = path_id(request), path_id(request, "webhook_id")
    async with as_member(request) as conn:
        await manager_of(conn, member(request), organization_id)
        found = await webhook_log.get_delivery(conn, organization_id, endpoint_id, path_id(request, "delivery_id"))
    attempts = [AttemptView.model_validate(attempt) for attempt in found.attempt_log]
    return respond(DeliveryDetail(**_delivery(found).model_dump(), log=attempts))


async def replay_webhook_delivery(request: web.Request) -> web.Response:
    organization_id, endpoint_id = path_id(request), path_id(request, "webhook_id")
    async with as_member(request) as conn:
        await manager_of(conn, member(request), organization_id)
        due = await webhook_log.replay_delivery(conn, organization_id, endpoint_id, path_id(request, "delivery_id"))
    return respond(_delivery(due), 202)


async def replay_failed_deliveries(request: web.Request) -> web.Response:
    organization_id, endpoint_id = path_id(request), path_id(request, "webhook_id")
    since = body(request, Replay).since
    async with as_member(request) as conn:
        await manager_of(conn, member(request), organization_id)
        await webhooks.get_endpoint(conn, organization_id, endpoint_id)
        count = await webhook_log.replay_failed(conn, organization_id, endpoint_id, since)
    return respond(Replayed(count=count), 202)


def _check(request: web.Request, url: str) -> None:
    try:
        parsed_url(url, state(request).settings.webhook_networks)
    except RefusedUrlError as error:
        raise WebhookUrlError(f"The url must be a public https address: {error}.") from None


def _view(endpoint: WebhookEndpoint) -> WebhookView:
    return WebhookView.model_validate(endpoint)


def _delivery(row: WebhookDelivery) -> DeliveryView:
    return DeliveryView(
        id=row.id,
        message_id=message_id(row.id),
        event_type=row.event_type,
        data=row.payload,
        status=cast(Status, row.status),
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at if row.status == "pending" else None,
        response_status=row.response_status,
        created_at=row.created_at,
        delivered_at=row.delivered_at,
    )
