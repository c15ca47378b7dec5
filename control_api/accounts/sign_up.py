"""Asking for an account, a new password or a proof of one's address, and opening the link that comes by mail."""

from __future__ import annotations

from aiohttp import web

from control_api import limits
from control_api.access import as_nobody, as_person
from control_api.accounts import requests
from control_api.accounts.models import Forgot, LinkAndPassword, MailSent, RedeemLink, SignUp
from control_api.accounts.signing_in import signed_in
from control_api.auth import person
from control_api.errors import InvalidLinkError
from control_api.http import body, respond
from control_api.state import state
from control_api.tokens import token_hash
from db import accounts, sign_ups


async def sign_up(request: web.Request) -> web.Response:
    """The same for every address: whether it has an account is told to who reads its mail, and to nobody else."""
    sent = body(request, SignUp)
    st = state(request)
    await st.limiter.check(limits.MAILS_TO_ADDRESS, sent.email)
    async with as_nobody(request) as conn:
        await requests.ask(
            conn, st.mail.sealer, "sign_up", sent.email, full_name=sent.full_name, timezone=sent.timezone
        )
    return respond(MailSent(), 202)


async def verify(request: web.Request) -> web.Response:
    """The link makes the account, with the password of whoever opened it: nobody can choose one for somebody else."""
    sent = body(request, LinkAndPassword)
    hashed = token_hash(sent.token)
    password_hash = await _hash_for(request, hashed, sent.password, "sign_up")
    async with as_nobody(request) as conn:
        user_id = await sign_ups.redeem_sign_up(conn, hashed, password_hash)
        if user_id is None:
            raise InvalidLinkError
        return await signed_in(request, conn, user_id)


async def forgot_password(request: web.Request) -> web.Response:
    sent = body(request, Forgot)
    st = state(request)
    await st.limiter.check(limits.MAILS_TO_ADDRESS, sent.email)
    async with as_nobody(request) as conn:
        await requests.ask(conn, st.mail.sealer, "reset_password", sent.email)
    return respond(MailSent(), 202)


async def reset_password(request: web.Request) -> web.Response:
    """The link sets the password, proves the address, and signs every device out but this one."""
    sent = body(request, LinkAndPassword)
    st = state(request)
    hashed = token_hash(sent.token)
    password_hash = await _hash_for(request, hashed, sent.password, "reset_password")
    async with as_nobody(request) as conn:
        user_id = await sign_ups.redeem_password_reset(conn, hashed, password_hash)
        if user_id is None:
            raise InvalidLinkError
        response = await signed_in(request, conn, user_id)
        email = await accounts.address_of(conn, user_id)
        await st.mail.enqueue(conn, "password_changed", email, {"link": f"{st.settings.public_origin}/"})
        return response


async def request_verification(request: web.Request) -> web.Response:
    """For an account whose address was not proven, as one made on the command line."""
    st = state(request)
    async with as_person(request) as conn:
        await requests.ask(conn, st.mail.sealer, "verify_email", person(request).email)
    return respond(MailSent(), 202)


async def verify_email(request: web.Request) -> web.Response:
    sent = body(request, RedeemLink)
    async with as_nobody(request) as conn:
        if not await sign_ups.redeem_email_verification(conn, token_hash(sent.token)):
            raise InvalidLinkError
    return respond(None)


async def _hash_for(request: web.Request, hashed: bytes, password: str, purpose: sign_ups.Purpose) -> str:
    """Hashing is dear: nobody gets it for a link that opens nothing."""
    async with as_nobody(request) as conn:
        if await sign_ups.link_purpose(conn, hashed) != purpose:
            raise InvalidLinkError
    return await state(request).passwords.hash(password)
