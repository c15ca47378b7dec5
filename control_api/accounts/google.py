"""Signing in with Google, as two visits of the browser: there, and back.

How it went is told to the page behind the #: `#/google/<outcome>`; after a sign-in the page just opens.
"""

from __future__ import annotations

import hmac
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from control_api.access import as_nobody
from control_api.accounts.signing_in import new_sign_in
from control_api.auth import set_cookie
from control_api.errors import GoogleNotSetError
from control_api.http import query
from control_api.oidc import Attempt, Identity, Provider
from control_api.settings import Settings
from control_api.state import state
from control_api.tokens import new_token
from db import google

CALLBACK_PATH = "/v1/auth/google/callback"
ATTEMPT_S = 600


class GoogleAnswer(BaseModel):
    """What Google sends the browser back with; it may add to it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    state: Annotated[str, StringConstraints(max_length=200)] = ""
    code: Annotated[str, StringConstraints(max_length=2000, pattern="^[ -~]*$")] = Field(
        default="", description="Empty: it was refused"
    )


async def start_google(request: web.Request) -> web.Response:
    """To Google, with a fresh attempt in a cookie that only comes back from there."""
    provider, settings = _provider(request), state(request).settings
    attempt = Attempt(new_token())
    address = await provider.authorization_url(attempt)
    if address is None:
        return _to_page(settings, "google/unavailable")
    response = _redirect(address)
    response.set_cookie(
        _cookie_name(settings),
        attempt.secret,
        max_age=ATTEMPT_S,
        path="/",
        httponly=True,
        samesite="Lax",
        secure=settings.is_https,
    )
    return response


async def finish_google(request: web.Request) -> web.Response:
    provider, settings = _provider(request), state(request).settings
    answer = query(request, GoogleAnswer)
    secret = request.cookies.get(_cookie_name(settings), "")
    attempt = Attempt(secret)
    if not secret or not hmac.compare_digest(attempt.state.encode(), answer.state.encode()):
        return _to_page(settings, "google/not_asked")
    identity = await provider.identity(attempt, answer.code) if answer.code else None
    if identity is None:
        return _to_page(settings, "google/failed")
    return await _open_account(request, identity)


async def _open_account(request: web.Request, identity: Identity) -> web.Response:
    st = state(request)
    async with as_nobody(request) as conn:
        found = await google.sign_in(
            conn,
            google_id=identity.subject,
            email=identity.email,
            is_verified=identity.is_verified,
            full_name=identity.full_name,
            is_gated=st.settings.beta_gate,
        )
        if found.user_id is None:
            return _to_page(st.settings, f"google/{found.outcome}")
        if found.outcome == "linked":
            await st.mail.enqueue(conn, "google_linked", identity.email, {"link": f"{st.settings.public_origin}/"})
        token = await new_sign_in(request, conn, found.user_id)
    response = _to_page(st.settings, "")
    set_cookie(response, st.settings, token)
    return response


def _provider(request: web.Request) -> Provider:
    provider = state(request).google
    if provider is None:
        raise GoogleNotSetError
    return provider


def _to_page(settings: Settings, screen: str) -> web.Response:
    response = _redirect(f"{settings.public_origin}/#/{screen}")
    response.del_cookie(_cookie_name(settings), path="/", httponly=True, samesite="Lax", secure=settings.is_https)
    return response


def _redirect(address: str) -> web.Response:
    return web.Response(status=302, headers={"Location": address, "Cache-Control": "no-store"})


def _cookie_name(settings: Settings) -> str:
    return "__Host-liveconvo_google" if settings.is_https else "liveconvo_google"
