"""Every route of the control API: each area declares its own; here they come together, and what operates the server."""

from __future__ import annotations

from control_api import operations
from control_api.accounts.routes import ACCOUNTS
from control_api.admin.routes import ADMIN
from control_api.api_keys.routes import API_KEYS
from control_api.documents.routes import DOCUMENTS
from control_api.exports.routes import EXPORTS
from control_api.followers.routes import FOLLOWERS
from control_api.organizations.routes import ORGANIZATIONS
from control_api.recordings.routes import RECORDINGS
from control_api.routing import Policy, Route
from control_api.search.routes import SEARCH
from control_api.sessions.call_routes import INVITES, SESSIONS
from control_api.sessions.routes import AROUND, FIRST
from control_api.templates.routes import TEMPLATES
from control_api.usage.reading import USAGE
from control_api.waitlist.joining import WAITLIST
from control_api.webhooks.routes import WEBHOOKS

PUBLIC = Policy.PUBLIC

OPERATIONS = (
    Route(
        method="GET",
        path="/healthz",
        handler=operations.get_health,
        policy=PUBLIC,
        summary="Whether the server serves",
        tag="operations",
        response=operations.Health,
    ),
    Route(
        method="GET",
        path="/readyz",
        handler=operations.get_readiness,
        policy=PUBLIC,
        summary="Whether it can work; 503 with the reasons when not",
        tag="operations",
        response=operations.Readiness,
    ),
    Route(
        method="GET",
        path="/metrics",
        handler=operations.get_metrics,
        policy=PUBLIC,
        summary="Prometheus metrics",
        tag="operations",
        is_described=False,
    ),
)

ROUTES = (
    ACCOUNTS
    + API_KEYS
    + ORGANIZATIONS
    + FIRST
    + SEARCH
    + SESSIONS
    + AROUND
    + FOLLOWERS
    + DOCUMENTS
    + EXPORTS
    + RECORDINGS
    + TEMPLATES
    + INVITES
    + WAITLIST
    + WEBHOOKS
    + USAGE
    + ADMIN
    + OPERATIONS
)
