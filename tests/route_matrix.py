"""Who may call which route, for every route of the API: a new one without an entry fails the tests.

An entry says which roles of the organization are let in where the organization's owner made everything. Whoever is
nobody gets 401 everywhere, whoever belongs nowhere 403 where an organization is acted in, and whoever belongs elsewhere
404 wherever an id is named; that needs no entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from control_api.routes import ROUTES
from control_api.routing import Policy, Route

Ids = Mapping[str, str]
"""By kind: session, organization, template, and the names of what lies below them in a path."""

EVERYBODY = frozenset({"member", "admin", "owner"})
MANAGERS = frozenset({"admin", "owner"})
OWNER = frozenset({"owner"})
"""The organization's, who is the creator of all that is there as well."""


@dataclass(frozen=True, slots=True)
class Entry:
    allowed: frozenset[str] | None
    """None: it concerns nobody but whoever calls it, and no id of anybody's is in it."""
    body: Callable[[Ids], Any] = lambda _: None
    own: str = ""
    """The kind that {id} names, if it is not the path's."""
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    """A body that is a file."""


SELF = Entry(None)


def may(allowed: frozenset[str], body: Any = None, **more: Any) -> Entry:
    return Entry(allowed, body if callable(body) else lambda _: body, **more)


_S, _O, _T = "/v1/sessions/{id}", "/v1/organizations/{id}", "/v1/templates/{id}"
_SESSION = {"title": "New", "conversation_type": "sales"}
_PERSON = {"name": "Eve", "role": "participant"}

