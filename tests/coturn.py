"""A real coturn with the project's configuration, on loopback, and clients of it.

Where a test says so it relays to loopback too, by two settings that no production server has: 127.0.0.1 as a media
address, and the argument `--allow-loopback-peers`.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
import secrets
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast
from uuid import UUID, uuid4

import pytest
from aioice import stun, turn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from control_api.sessions.ice import ice_servers
from control_api.settings import TurnSettings
from deploy.ports import free_port, free_ports

ENTRYPOINT = Path(__file__).parents[1] / "turn" / "entrypoint.sh"
START_S = 10
WAIT_S = 5
RELAY_PORTS = 256
"""coturn does not give a port again for a while."""


@dataclass(frozen=True, slots=True)
class Coturn:
    address: tuple[str, int]
    tls_address: tuple[str, int]
    secret: str
    previous_secret: str
    relay_port: int
    """The first of `RELAY_PORTS`."""
    log: Path
    process: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def kill(self) -> None:
        """At once, without a goodbye to anybody."""
        self.process[0].kill()
        self.process[0].wait(WAIT_S)


def require_coturn() -> None:
    if shutil.which("turnserver"):
        return
    if os.environ.get("CI") == "true":
        pytest.fail("coturn is not installed")
    pytest.skip("coturn is not installed")


def write_certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "turn.crt", folder / "turn.key"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_file, key_file


@contextlib.contextmanager
def running_coturn(folder: Path, *arguments: str, like: Coturn | None = None, **settings: str) -> Iterator[Coturn]:
    """
    Args:
        like: one whose ports and secrets are taken again.
    """
    certificate, key = write_certificate(folder)
    server = Coturn(
        like.address if like else ("127.0.0.1", free_port()),
        like.tls_address if like else ("127.0.0.1", free_port()),
        like.secret if like else secrets.token_hex(32),
        like.previous_secret if like else secrets.token_hex(32),
        like.relay_port if like else free_ports(RELAY_PORTS),
        folder / "turn.log",
    )
    environment = {
        "PATH": os.environ["PATH"],
        "RUNTIME_DIRECTORY": str(folder),
        "LIVECONVO_TURN_SECRET": server.secret,
        "LIVECONVO_TURN_SECRET_PREVIOUS": server.previous_secret,
        "LIVECONVO_TURN_ADDRESS": "127.0.0.1",
        "LIVECONVO_TURN_PORT": str(server.address[1]),
        "LIVECONVO_TURN_TLS_PORT": str(server.tls_address[1]),
        "LIVECONVO_TURN_MIN_PORT": str(server.relay_port),
        "LIVECONVO_TURN_MAX_PORT": str(server.relay_port + RELAY_PORTS - 1),
        "LIVECONVO_TURN_CERTIFICATE": str(certificate),
        "LIVECONVO_TURN_KEY": str(key),
        **settings,
    }
    with server.log.open("wb") as log:
        process = subprocess.Popen([ENTRYPOINT, *arguments], env=environment, stdout=log, stderr=subprocess.STDOUT)
        server.process.append(process)
        try:
            wait_until_listening(server, process)
            yield server
        finally:
            process.terminate()
            process.wait(WAIT_S)


def wait_until_listening(server: Coturn, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(server.tls_address, 1):
            return
        time.sleep(0.02)
    raise RuntimeError(server.log.read_text())


def credentials(secret: str, *, participant_id: UUID | None = None, age_s: int = 0) -> tuple[str, str]:
    """What the control API gives a participant who joins."""
    settings = TurnSettings(urls=("turn:127.0.0.1",), secret=secret)
    issued = ice_servers(settings, participant_id or uuid4(), int(time.time()) - age_s)[0]
    return issued.username, issued.credential


_used_ports: set[int] = set()


def socket_to(server: Coturn) -> socket.socket:
    """On a port that no client here had before.

    coturn remembers a client's port for a while after an allocation was refused or deleted: whoever gets it next is
    refused with 437 (RFC 8656 §7.4), or has no answer at all.
    """
    with contextlib.ExitStack() as had_before:
        while True:
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.setblocking(False)
            sock.connect(server.address)
            port = sock.getsockname()[1]
            if port not in _used_ports:
                _used_ports.add(port)
                return sock
            had_before.callback(sock.close)


@contextlib.asynccontextmanager
async def client(server: Coturn, username: str, password: str) -> AsyncIterator[turn.TurnClientUdpProtocol]:
    """A TURN client over UDP, without an allocation yet."""
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: turn.TurnClientUdpProtocol(server.address, username, password, 600, 500), sock=socket_to(server)
    )
    try:
        yield protocol
    finally:
        if protocol.refresh_task:
            protocol.refresh_task.cancel()
        transport.close()


@contextlib.asynccontextmanager
async def allocation(server: Coturn, username: str, password: str) -> AsyncIterator[turn.TurnClientUdpProtocol]:
    """An allocation, given back at the end.

    Raises:
        stun.TransactionFailed: it was refused.
    """
    async with client(server, username, password) as allocating:
        await allocating.connect()
        yield allocating
        await allocating.delete()


async def allocation_error(server: Coturn, username: str, password: str) -> int | None:
    """The code that an allocation is refused with; None when it is granted."""
    try:
        async with asyncio.timeout(WAIT_S), allocation(server, username, password):
            return None
    except stun.TransactionFailed as refusal:
        code: int = refusal.response.error_code
        return code


async def peer_errors(server: Coturn, peer: str) -> set[int | None]:
    """The codes that CreatePermission and ChannelBind for `peer` are refused with."""
    async with asyncio.timeout(WAIT_S), allocation(server, *credentials(server.secret)) as allocated:
        codes: set[int | None] = set()
        for method in (stun.Method.CREATE_PERMISSION, stun.Method.CHANNEL_BIND):
            request = stun.Message(message_method=method, message_class=stun.Class.REQUEST)
            request.attributes["XOR-PEER-ADDRESS"] = (peer, 5432)
            if method is stun.Method.CHANNEL_BIND:
                request.attributes["CHANNEL-NUMBER"] = 0x4000
            try:
                await allocated.request_with_retry(request)
                codes.add(None)
            except stun.TransactionFailed as refusal:
                codes.add(refusal.response.error_code)
        return codes


class Echo(asyncio.DatagramProtocol):
    """Sends back what comes, and remembers from where."""

    def __init__(self) -> None:
        self.senders: set[tuple[str, int]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.senders.add(addr)
        self._transport.sendto(data, addr)


class Inbox(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.received: asyncio.Queue[bytes] = asyncio.Queue(maxsize=16)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.received.put_nowait(data)


async def relayed_echo(server: Coturn, transport: str) -> bytes:
    """What comes back from a peer on loopback through the relay."""
    address = server.tls_address if transport == "tls" else server.address
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    username, password = credentials(server.secret)
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(WAIT_S):
        echo_transport, echo = await loop.create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
        relay, inbox = await turn.create_turn_endpoint(
            Inbox,
            server_addr=address,
            username=username,
            password=password,
            transport="udp" if transport == "udp" else "tcp",
            ssl=context if transport == "tls" else None,
        )
        try:
            relay.sendto(b"anybody there?", echo_transport.get_extra_info("sockname"))
            answer = await inbox.received.get()
            assert echo.senders == {relay.get_extra_info("sockname")}
            return answer
        finally:
            await relay._close()
            # Closing TLS waits for the other side; a transport that outlives the loop is a warning in a later test.
            relay._TurnTransport__inner_protocol.transport.abort()
            echo_transport.close()
            await asyncio.sleep(0.05)
