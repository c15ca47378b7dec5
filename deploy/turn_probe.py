"""What keeps a TURN server from relaying: asked step by step, each with its own answer (RFC 8656).

Steps: its name, its port, our credentials, the address it relays from, the media server as a peer.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import socket
import ssl
import struct
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from aioice import stun, turn

from control_api.sessions.ice import ice_servers
from control_api.settings import TurnSettings

ANSWER_S = 3.0
A_YEAR_S = 365 * 24 * 3600
_STUN_MAGIC = 0x2112A442
UNAUTHORIZED, FORBIDDEN, QUOTA_REACHED, NO_CAPACITY = 401, 403, 486, 508


class TurnFaultError(Exception):
    """One thing that is wrong; the message says it, `fix` what to do."""

    def __init__(self, code: str, message: str, fix: str) -> None:
        super().__init__(message)
        self.code = code
        self.fix = fix


@dataclass(frozen=True, slots=True)
class TurnUrl:
    """RFC 7065."""

    text: str
    host: str
    port: int
    transport: str
    """udp, tcp or tls."""

    @classmethod
    def parse(cls, text: str) -> TurnUrl:
        """
        Raises:
            TurnFaultError
        """
        scheme, _, rest = text.partition(":")
        address, _, query = rest.partition("?")
        host, _, port = address.rpartition(":") if ":" in address else (address, "", "")
        if scheme not in {"turn", "turns"} or not host or not (port.isdecimal() or not port):
            fix = "write it like turn:turn.example.org:3478?transport=udp, several with commas"
            raise TurnFaultError("url", f"{text!r} is no TURN address", fix)
        transport = "tls" if scheme == "turns" else ("tcp" if "transport=tcp" in query else "udp")
        return cls(text, host, int(port or (5349 if scheme == "turns" else 3478)), transport)


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a server relays."""

    relay_address: str
    peers: tuple[str, ...]
    """Of the media server's addresses, those that it relays to."""


async def ask(url: TurnUrl, secret: str, peers: Sequence[str]) -> Allowed:
    """Go through the steps.

    Raises:
        TurnFaultError: the first one that failed.
    """
    server = await _resolve(url)
    await _reach(url, server)
    async with _allocation(url, server, *_credentials(secret, 0), secret=secret) as client:
        relay_address = str(client.relayed_address[0])
        _check_routable(server, relay_address)
        granted = tuple([peer for peer in peers if await _is_granted(client, peer)])
    if not granted:
        fix = "name one of them under LIVECONVO_TURN_MEDIA_ADDRESSES of the TURN server, see turn/README.md"
        raise TurnFaultError("peers_denied", f"it refuses to relay to {', '.join(peers)} (403)", fix)
    return Allowed(relay_address, granted)


def credentials(secret: str) -> tuple[str, str]:
    """What the control API would give somebody who joins now."""
    return _credentials(secret, 0)


def _credentials(secret: str, later_s: int) -> tuple[str, str]:
    issued = ice_servers(TurnSettings(urls=("turn:",), secret=secret), uuid4(), int(time.time()) + later_s)[0]
    return issued.username, issued.credential


async def _resolve(url: TurnUrl) -> tuple[str, int]:
    try:
        async with asyncio.timeout(ANSWER_S):
            found = await asyncio.get_running_loop().getaddrinfo(url.host, url.port, family=socket.AF_INET)
    except (OSError, TimeoutError) as error:
        fix = "check LIVECONVO_TURN_URLS and the name server; the relay needs an IPv4 address"
        raise TurnFaultError("name", f"the name {url.host} has no IPv4 address here", fix) from error
    return str(found[0][4][0]), url.port


async def _reach(url: TurnUrl, server: tuple[str, int]) -> None:
    """Whether anything answers at the port."""
    if url.transport == "udp":
        await asyncio.to_thread(_reach_over_udp, server)
        return
    try:
        async with asyncio.timeout(ANSWER_S):
            _, writer = await asyncio.open_connection(*server)
            writer.close()
    except ConnectionRefusedError as error:
        raise _closed(server, "TCP") from error
    except (OSError, TimeoutError) as error:
        raise _silent(server, "TCP") from error


def _reach_over_udp(server: tuple[str, int]) -> None:
    """An Allocate request without credentials (RFC 8656 §7.1): a TURN server must answer it, if only with 401."""
    transaction = os.urandom(12)
    requested_transport = struct.pack("!HHB3x", 0x0019, 4, 17)
    request = struct.pack("!HHI", 0x0003, len(requested_transport), _STUN_MAGIC) + transaction + requested_transport
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.settimeout(ANSWER_S / 3)
        for _ in range(3):
            try:
                line.connect(server)
                line.send(request)
                if line.recv(1500)[8:20] == transaction:
                    return
            except ConnectionRefusedError as error:
                raise _closed(server, "UDP") from error
            except TimeoutError:
                continue
            except OSError as error:
                raise _silent(server, "UDP") from error
    raise _silent(server, "UDP")


