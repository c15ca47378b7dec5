"""What this server refuses to start with: settings that would open a door nobody meant to open. Pure.

Each fault has a stable code and a sentence that says what to do; `db.role_check` has those of the database.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from control_api.settings import Settings

MIN_SECRET_CHARACTERS = 16
MIN_DIFFERENT_CHARACTERS = 8
CODES = (
    "optimized", "same_login", "weak_secret_key", "open_turn", "weak_turn_secret", "plain_http", "plain_http_llm",
    "google_without_secret", "plain_http_google",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    code: str
    what_to_do: str


def faults(settings: Settings, *, optimize: int) -> list[Fault]:
    """
    Args:
        optimize: `sys.flags.optimize`.
    """
    return [*_interpreter(optimize), *_secrets(settings), *_relay(settings), *_transport(settings), *_google(settings)]


def is_weak(secret: str) -> bool:
    return len(secret) < MIN_SECRET_CHARACTERS or len(set(secret)) < MIN_DIFFERENT_CHARACTERS


def is_near(url: str) -> bool:
    """Of this machine, or of a private network by its address."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_private


def _interpreter(optimize: int) -> Iterator[Fault]:
    if optimize:
        yield Fault("optimized", "python -O takes out checks that this program relies on: start without it.")


def _secrets(settings: Settings) -> Iterator[Fault]:
    api, jobs = (urlsplit(url) for url in (settings.database_url, settings.jobs_database_url))
    if api.username == jobs.username:
        yield Fault(
            "same_login",
            "DATABASE_URL and LIVECONVO_JOBS_DATABASE_URL log in as the same role: give each its own,"
            " liveconvo_api and liveconvo_jobs.",
        )
    sealing = settings.secret_key or unquote(jobs.password or "")
    if is_weak(sealing):
        which = "is too easy to guess" if settings.secret_key else "is not set, and the job worker's login is too weak"
        yield Fault(
            "weak_secret_key",
            f"LIVECONVO_SECRET_KEY {which} to seal what waits in the database: set it to 32 random characters,"
            " as `openssl rand -hex 16` makes them.",
        )


def _relay(settings: Settings) -> Iterator[Fault]:
    if not settings.turn.urls:
        return
    if not settings.turn.secret:
        yield Fault(
            "open_turn",
            "LIVECONVO_TURN_URLS is set without LIVECONVO_TURN_SECRET: a relay that asks for no secret relays for"
            " anybody. Set use-auth-secret there, and the same secret here.",
        )
    elif is_weak(settings.turn.secret):
        yield Fault(
            "weak_turn_secret",
            "LIVECONVO_TURN_SECRET is too easy to guess: whoever does may relay at your cost. Set 32 random characters,"
            " here and at the relay.",
        )


def _transport(settings: Settings) -> Iterator[Fault]:
    if not settings.is_https and not is_near(settings.public_origin):
        yield Fault(
            "plain_http",
            "LIVECONVO_PUBLIC_ORIGIN is plain http: sign-ins would cross the network in the clear, and browsers"
            " allow no microphone. Put TLS in front and name the https address.",
        )
    base_url = settings.language_model.base_url
    if base_url.startswith("http://") and not is_near(base_url):
        yield Fault(
            "plain_http_llm",
            "OPENAI_BASE_URL is plain http: what people said would cross the network in the clear."
            " Name an https address.",
        )


def _google(settings: Settings) -> Iterator[Fault]:
    google = settings.google
    if not google.client_id:
        return
    if not google.client_secret:
        yield Fault(
            "google_without_secret",
            "LIVECONVO_GOOGLE_CLIENT_ID is set without LIVECONVO_GOOGLE_CLIENT_SECRET: set both, or neither.",
        )
    if not google.issuer.startswith("https://") and not is_near(google.issuer):
        yield Fault(
            "plain_http_google",
            "LIVECONVO_GOOGLE_ISSUER is plain http: whoever is in between could say who signs in."
            " Name an https address.",
        )
