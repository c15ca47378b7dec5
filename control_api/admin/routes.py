"""The routes of administration: for administrators of the installation, signed in as themselves."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from control_api import errors, limits
from control_api.accounts.models import MailSent
from control_api.admin import dashboard, doors, health, organizations, people, plans, system_logs, waiting
from control_api.admin.models import (
    AdministeredOrganization,
    Because,
    ChainCheck,
    ChosenPlan,
    DoorOpened,
    Doors,
    ListedOrganizationPage,
    NewDoor,
    NewLimits,
    OrganizationQuery,
    SignedOut,
    UserDetail,
    UserPage,
    UserQuery,
    VerificationDecision,
)
from control_api.limits import RateLimit
from control_api.organizations.models import AuditPage, AuditQuery
from control_api.paging import Page
from control_api.routing import Handler, Policy, Route
from control_api.sessions.models import SessionPage, TranscriptList, TranscriptPage

_USER, _ORGANIZATION = "/v1/admin/users/{id}", "/v1/admin/organizations/{id}"
_KNOWN = (errors.NotFoundError,)
_STATE = (errors.NotFoundError, errors.ConflictError)


def _read(
    path: str,
    handler: Handler,
    summary: str,
    response: type[BaseModel],
    query: type[BaseModel] | None = None,
    *,
    limit: RateLimit = limits.ADMIN,
    refusals: tuple[type[errors.Refusal], ...] = (),
) -> Route:
    more = _KNOWN if "{id}" in path else ()
    if query is not None and "cursor" in query.model_fields:
        more = (*more, errors.InvalidCursorError)
    return Route(
        method="GET",
        path=path,
        handler=handler,
        policy=Policy.ADMIN,
        summary=summary,
        tag="administration",
        query=query,
        response=response,
        errors=(*more, *refusals),
        limit=limit,
    )


def _change(method: str, path: str, handler: Handler, summary: str, **more: Any) -> Route:
    declared: dict[str, Any] = {"status": 204, "errors": _KNOWN, "limit": limits.ADMIN}
    return Route(
        method=method,
        path=path,
        handler=handler,
        policy=Policy.ADMIN,
        summary=summary,
        tag="administration",
        **{**declared, **more},
    )


PEOPLE = (
    _read("/v1/admin/users", people.list_users, "Accounts, newest first", UserPage, UserQuery),
    _read(_USER, people.get_user, "An account and where it belongs", UserDetail),
    _change(
        "POST", f"{_USER}/deactivate", people.deactivate_user, "Close an account's doors: signed out, out of calls",
        body=Because, errors=_STATE,
    ),
    _change("POST", f"{_USER}/reactivate", people.reactivate_user, "Open them again", body=Because, errors=_STATE),
    _change(
        "POST", f"{_USER}/sign-out-everywhere", people.sign_user_out, "End every sign-in of an account",
        status=200, response=SignedOut,
    ),
    _change(
        "POST", f"{_USER}/verification", people.send_user_verification, "Mail a link that proves the address",
        status=202, response=MailSent, errors=_STATE, limit=limits.ADMIN_MAIL,
    ),
)  # fmt: skip

TENANTS = (
    _read(
        "/v1/admin/organizations", organizations.list_all_organizations, "Organizations, newest first",
        ListedOrganizationPage, OrganizationQuery,
    ),
    _read(
        _ORGANIZATION, organizations.get_any_organization, "An organization, its limits and this month's usage",
        AdministeredOrganization,
    ),
    _change(
        "POST", f"{_ORGANIZATION}/suspend", organizations.suspend_organization,
        "Nobody acts in it any more, and its calls end", body=Because,
    ),
    _change(
        "POST", f"{_ORGANIZATION}/activate", organizations.activate_organization, "Take a suspension back",
        body=Because,
    ),
    _change(
        "PUT", f"{_ORGANIZATION}/limits", organizations.limit_organization, "Set the organization's own limits",
        body=NewLimits,
    ),
    _change(
        "PUT", f"{_ORGANIZATION}/plan", organizations.choose_plan, "Give the organization a plan, without payment",
        body=ChosenPlan, errors=_STATE,
    ),
    _change(
        "POST", f"{_ORGANIZATION}/verification", organizations.decide_verification,
        "Approve or refuse a verification that was asked for", body=VerificationDecision, errors=_STATE,
        limit=limits.ADMIN_MAIL,
    ),
)  # fmt: skip

DOORS = (
    _change(
        "POST", f"{_ORGANIZATION}/doors", doors.open_door, "Look into an organization, for a reason and some minutes",
        status=201, body=NewDoor, response=DoorOpened, limit=limits.ADMIN_DOOR,
    ),
    _read(f"{_ORGANIZATION}/doors", doors.list_doors, "The doors that one opened to it", Doors),
    _change("DELETE", "/v1/admin/doors/{id}", doors.close_door, "Close a door before its time"),
    _read(
        f"{_ORGANIZATION}/sessions", doors.list_their_sessions, "Its sessions, through an open door", SessionPage, Page,
        refusals=(errors.DoorNeededError,),
    ),
    _read(
        f"{_ORGANIZATION}/sessions/{{session_id}}/transcript", doors.read_their_transcript,
        "What was said in one, through an open door", TranscriptList, TranscriptPage,
        refusals=(errors.DoorNeededError,),
    ),
    _read(
        f"{_ORGANIZATION}/audit-log", doors.read_their_audit_log, "Who did what there, newest first", AuditPage,
        AuditQuery,
    ),
    _read(
        f"{_ORGANIZATION}/audit-log/check", doors.check_their_audit_log, "Whether its audit log is as it was written",
        ChainCheck, limit=limits.ADMIN_FIGURES,
    ),
    _read("/v1/admin/audit-log", doors.read_audit_log, "Who did what to the installation", AuditPage, AuditQuery),
    _read(
        "/v1/admin/audit-log/check", doors.check_audit_log, "Whether that is as it was written", ChainCheck,
        limit=limits.ADMIN_FIGURES,
    ),
)  # fmt: skip

INSTALLATION = (
    _read(
        "/v1/admin/waitlist", waiting.list_waitlist, "Who waits for an account", waiting.ApplicantPage,
        waiting.WaitlistQuery,
    ),
    _change(
        "POST", "/v1/admin/waitlist/{id}", waiting.decide_applicant, "Approve, reject or invite, with a mail",
        status=200, body=waiting.ApplicantDecision, response=waiting.ApplicantView, limit=limits.ADMIN_MAIL,
    ),
    _read("/v1/admin/plans", plans.list_plans, "All plans, and how many have each", plans.Plans),
    _change(
        "POST", "/v1/admin/plans", plans.create_plan, "Make a plan", status=201, body=plans.NewPlan,
        response=plans.PlanMade, errors=(errors.ConflictError,),
    ),
    _change(
        "PATCH", "/v1/admin/plans/{id}", plans.update_plan, "Change a plan, for who has it as well",
        body=plans.PlanEdit, errors=(errors.NotFoundError, errors.NothingToChangeError),
    ),
    _change(
        "POST", "/v1/admin/plans/{id}/retire", plans.retire_plan, "Take a plan off the shelf; who has it keeps it",
        errors=_STATE,
    ),
    _change("POST", "/v1/admin/plans/{id}/offer", plans.offer_plan, "Put it back"),
    _read(
        "/v1/admin/dashboard", dashboard.get_figures, "Figures of the installation, computed now", dashboard.Figures,
        dashboard.FiguresQuery, limit=limits.ADMIN_FIGURES,
    ),
    _read(
        "/v1/admin/health", health.get_system_health, "Whether its parts work, measured now", health.SystemHealth,
        limit=limits.ADMIN_FIGURES,
    ),
    _read(
        "/v1/admin/logs", system_logs.list_system_logs, "What the servers noted, newest first", system_logs.LogPage,
        system_logs.LogQuery,
    ),
)  # fmt: skip

ADMIN = (*PEOPLE, *TENANTS, *DOORS, *INSTALLATION)