ENTRIES: dict[str, Entry] = {
    # whoever calls it
    "POST /v1/auth/sign-out": SELF,
    "POST /v1/auth/sign-out-everywhere": SELF,
    "GET /v1/me": SELF,
    "PUT /v1/me/password": Entry(None, lambda _: {"password": "a long new one"}),
    "POST /v1/me/email/verification": SELF,
    "POST /v1/me/onboarding": Entry(None, lambda _: {}),
    "PUT /v1/me/organization": Entry(None, lambda ids: {"organization_id": ids["organization"]}),
    "GET /v1/me/profile": SELF,
    "PATCH /v1/me/profile": Entry(None, lambda _: {"full_name": "Ann"}),
    "GET /v1/me/devices": SELF,
    "DELETE /v1/me/devices/{id}": Entry(None, own="device"),
    "GET /v1/me/export": SELF,
    "POST /v1/me/deletion": Entry(None, lambda _: {}),
    "DELETE /v1/me/deletion": SELF,
    "POST /v1/api-keys": Entry(None, lambda _: {"name": "A program", "scopes": ["read"]}),
    "GET /v1/api-keys": SELF,
    "DELETE /v1/api-keys/{id}": Entry(None, own="api_key"),
    "GET /v1/organizations": SELF,
    "POST /v1/organizations": Entry(None, lambda _: {"name": "New"}),
    "GET /v1/invitations": SELF,
    "POST /v1/invitations/{token}/accept": SELF,
    "POST /v1/me/invitations/{id}/accept": Entry(None, own="invitation_id"),
    "POST /v1/me/invitations/{id}/decline": Entry(None, own="invitation_id"),
    # organizations
    f"GET {_O}": may(EVERYBODY),
    f"PATCH {_O}": may(MANAGERS, {"city": "Bern"}),
    f"DELETE {_O}": may(OWNER),
    f"POST {_O}/verification": may(MANAGERS),
    f"GET {_O}/audit-log": may(MANAGERS),
    f"GET {_O}/members": may(EVERYBODY),
    f"GET {_O}/members/{{user_id}}": may(EVERYBODY),
    f"PATCH {_O}/members/{{user_id}}": may(MANAGERS, {"permissions": []}),
    f"DELETE {_O}/members/{{user_id}}": may(MANAGERS),
    f"POST {_O}/transfer": may(OWNER, lambda ids: {"user_id": ids["user_id"]}),
    f"POST {_O}/invitations": may(MANAGERS, lambda _: {"email": f"{uuid4()}@example.org"}),
    f"GET {_O}/invitations": may(MANAGERS),
    f"POST {_O}/invitations/{{invitation_id}}/resend": may(MANAGERS),
    f"DELETE {_O}/invitations/{{invitation_id}}": may(MANAGERS),
    # webhooks
    "GET /v1/webhook-event-types": SELF,
    f"POST {_O}/webhooks": may(MANAGERS, {"url": "https://example.org/hook", "event_types": ["session.ended"]}),
    f"GET {_O}/webhooks": may(MANAGERS),
    f"GET {_O}/webhooks/{{webhook_id}}": may(MANAGERS),
    f"PATCH {_O}/webhooks/{{webhook_id}}": may(MANAGERS, {"is_active": False}),
    f"DELETE {_O}/webhooks/{{webhook_id}}": may(MANAGERS),
    f"POST {_O}/webhooks/{{webhook_id}}/secret": may(MANAGERS, {}),
    f"POST {_O}/webhooks/{{webhook_id}}/test": may(MANAGERS),
    f"POST {_O}/webhooks/{{webhook_id}}/replay": may(MANAGERS, {"since": "2026-01-01T00:00:00Z"}),
    f"GET {_O}/webhooks/{{webhook_id}}/deliveries": may(MANAGERS),
    f"GET {_O}/webhooks/{{webhook_id}}/deliveries/{{delivery_id}}": may(MANAGERS),
    f"POST {_O}/webhooks/{{webhook_id}}/deliveries/{{delivery_id}}/replay": may(MANAGERS),
    # sessions
    "POST /v1/sessions": may(EVERYBODY, _SESSION),
    "GET /v1/sessions": may(EVERYBODY),
    "GET /v1/sessions/counts": may(EVERYBODY),
    "POST /v1/sessions/bulk": may(EVERYBODY, lambda ids: {"action": "archive", "ids": [ids["session"]]}),
    f"GET {_S}": may(EVERYBODY),
    f"PATCH {_S}": may(MANAGERS, {"title": "Named"}),
    f"DELETE {_S}": may(MANAGERS),
    f"POST {_S}/restore": may(MANAGERS, own="deleted_session"),
    f"POST {_S}/archive": may(MANAGERS),
    f"POST {_S}/unarchive": may(MANAGERS),
    f"POST {_S}/join": may(EVERYBODY, _PERSON),
    f"POST {_S}/invites": may(MANAGERS, {}),
    f"GET {_S}/invites": may(MANAGERS),
    f"DELETE {_S}/invites/{{invite_id}}": may(MANAGERS),
    f"POST {_S}/end": may(MANAGERS),
    f"GET {_S}/events": may(EVERYBODY),
    f"GET {_S}/events/ws": may(EVERYBODY),
    f"GET {_S}/context": may(EVERYBODY),
    f"PUT {_S}/context": may(OWNER, {"text": "New"}),
    f"GET {_S}/checklist": may(EVERYBODY),
    f"POST {_S}/checklist": may(OWNER, {"text": "New"}),
    f"POST {_S}/checklist/suggestions": may(OWNER),
    f"PATCH {_S}/checklist/{{item_id}}": may(MANAGERS, {"status": "done"}),
    f"DELETE {_S}/checklist/{{item_id}}": may(MANAGERS),
    f"GET {_S}/transcript": may(EVERYBODY),
    f"GET {_S}/transcript/{{transcript_id}}": may(EVERYBODY),
    f"PATCH {_S}/transcript/{{transcript_id}}": may(MANAGERS, {"text": "New"}, headers={"If-Match": '"0"'}),
    f"GET {_S}/transcript/{{transcript_id}}/history": may(EVERYBODY),
    f"GET {_S}/guidance": may(EVERYBODY),
    f"GET {_S}/guidance/statistics": may(EVERYBODY),
    f"POST {_S}/guidance/{{guidance_id}}/feedback": may(MANAGERS, {"action": "helpful"}),
    f"GET {_S}/timeline": may(EVERYBODY),
    f"POST {_S}/commands": may(MANAGERS, {"kind": "off_record"}),
    f"GET {_S}/commands/{{command_id}}": may(MANAGERS),
    f"DELETE {_S}/participants/{{participant_id}}": may(MANAGERS),
    f"POST {_S}/share-links": may(MANAGERS, {"tabs": ["transcript"]}),
    f"GET {_S}/share-links": may(MANAGERS),
    f"DELETE {_S}/share-links/{{link_id}}": may(MANAGERS),
    f"POST {_S}/documents": Entry(OWNER, lambda _: None, query={"name": "offer.txt"}, content=b"The price is 100"),
    f"GET {_S}/documents": may(EVERYBODY),
    f"GET {_S}/documents/{{document_id}}": may(EVERYBODY),
    f"PATCH {_S}/documents/{{document_id}}": may(MANAGERS, {"name": "Named"}),
    f"DELETE {_S}/documents/{{document_id}}": may(MANAGERS),
    f"GET {_S}/documents/{{document_id}}/text": may(EVERYBODY),
    f"GET {_S}/documents/{{document_id}}/file": may(EVERYBODY),
    f"GET {_S}/passages": may(EVERYBODY, query={"q": "price"}),
    f"GET {_S}/export": may(EVERYBODY),
    f"POST {_S}/recordings": Entry(MANAGERS, lambda _: None, query={"consent": "1"}, content=b"OggS" + bytes(100)),
    f"GET {_S}/recordings": may(EVERYBODY),
    f"DELETE {_S}/recordings/{{recording_id}}": may(MANAGERS),
    f"GET {_S}/recordings/{{recording_id}}": may(EVERYBODY),
    f"GET {_S}/summary": may(EVERYBODY),
    f"PATCH {_S}/summary": may(MANAGERS, {"is_marked_done": True}),
    f"POST {_S}/summary/retry": may(MANAGERS),
    # searching
    "GET /v1/search": may(EVERYBODY, query={"q": "budget"}),
    f"GET {_S}/transcript/search": may(EVERYBODY, query={"q": "budget"}),
    # templates
    "GET /v1/templates": may(EVERYBODY),
    "POST /v1/templates": may(MANAGERS, {"name": "New", "scope": "organization"}),
    f"GET {_T}": may(EVERYBODY),
    f"PATCH {_T}": may(MANAGERS, {"name": "Named"}),
    f"DELETE {_T}": may(MANAGERS),
    f"POST {_T}/clone": may(EVERYBODY, {"name": "Copy"}),
    # limits
    "GET /v1/usage": may(EVERYBODY),
}

