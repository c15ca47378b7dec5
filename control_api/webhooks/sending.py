"""One attempt to deliver: a signed POST to an address that was looked at, and what came of it.

Rules:
- Everything ends at one deadline: name server, connection, TLS, headers.
- No redirect is followed, no cookie kept, no proxy of the environment asked, nothing unpacked.
- Of an answer its status counts. The beginning of one that is no 2xx is kept for people to read; of the others nothing
  is read.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from socket import AF_UNSPEC, SOCK_STREAM, AddressFamily, gaierror, getaddrinfo
from typing import Any

import aiohttp
import orjson
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from control_api.sealing import Sealer, UnreadableError
from control_api.webhooks.destinations import (
    Address,
    Network,
    RefusedUrlError,
    as_number,
    check_addresses,
    parsed_url,
)
from control_api.webhooks.signing import message_id, signed_headers
from db.webhook_deliveries import Attempt, DueDelivery

DEADLINE_S = 15.0
BODY_DEADLINE_S = 2.0
"""For the beginning of an answer that is kept."""
READ_BYTES = 4096
KEPT_CHARACTERS = 500
USER_AGENT = "LiveConvo-Webhooks/1"
LookUp = Callable[[str, int], Sequence[Address]]
"""A name's addresses; it may block, and raises OSError."""


def ask_name_server(host: str, port: int) -> list[Address]:
    found = getaddrinfo(host, port, family=AF_UNSPEC, type=SOCK_STREAM)
    return [ip_address(str(each[4][0]).partition("%")[0]) for each in found]


@dataclass(frozen=True, slots=True)
class Outcome:
    attempt: Attempt
    retry_after_s: int | None = None
    """How long the receiver asks to be left alone."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int | None = None
    body: str = ""
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True)
class Sender:
    sealer: Sealer
    executor: Executor
    """For name servers, which are asked in threads: as many as there are attempts at a time."""
    allowed: Sequence[Network] = ()
    look_up: LookUp = ask_name_server
    deadline_s: float = DEADLINE_S
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    def ask(self, url: str) -> asyncio.Future[Sequence[Address]]:
        """The addresses of its host. A thread works for it until it is done, whoever stops waiting."""
        parts = URL(url)
        asked = asyncio.get_running_loop().run_in_executor(
            self.executor, self.look_up, parts.raw_host or "", parts.port or 0
        )
        asked.add_done_callback(_heard)
        return asked

    async def send(self, due: DueDelivery, addresses: asyncio.Future[Sequence[Address]]) -> Outcome:
        """Never raises for what the other side does."""
        at, started_s = datetime.now(UTC), time.monotonic()
        answer = _Answer()
        code: str | None
        try:
            async with asyncio.timeout(self.deadline_s):
                answer = await self._post(due, addresses)
            code = _code_of(answer.status or 0)
        except Exception as error:  # noqa: BLE001  a stranger's server may raise anything in a client
            code = error_code(error)
        duration_ms = round((time.monotonic() - started_s) * 1000)
        return Outcome(Attempt(at, duration_ms, answer.status, code, answer.body), answer.retry_after_s)

    async def _post(self, due: DueDelivery, addresses: asyncio.Future[Sequence[Address]]) -> _Answer:
        url = parsed_url(due.url, self.allowed)
        keys = [self.sealer.open(secret) for secret in (due.signing_secret, due.previous_secret) if secret]
        found = await asyncio.shield(addresses)
        check_addresses(url.scheme, found, self.allowed)
        if url.raw_host is not None and (number := as_number(url.raw_host)) is not None:
            url = url.with_host(str(number))
        body = body_of(due)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            **signed_headers(message_id(due.id), int(time.time()), body, keys),
        }
        connector = aiohttp.TCPConnector(
            resolver=_Looked(found), use_dns_cache=False, ssl=self.tls, force_close=True, limit=1
        )
        async with (
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),  # ours is around all of it
                auto_decompress=False,
                trust_env=False,
            ) as client,
            client.post(url, data=body, headers=headers, allow_redirects=False) as response,
        ):
            text = "" if response.status < 300 else await _beginning(response)
            # Not even the rest of the answer is waited for.
            response.close()
            return _Answer(response.status, text, _seconds(response.headers.get("Retry-After")))


def _heard(asked: asyncio.Future[Sequence[Address]]) -> None:
    """A name server that fails after everybody gave it up is nothing to complain about."""
    if not asked.cancelled():
        asked.exception()


@dataclass(frozen=True, slots=True)
class _Looked(AbstractResolver):
    """Gives the addresses that were looked at, whatever is asked."""

    addresses: Sequence[Address]

    async def resolve(self, host: str, port: int = 0, family: AddressFamily = AF_UNSPEC) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=AddressFamily.AF_INET if address.version == 4 else AddressFamily.AF_INET6,
                proto=0,
                flags=0,
            )
            for address in self.addresses
        ]

    async def close(self) -> None:
        """There is nothing to close."""


def body_of(due: DueDelivery) -> bytes:
    """The same bytes at every attempt."""
    event: dict[str, Any] = {
        "type": due.event_type,
        "timestamp": due.created_at.isoformat(),
        "data": due.payload,
    }
    return orjson.dumps(event)


def _code_of(status: int) -> str | None:
    if 200 <= status < 300:
        return None
    return "redirect" if 300 <= status < 400 else "status"


def error_code(error: Exception) -> str:
    match error:
        case UnreadableError():
            return "secret_unreadable"
        case RefusedUrlError():
            return "address_refused"
        case gaierror():
            return "name_unknown"
        case TimeoutError():
            return "timeout"
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError() | ssl.SSLError():
            return "tls"
        case aiohttp.ClientConnectorError() | ConnectionRefusedError():
            return "not_connected"
        case aiohttp.ClientResponseError():
            return "no_http"
        case aiohttp.ClientError() | OSError():
            return "connection_lost"
        case _:
            return "no_http"


async def _beginning(response: aiohttp.ClientResponse) -> str:
    raw = bytearray()
    try:
        async with asyncio.timeout(BODY_DEADLINE_S):
            while len(raw) < READ_BYTES and (chunk := await response.content.read(READ_BYTES - len(raw))):
                raw += chunk
    except (TimeoutError, aiohttp.ClientError, OSError):
        pass  # what came is what there is
    text = raw.decode("utf-8", "replace")
    return "".join(character if character.isprintable() else " " for character in text)[:KEPT_CHARACTERS]


def _seconds(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 10 else None
