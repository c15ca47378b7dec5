"""Signing in, out, and who I am."""

from __future__ import annotations

from aiohttp import web

from control_api import limits
from control_api.access import as_nobody, as_person
from control_api.accounts.models import Me, NewPassword, RedeemLink, SignIn, SignInOptions
from control_api.accounts.signing_in import new_sign_in, signed_in
from control_api.auth import clear_cookie, credential, member, person, set_cookie
from control_api.errors import InvalidLinkError, WrongCredentialsError
from control_api.http import body, respond
from control_api.state import state
from control_api.tokens import token_hash
from control_api.visitors import network_of
from db import accounts, devices


async def redeem_link(request: web.Request) -> web.Response:
    """A one-time link becomes a sign-in; the second use of it does not."""
    sent = body(request, RedeemLink)
    async with as_nobody(request) as conn:
        user_id = await accounts.redeem_sign_in_link(conn, token_hash(sent.token))
        if user_id is None:
            raise InvalidLinkError
        return await signed_in(request, conn, user_id)


async def sign_in(request: web.Request) -> web.Response:
    """E-mail and password; an unknown e-mail costs the same work and gets the same answer."""
    sent = body(request, SignIn)
    st = state(request)
    await st.limiter.check(limits.SIGN_IN_ACCOUNT, network_of(request), sent.email)
    async with as_nobody(request) as conn:
        found = await accounts.find_credentials(conn, sent.email)
    is_right = await st.passwords.matches(sent.password, found.password_hash if found else None)
    if found is None or not is_right:
        raise WrongCredentialsError
    async with as_nobody(request) as conn:
        return await signed_in(request, conn, found.user_id)


async def get_sign_in_options(request: web.Request) -> web.Response:
    st = state(request)
    return respond(SignInOptions(google=st.google is not None, is_gated=st.settings.beta_gate))


async def sign_out(request: web.Request) -> web.Response:
    token, _ = credential(request)
    async with as_nobody(request) as conn:
        await accounts.end_app_session(conn, token_hash(token))
    return _out(request)


async def sign_out_everywhere(request: web.Request) -> web.Response:
    """Here as well; API keys stay."""
    who = person(request)
    async with as_person(request) as conn:
        await devices.end_devices(conn, who.user_id)
    return _out(request)


async def get_me(request: web.Request) -> web.Response:
    return respond(Me.of(member(request)))


async def set_password(request: web.Request) -> web.Response:
    """Whoever has a password proves it first. Every other device is signed out; this browser's cookie is a new one."""
    sent = body(request, NewPassword)
    who = person(request)
    st = state(request)
    await confirm_password(request, sent.current_password)
    password_hash = await st.passwords.hash(sent.password)
    _, is_cookie = credential(request)
    async with as_person(request) as conn:
        await accounts.set_password(conn, who.user_id, password_hash)
        await devices.end_devices(conn, who.user_id, but=who.app_session_id)
        await st.mail.enqueue(conn, "password_changed", who.email, {"link": f"{st.settings.public_origin}/"})
        token = await new_sign_in(request, conn, who.user_id) if is_cookie else None
    response = respond(None)
    if token is not None:
        set_cookie(response, st.settings, token)
    return response


async def confirm_password(request: web.Request, password: str | None) -> None:
    """That it is the person themself; nothing to confirm for who has no password.

    Raises:
        WrongCredentialsError
    """
    async with as_nobody(request) as conn:
        found = await accounts.find_credentials(conn, person(request).email)
    if found is None or found.password_hash is None:
        return
    if not await state(request).passwords.matches(password or "", found.password_hash):
        raise WrongCredentialsError("The current password is not right.")


def _out(request: web.Request) -> web.Response:
    response = respond(None)
    clear_cookie(response, state(request).settings)
    return response