_U, _OO = "/v1/admin/users/{id}", "/v1/admin/organizations/{id}"
_BECAUSE = {"reason": "abuse"}

ADMIN_ENTRIES: dict[str, Any] = {
    "GET /v1/admin/users": None,
    f"GET {_U}": None,
    f"POST {_U}/deactivate": _BECAUSE,
    f"POST {_U}/reactivate": _BECAUSE,
    f"POST {_U}/sign-out-everywhere": None,
    f"POST {_U}/verification": None,
    "GET /v1/admin/organizations": None,
    f"GET {_OO}": None,
    f"POST {_OO}/suspend": _BECAUSE,
    f"POST {_OO}/activate": _BECAUSE,
    f"PUT {_OO}/limits": {"monthly_audio_hours_limit": 5, "max_members": None, "max_sessions_per_month": None},
    f"PUT {_OO}/plan": {"plan_id": str(uuid4())},
    f"POST {_OO}/verification": {"decision": "approve"},
    f"POST {_OO}/doors": {"reason": "A ticket", "minutes": 5},
    f"GET {_OO}/doors": None,
    "DELETE /v1/admin/doors/{id}": None,
    f"GET {_OO}/sessions": None,
    f"GET {_OO}/sessions/{{session_id}}/transcript": None,
    f"GET {_OO}/audit-log": None,
    f"GET {_OO}/audit-log/check": None,
    "GET /v1/admin/audit-log": None,
    "GET /v1/admin/audit-log/check": None,
    "GET /v1/admin/waitlist": None,
    "POST /v1/admin/waitlist/{id}": {"status": "approved"},
    "GET /v1/admin/plans": None,
    "POST /v1/admin/plans": {"name": "pilot", "display_name": "Pilot"},
    "PATCH /v1/admin/plans/{id}": {"sort_order": 9},
    "POST /v1/admin/plans/{id}/retire": None,
    "POST /v1/admin/plans/{id}/offer": None,
    "GET /v1/admin/dashboard": None,
    "GET /v1/admin/health": None,
    "GET /v1/admin/logs": None,
}
"""For administrators of the installation alone, whatever somebody is in an organization; with a body."""

PUBLIC = frozenset(
    {
        "POST /v1/auth/links/redeem", "POST /v1/auth/sign-in", "POST /v1/auth/sign-up", "POST /v1/auth/verify",
        "POST /v1/auth/verify-email", "POST /v1/auth/password/forgot", "POST /v1/auth/password/reset",
        "GET /v1/invites/{token}",
        "POST /v1/invites/{token}/join", "GET /v1/invitations/{token}", "POST /v1/invitations/{token}/decline",
        "GET /v1/shared/{token}", "POST /v1/waitlist", "GET /v1/auth/options", "GET /v1/auth/google",
        "GET /v1/auth/google/callback",
    }
)  # fmt: skip
"""Each carries its own credential, and is tried where that is tested."""

USES_UP = frozenset({f"POST {_S}/restore", f"POST {_O}/transfer"})
"""Beside every DELETE: who comes next needs something new."""
CLOSES = frozenset({f"DELETE {_O}"})
"""After these there is nothing left to try the others on."""


def name_of(route: Route) -> str:
    return f"{route.method} {route.path}"


def api_routes() -> list[Route]:
    return [route for route in ROUTES if route.path.startswith("/v1/")]


def member_routes() -> list[Route]:
    """Those that somebody signs in for, as a member of an organization; what closes something comes last."""
    found = [route for route in api_routes() if route.policy not in {Policy.PUBLIC, Policy.ADMIN}]
    return sorted(found, key=lambda route: name_of(route) in CLOSES)


def admin_routes() -> list[Route]:
    return [route for route in api_routes() if route.policy is Policy.ADMIN]


def kind_of(route: Route, entry: Entry) -> str:
    return entry.own or route.path.split("/")[2].removesuffix("s")


def path_with(route: Route, entry: Entry, ids: Ids) -> str:
    """The route's address for these ids."""
    named = {**ids, "id": ids.get(kind_of(route, entry), ""), "token": ids.get("token", "")}
    return route.path.format_map(named)