def _closed(server: tuple[str, int], protocol: str) -> TurnFaultError:
    host, port = server
    fix = "start the TURN server, or correct the port in LIVECONVO_TURN_URLS"
    return TurnFaultError("closed", f"nobody listens at {host} {port}/{protocol}", fix)


def _silent(server: tuple[str, int], protocol: str) -> TurnFaultError:
    host, port = server
    fix = f"open {port}/{protocol} in the firewalls on the way, and check that the server runs"
    return TurnFaultError("silent", f"no answer from {host} {port}/{protocol}", fix)


@asynccontextmanager
async def _allocation(
    url: TurnUrl, server: tuple[str, int], username: str, password: str, *, secret: str
) -> AsyncIterator[Any]:
    try:
        async with asyncio.timeout(ANSWER_S):
            client = await _allocate(url, server, username, password)
    except stun.TransactionFailed as error:
        raise await _refused(url, server, error.response.error_code or 0, secret) from error
    except ssl.SSLError as error:
        fix = "give coturn a certificate for this name that browsers trust"
        raise TurnFaultError("certificate", f"its certificate is refused ({error.reason})", fix) from error
    except (OSError, TimeoutError, stun.TransactionError) as error:
        raise _silent(server, url.transport.upper()) from error
    try:
        yield client
    finally:
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(ANSWER_S):
                await client.delete()
        client.transport.abort()
        await asyncio.sleep(0)


async def _allocate(url: TurnUrl, server: tuple[str, int], username: str, password: str) -> Any:
    """A client of aioice's with an allocation."""
    loop = asyncio.get_running_loop()
    arguments = (server, username, password, 600, 500)
    transport: asyncio.BaseTransport
    client: Any
    if url.transport == "udp":
        transport, client = await loop.create_datagram_endpoint(
            lambda: turn.TurnClientUdpProtocol(*arguments), remote_addr=server
        )
    else:
        host, port = server
        context = ssl.create_default_context() if url.transport == "tls" else None
        name = url.host if context else None
        transport, client = await loop.create_connection(
            lambda: turn.TurnClientTcpProtocol(*arguments), host, port, ssl=context, server_hostname=name
        )
    try:
        await client.connect()
    except BaseException:
        transport.close()
        raise
    return client


async def _refused(url: TurnUrl, server: tuple[str, int], code: int, secret: str) -> TurnFaultError:
    if code in {QUOTA_REACHED, NO_CAPACITY}:
        fix = "raise its quota or its range of relay ports, or wait"
        return TurnFaultError("full", f"it has no place for another allocation ({code})", fix)
    if code != UNAUTHORIZED:
        return TurnFaultError("refused", f"it refuses an allocation ({code})", "look into its log")
    if await _would_take_later_credentials(url, server, secret):
        fix = "set the clocks of both machines (NTP)"
        return TurnFaultError("clock", "fresh credentials have expired there: its clock is ahead of this one", fix)
    fix = "set LIVECONVO_TURN_SECRET to the same value here and at the TURN server"
    return TurnFaultError("secret", "it refuses our credentials (401): another secret", fix)


async def _would_take_later_credentials(url: TurnUrl, server: tuple[str, int], secret: str) -> bool:
    try:
        async with asyncio.timeout(ANSWER_S):
            client = await _allocate(url, server, *_credentials(secret, A_YEAR_S))
            await client.delete()
    except (OSError, TimeoutError, stun.TransactionError):
        return False
    return True


def _check_routable(server: tuple[str, int], relay_address: str) -> None:
    if ipaddress.ip_address(server[0]).is_global and not ipaddress.ip_address(relay_address).is_global:
        message = f"it relays from {relay_address}, which nobody outside its own network can answer"
        raise TurnFaultError("relay_address", message, "set LIVECONVO_TURN_EXTERNAL_IP to its public address")


async def _is_granted(client: Any, peer: str) -> bool:
    request = stun.Message(message_method=stun.Method.CREATE_PERMISSION, message_class=stun.Class.REQUEST)
    request.attributes["XOR-PEER-ADDRESS"] = (peer, 0)
    try:
        async with asyncio.timeout(ANSWER_S):
            await client.request_with_retry(request)
    except (stun.TransactionError, TimeoutError):
        return False
    return True
