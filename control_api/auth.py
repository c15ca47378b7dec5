"""Who asks: the session cookie or the same token as a bearer, looked up on every request.

Rules:
- A cookie alone never changes anything: an unsafe request by cookie must come from our own page (Fetch Metadata, else
  Origin). A bearer token is not sent by browsers on their own and needs no such proof.
- Sign-in and the other public writes refuse a request that says it comes from another site, and need no proof of less.
"""

from __future__ import annotations

from aiohttp import web

from control_api.errors import CrossSiteError, NotSignedInError
from control_api.settings import Settings
from control_api.state import state
from control_api.tokens import token_hash
from db import accounts
from db.pool import transaction
from db.records import Member

MEMBER = web.RequestKey("member", Member)
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_TOKEN_CHARACTERS = 200


def member(request: web.Request) -> Member:
    """The signed-in person of a route whose policy asks for one."""
    return request[MEMBER]


async def authenticate(request: web.Request) -> Member:
    """The member behind the request's credential, in one statement.

    Raises:
        NotSignedInError: no credential, or one that is unknown, ended or expired.
        CrossSiteError: an unsafe request by cookie that does not come from our own page.
    """
    token, is_cookie = credential(request)
    if is_cookie and request.method not in SAFE_METHODS and not _is_own_page(request):
        raise CrossSiteError
    st = state(request)
    async with transaction(st.pool, timeout_s=st.settings.transaction_timeout_s) as conn:
        found = await accounts.authenticate(conn, token_hash(token))
    if found is None:
        raise NotSignedInError
    return found


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
