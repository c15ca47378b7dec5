"""Who asks: the session cookie or the same token as a bearer, looked up on every request.

Rules:
- A cookie alone never changes anything: an unsafe request by cookie must come from our own page (Fetch Metadata, else
  Origin). A bearer token is not sent by browsers on their own and needs no such proof.
- Sign-in and the other public writes refuse a request that says it comes from another site, and need no proof of less.
"""

from __future__ import annotations

from uuid import UUID

from aiohttp import web

from control_api.errors import (
    AdministratorsOnlyError,
    CrossSiteError,
    NoApiAccessError,
    NotForProgramsError,
    NotFoundError,
    NotSignedInError,
    ScopeError,
    SetupRequiredError,
)
from control_api.settings import Settings
from control_api.state import state
from control_api.tokens import token_hash
from db import accounts, api_keys
from db.pool import alone, transaction
from db.records import Member, Person

MEMBER = web.RequestKey("member", Member)
PERSON = web.RequestKey("person", Person)
KEY_PREFIX = "lc_"
"""What API keys begin with, and sign-ins do not: those are hexadecimal."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_TOKEN_CHARACTERS = 200


def member(request: web.Request) -> Member:
    """The signed-in person of a route whose policy asks for one."""
    return request[MEMBER]


def person(request: web.Request) -> Person:
    """The same where no organization is asked for."""
    return request[PERSON]


def current_organization(request: web.Request) -> UUID:
    """
    Raises:
        SetupRequiredError: the person is in none.
    """
    organization_id = person(request).organization_id
    if organization_id is None:
        raise SetupRequiredError
    return organization_id


def user_id(request: web.Request) -> UUID:
    """Whoever is signed in, of either policy."""
    return request[PERSON].user_id if PERSON in request else request[MEMBER].user_id


async def authenticate(request: web.Request, scope: str, *, names_something: bool) -> Member:
    """The member behind the request's credential, a person's or a program's, in one statement.

    `names_something`: the request is about one thing of an organization, which is not there for who is in none.

    Raises:
        NotSignedInError: no credential, or one that is unknown, ended or expired.
        CrossSiteError: an unsafe request by cookie that does not come from our own page.
        SetupRequiredError, NotFoundError: a person who is in no organization.
        ScopeError: a key that does not allow `scope`.
        NoApiAccessError: a key of an organization whose plan has none.
    """
    token, _ = _credential_of_this_site(request)
    if token.startswith(KEY_PREFIX):
        return await _member_of_key(request, token, scope)
    found = await _person(request, token)
    if (
        found.organization_id is None
        or found.organization_name is None
        or found.organization_slug is None
        or found.role is None
    ):
        raise NotFoundError if names_something else SetupRequiredError
    return Member(
        user_id=found.user_id,
        email=found.email,
        full_name=found.full_name,
        has_password=found.has_password,
        organization_id=found.organization_id,
        organization_name=found.organization_name,
        organization_slug=found.organization_slug,
        role=found.role,
    )


async def authenticate_person(request: web.Request) -> Person:
    """The person behind the request's credential, with or without an organization.

    Raises:
        NotSignedInError, CrossSiteError: as above.
        NotForProgramsError: a key, whoever's.
    """
    token, _ = _credential_of_this_site(request)
    if token.startswith(KEY_PREFIX):
        raise NotForProgramsError
    return await _person(request, token)


async def authenticate_admin(request: web.Request) -> Person:
    """The administrator of the installation behind the request's credential.

    Raises:
        NotSignedInError, CrossSiteError, NotForProgramsError: as above.
        AdministratorsOnlyError
    """
    found = await authenticate_person(request)
    st = state(request)
    async with transaction(st.pool, user_id=found.user_id, timeout_s=st.settings.transaction_timeout_s) as conn:
        if not await accounts.is_administrator(conn):
            raise AdministratorsOnlyError
    return found


async def _person(request: web.Request, token: str) -> Person:
    st = state(request)
    async with alone(st.pool, timeout_s=st.settings.transaction_timeout_s) as conn:
        found = await accounts.authenticate_person(conn, token_hash(token))
    if found is None:
        raise NotSignedInError
    return found


async def _member_of_key(request: web.Request, key: str, scope: str) -> Member:
    st = state(request)
    async with alone(st.pool, timeout_s=st.settings.transaction_timeout_s) as conn:
        found = await api_keys.authenticate(conn, token_hash(key))
    if found is None:
        raise NotSignedInError
    if not found.has_api_access:
        raise NoApiAccessError
    if scope not in found.scopes:
        raise ScopeError(f"This API key does not allow “{scope}”.")
    return Member(
        user_id=found.user_id,
        email=found.email,
        full_name=found.full_name,
        has_password=False,
        organization_id=found.organization_id,
        organization_name=found.organization_name,
        organization_slug=found.organization_slug,
        role=found.role,
    )


def _credential_of_this_site(request: web.Request) -> tuple[str, bool]:
    token, is_cookie = credential(request)
    if is_cookie and request.method not in SAFE_METHODS and not _is_own_page(request):
        raise CrossSiteError
    return token, is_cookie


def credential(request: web.Request) -> tuple[str, bool]:
    """The token and whether it came as a cookie; a bearer that is there decides, whatever cookie lies beside it."""
    header = request.headers.get("Authorization")
    if header is not None:
        scheme, _, token = header.partition(" ")
        if scheme.lower() == "bearer" and 0 < len(token.strip()) <= MAX_TOKEN_CHARACTERS:
            return token.strip(), False
        raise NotSignedInError
    cookie = request.cookies.get(cookie_name(state(request).settings), "")
    if 0 < len(cookie) <= MAX_TOKEN_CHARACTERS:
        return cookie, True
    raise NotSignedInError


def refuse_other_sites(request: web.Request) -> None:
    """For writes that need no credential: a page of another site must not sign its visitor in here."""
    claims_origin = "Sec-Fetch-Site" in request.headers or "Origin" in request.headers
    if claims_origin and not _is_own_page(request):
        raise CrossSiteError


def cookie_token(request: web.Request) -> str | None:
    """The sign-in that the browser has at present, good or not."""
    return request.cookies.get(cookie_name(state(request).settings)) or None


def set_cookie(response: web.Response, settings: Settings, token: str) -> None:
    response.set_cookie(
        cookie_name(settings),
        token,
        max_age=settings.sign_in_lifetime_s,
        path="/",
        httponly=True,
        samesite="Lax",
        secure=settings.is_https,
    )


def clear_cookie(response: web.Response, settings: Settings) -> None:
    response.del_cookie(cookie_name(settings), path="/", httponly=True, samesite="Lax", secure=settings.is_https)


def cookie_name(settings: Settings) -> str:
    """`__Host-` makes the browser hold the cookie to this very origin; it needs TLS."""
    return "__Host-liveconvo_session" if settings.is_https else "liveconvo_session"


def _is_own_page(request: web.Request) -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:  # written by the browser; no page can set it
        return site == "same-origin"
    return request.headers.get("Origin") == state(request).settings.public_origin
