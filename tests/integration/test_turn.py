"""A real coturn with the project's configuration: who may use it, and what it relays to.

The servers run on loopback. Where a test says so they relay to it as well, by two settings that no production server
has: 127.0.0.1 as a media address, and the argument `--allow-loopback-peers`.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ipaddress
import os
import secrets
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
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

ENTRYPOINT = Path(__file__).parents[2] / "turn" / "entrypoint.sh"
START_S = 10
WAIT_S = 5
QUOTA = 12
RELAY_PORTS = 64

PUBLIC_PEERS = ["8.8.8.8", "151.101.1.69"]
PRIVATE_PEERS = [
    "0.0.0.0",  # noqa: S104 - a peer address to be refused, nothing binds to it
    "0.0.0.1",
    "10.0.0.5",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.254",
    "127.0.0.1",
    "127.1.2.3",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.254",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.254",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
]
IPV6_PEERS = [
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.5",
    "::ffff:169.254.169.254",
    "::10.0.0.5",
    "64:ff9b::a00:5",
    "2001::1",
    "2002:a00:5::1",
    "2606:4700:4700::1111",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "ff02::1",
]


@dataclass(frozen=True, slots=True)
class Coturn:
    address: tuple[str, int]
    tls_address: tuple[str, int]
    secret: str
    previous_secret: str
    log: Path


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
def running_coturn(folder: Path, *arguments: str, **settings: str) -> Iterator[Coturn]:
    port, tls_port, relay_port = free_port(), free_port(), free_ports(RELAY_PORTS)
    certificate, key = write_certificate(folder)
    server = Coturn(
        ("127.0.0.1", port),
        ("127.0.0.1", tls_port),
        secrets.token_hex(32),
        secrets.token_hex(32),
        folder / "turn.log",
    )
    environment = {
        "PATH": os.environ["PATH"],
        "RUNTIME_DIRECTORY": str(folder),
        "LIVECONVO_TURN_SECRET": server.secret,
        "LIVECONVO_TURN_SECRET_PREVIOUS": server.previous_secret,
        "LIVECONVO_TURN_ADDRESS": "127.0.0.1",
        "LIVECONVO_TURN_PORT": str(port),
        "LIVECONVO_TURN_TLS_PORT": str(tls_port),
        "LIVECONVO_TURN_MIN_PORT": str(relay_port),
        "LIVECONVO_TURN_MAX_PORT": str(relay_port + RELAY_PORTS - 1),
        "LIVECONVO_TURN_CERTIFICATE": str(certificate),
        "LIVECONVO_TURN_KEY": str(key),
        **settings,
    }
    with server.log.open("wb") as log:
        process = subprocess.Popen([ENTRYPOINT, *arguments], env=environment, stdout=log, stderr=subprocess.STDOUT)
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


@pytest.fixture(scope="module")
def coturn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coturn]:
    """As in production."""
    require_coturn()
    with running_coturn(tmp_path_factory.mktemp("turn")) as server:
        yield server


@pytest.fixture(scope="module")
def loopback_coturn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coturn]:
    """With the two settings for tests: it relays to 127.0.0.1 too."""
    require_coturn()
    folder = tmp_path_factory.mktemp("turn")
    with running_coturn(folder, "--allow-loopback-peers", LIVECONVO_TURN_MEDIA_ADDRESSES="127.0.0.1") as server:
        yield server


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


async def test_credentials_of_the_control_api_are_accepted(coturn: Coturn) -> None:
    assert await allocation_error(coturn, *credentials(coturn.secret)) is None


async def test_credentials_of_the_previous_secret_are_accepted_while_it_is_set(coturn: Coturn) -> None:
    assert await allocation_error(coturn, *credentials(coturn.previous_secret)) is None


async def test_credentials_of_another_secret_are_refused(coturn: Coturn) -> None:
    assert await allocation_error(coturn, *credentials(secrets.token_hex(32))) == 401


async def test_expired_credentials_are_refused(coturn: Coturn) -> None:
    assert await allocation_error(coturn, *credentials(coturn.secret, age_s=24 * 3600)) == 401


async def test_a_credential_of_another_participant_is_refused(coturn: Coturn) -> None:
    alice, _ = credentials(coturn.secret)
    _, password_of_bob = credentials(coturn.secret)
    assert await allocation_error(coturn, alice, password_of_bob) == 401


async def test_credentials_that_were_made_to_last_longer_are_refused(coturn: Coturn) -> None:
    username, password = credentials(coturn.secret)
    expiry, participant_id = username.split(":")
    assert await allocation_error(coturn, f"{int(expiry) + 3600}:{participant_id}", password) == 401


async def test_nobody_relays_without_credentials(coturn: Coturn) -> None:
    async with asyncio.timeout(WAIT_S), client(coturn, "", "") as stranger:
        request = stun.Message(message_method=stun.Method.ALLOCATE, message_class=stun.Class.REQUEST)
        request.attributes["REQUESTED-TRANSPORT"] = turn.UDP_TRANSPORT
        with pytest.raises(stun.TransactionFailed) as refusal:
            await stranger.request(request)
    assert refusal.value.response.error_code == 401


async def test_a_participant_holds_a_limited_number_of_allocations(coturn: Coturn) -> None:
    participant_id = uuid4()
    async with asyncio.timeout(WAIT_S), contextlib.AsyncExitStack() as stack:
        for _ in range(QUOTA):
            held = allocation(coturn, *credentials(coturn.secret, participant_id=participant_id))
            await stack.enter_async_context(held)
        refused = await allocation_error(coturn, *credentials(coturn.secret, participant_id=participant_id))
        of_somebody_else = await allocation_error(coturn, *credentials(coturn.secret))
    assert (refused, of_somebody_else) == (486, None)


@pytest.mark.parametrize("peer", PUBLIC_PEERS)
async def test_public_peers_are_granted(coturn: Coturn, peer: str) -> None:
    assert await peer_errors(coturn, peer) == {None}


@pytest.mark.parametrize("peer", PRIVATE_PEERS)
async def test_private_and_special_peers_are_refused(coturn: Coturn, peer: str) -> None:
    assert await peer_errors(coturn, peer) == {403}


@pytest.mark.parametrize("peer", IPV6_PEERS)
async def test_ipv6_peers_are_refused(coturn: Coturn, peer: str) -> None:
    assert ipaddress.ip_address(peer).version == 6
    assert await peer_errors(coturn, peer) <= {403, 443}


@pytest.mark.parametrize("peer", [p for p in PRIVATE_PEERS if p != "127.0.0.1"])
async def test_naming_one_media_server_opens_no_other_address(loopback_coturn: Coturn, peer: str) -> None:
    assert await peer_errors(loopback_coturn, peer) == {403}


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_speech_reaches_a_media_server_that_was_named(loopback_coturn: Coturn, transport: str) -> None:
    assert await relayed_echo(loopback_coturn, transport) == b"anybody there?"


async def test_a_binding_request_of_a_stranger_gets_no_answer(coturn: Coturn) -> None:
    async with client(coturn, "", "") as stranger:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await stranger.request(
                    stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
                )


async def test_the_log_holds_no_secret(coturn: Coturn) -> None:
    username, password = credentials(coturn.secret)
    await allocation_error(coturn, username, password)
    await allocation_error(coturn, username, password + "x")
    log = coturn.log.read_text()
    assert not [s for s in (coturn.secret, coturn.previous_secret, password) if s in log]


def test_the_finished_configuration_is_readable_by_its_owner_only(coturn: Coturn) -> None:
    assert (coturn.log.parent / "turnserver.conf").stat().st_mode & 0o777 == 0o600


GOOD = {"LIVECONVO_TURN_SECRET": "0123456789abcdef0123456789abcdef", "LIVECONVO_TURN_ADDRESS": "127.0.0.1"}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"LIVECONVO_TURN_SECRET": ""}, "LIVECONVO_TURN_SECRET "),
        ({"LIVECONVO_TURN_SECRET": "0123456789abcdef0123456789abcde"}, "LIVECONVO_TURN_SECRET "),
        ({"LIVECONVO_TURN_SECRET": "ab" * 32}, "LIVECONVO_TURN_SECRET "),
        ({"LIVECONVO_TURN_SECRET": GOOD["LIVECONVO_TURN_SECRET"] + "\nno-auth"}, "LIVECONVO_TURN_SECRET "),
        ({"LIVECONVO_TURN_SECRET_PREVIOUS": "short"}, "LIVECONVO_TURN_SECRET_PREVIOUS "),
        ({"LIVECONVO_TURN_REALM": "a\nno-auth"}, "LIVECONVO_TURN_REALM "),
        ({"LIVECONVO_TURN_ADDRESS": "::1"}, "LIVECONVO_TURN_ADDRESS "),
        ({"LIVECONVO_TURN_EXTERNAL_IP": "turn.example.org"}, "LIVECONVO_TURN_EXTERNAL_IP "),
        ({"LIVECONVO_TURN_MEDIA_ADDRESSES": "10.0.0.5,10.0.0.0-10.0.0.9"}, "LIVECONVO_TURN_MEDIA_ADDRESSES "),
        ({"LIVECONVO_TURN_PORT": "65536"}, "LIVECONVO_TURN_PORT "),
        ({"LIVECONVO_TURN_MIN_PORT": "50000", "LIVECONVO_TURN_MAX_PORT": "49999"}, "LIVECONVO_TURN_MIN_PORT "),
        ({"LIVECONVO_TURN_CERTIFICATE": "/nowhere.crt"}, "LIVECONVO_TURN_CERTIFICATE "),
    ],
)
def test_it_does_not_start_with_an_unsafe_setting(settings: dict[str, str], named: str) -> None:
    environment = {"PATH": os.environ["PATH"], **GOOD, **settings}
    stopped = subprocess.run([ENTRYPOINT], env=environment, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert stopped.returncode == 78
    assert named in stopped.stderr
