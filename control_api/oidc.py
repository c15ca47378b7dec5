"""Signing in with an OpenID provider: authorization code with PKCE, state and nonce (OpenID Connect Core 1.0 §3.1).

Rules:
- One secret for each attempt lies in a cookie of the browser; state, nonce and verifier are made of it, so that an
  answer is good for the browser that asked, and the server remembers nothing.
- An ID token counts when it is signed with RS256 by a key of the provider's, is for us, current, and has our nonce.
- Whatever goes wrong is one line of the log and "nobody": what a provider says is not passed on to the browser.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from control_api.addresses import normalized
from control_api.mail.texts import one_line
from control_api.settings import GoogleSettings

DOCUMENTS_S = 3600.0
"""For how long the provider's addresses and keys are kept; a key that is not among them is looked for at once."""
REFRESH_S = 60.0
"""But not more often than this, whoever sends tokens."""
LEEWAY_S = 60
MAX_ANSWER_BYTES = 256 * 1024
log = logging.getLogger(__name__)


class ProviderError(Exception):
    """The provider did not answer, or not as the standard says."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one sign-in is held together by; all of it is made of the secret."""

    secret: str = field(repr=False)

    @property
    def state(self) -> str:
        return self._made("state")

    @property
    def nonce(self) -> str:
        return self._made("nonce")

    @property
    def verifier(self) -> str:
        """RFC 7636 §4.1: 43 characters."""
        return self._made("verifier")

    @property
    def challenge(self) -> str:
        return _base64url(hashlib.sha256(self.verifier.encode()).digest())

    def _made(self, use: str) -> str:
        return _base64url(hashlib.sha256(f"{use} {self.secret}".encode("utf-8", "surrogatepass")).digest())


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the provider says it is."""

    subject: str
    email: str
    is_verified: bool
    full_name: str | None


class Provider:
    """One provider, as its own documents describe it."""

    def __init__(self, settings: GoogleSettings, redirect_uri: str) -> None:
        self._settings = settings
        self._redirect_uri = redirect_uri
        self._session: aiohttp.ClientSession | None = None
        self._documents: tuple[float, dict[str, Any], KeySet] | None = None
        self._lock = asyncio.Lock()

    async def authorization_url(self, attempt: Attempt) -> str | None:
        """Where the browser goes; None while the provider does not answer."""
        try:
            configuration, _ = await self._known()
        except ProviderError as error:
            log.warning("sign-in provider failed at=discovery reason=%s", error)
            return None
        question = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": "openid email profile",
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
            "prompt": "select_account",
        }
        address: str = configuration["authorization_endpoint"]
        return f"{address}{'&' if '?' in address else '?'}{urlencode(question)}"

    async def identity(self, attempt: Attempt, code: str) -> Identity | None:
        """Who came back with this code; None when nobody did."""
        try:
            return self._checked(await self._claims(attempt, code), attempt)
        except (ProviderError, JoseError, ValueError, KeyError, TypeError) as error:
            reason = str(error) if isinstance(error, ProviderError) else type(error).__name__
            log.warning("sign-in provider failed at=token reason=%s", reason)
            return None

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _claims(self, attempt: Attempt, code: str) -> dict[str, Any]:
        configuration, keys = await self._known()
        answer = await self._fetch(
            "POST",
            configuration["token_endpoint"],
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self._redirect_uri,
                "client_id": self._settings.client_id,
                "client_secret": self._settings.client_secret,
                "code_verifier": attempt.verifier,
            },
        )
        token = answer["id_token"]
        try:
            return jwt.decode(token, keys, algorithms=["RS256"]).claims
        except (JoseError, ValueError):  # signed with a key that is newer than ours, perhaps
            _, keys = await self._known(older_than_s=REFRESH_S)
            return jwt.decode(token, keys, algorithms=["RS256"]).claims

    def _checked(self, claims: dict[str, Any], attempt: Attempt) -> Identity:
        jwt.JWTClaimsRegistry(
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self._settings.issuer},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": attempt.nonce},
        ).validate(claims)
        audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if self._settings.client_id not in audience:
            raise ProviderError("the token is for somebody else")
        if claims.get("azp", self._settings.client_id) != self._settings.client_id:
            raise ProviderError("the token was given to somebody else")
        subject = claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= 255:
            raise ProviderError("the subject is none")
        if not isinstance(claims["email"], str):
            raise ProviderError("the address is none")
        name = one_line(str(claims.get("name") or ""))[:100]
        return Identity(subject, normalized(claims["email"]), claims.get("email_verified") is True, name or None)

    async def _known(self, older_than_s: float = DOCUMENTS_S) -> tuple[dict[str, Any], KeySet]:
        """The provider's configuration and keys, fetched anew when they are old."""
        async with self._lock:
            now_s = time.monotonic()
            if self._documents is None or now_s - self._documents[0] > older_than_s:
                issuer = self._settings.issuer
                configuration = await self._fetch("GET", f"{issuer}/.well-known/openid-configuration")
                if configuration.get("issuer") != issuer:
                    raise ProviderError("the configuration is another issuer's")
                for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                    self._check_address(configuration.get(name))
                keys = await self._fetch("GET", configuration["jwks_uri"])
                try:
                    self._documents = (now_s, configuration, KeySet.import_key_set(keys))  # type: ignore[arg-type]
                except (JoseError, ValueError, KeyError, TypeError) as error:
                    raise ProviderError("the keys are none") from error
            return self._documents[1], self._documents[2]

    def _check_address(self, address: object) -> None:
        """TLS, unless the provider itself is asked without."""
        if not isinstance(address, str) or urlsplit(address).scheme not in {
            "https",
            urlsplit(self._settings.issuer).scheme,
        }:
            raise ProviderError("an address of the configuration is none")

    async def _fetch(self, method: str, address: str, form: dict[str, str] | None = None) -> dict[str, Any]:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=self._settings.deadline_s)
            self._session = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        try:
            async with self._session.request(method, address, data=form, allow_redirects=False) as answer:
                content = await answer.content.read(MAX_ANSWER_BYTES + 1)
                while len(content) <= MAX_ANSWER_BYTES and (more := await answer.content.read(MAX_ANSWER_BYTES)):
                    content += more
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ProviderError(type(error).__name__) from None
        if status != 200 or len(content) > MAX_ANSWER_BYTES:
            raise ProviderError(f"status {status}")
        try:
            document = orjson.loads(content)
        except orjson.JSONDecodeError:
            raise ProviderError("no JSON") from None
        if not isinstance(document, dict):
            raise ProviderError("no JSON object")
        return document


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
