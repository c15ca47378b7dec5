"""What a TURN server lets out of a network of its own; run in a network namespace: `python -m tests.turn_probes`.

Every address to be probed is put on the loopback device, with one listener behind all of them, so a packet that leaves
the relay arrives. Prints the peers that were reached, as a JSON list.

argv: the folder for coturn's files, its user, then `config`, `nft` or nothing: the layers that hold. With `flood` it
asks for allocations in the name of one address again and again, without credentials, and prints what came of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

from aioice import stun, turn

from control_api.sessions.ice import ice_servers
from control_api.settings import TurnSettings
from tests.coturn import START_S
from tests.turn_peers import IPV6_PEERS, MEDIA_SERVER, PRIVATE_PEERS, PUBLIC_PEER, RELAY

TURN = Path(__file__).parents[1] / "turn"
PORT, RELAY_PORTS = 3478, (20_000, 20_100)
SETTLE_S = 0.3
FLOOD = 2_000


def main(folder: Path, user: str, layers: set[str]) -> None:
    secret = secrets.token_hex(32)
    addresses = [peer for peer in (*PRIVATE_PEERS, MEDIA_SERVER, PUBLIC_PEER, RELAY) if _can_be_held(peer)]
    for command in (
        ["ip", "link", "set", "lo", "up"],
        *(["ip", "addr", "add", f"{address}/32", "dev", "lo"] for address in addresses),
    ):
        subprocess.run(command, check=False, capture_output=True)  # some are there already
    environment = {
        "PATH": os.environ["PATH"],
        "RUNTIME_DIRECTORY": str(folder / "run"),
        "LIVECONVO_TURN_USER": user,
        "LIVECONVO_TURN_SECRET": secret,
        "LIVECONVO_TURN_ADDRESS": RELAY,
        "LIVECONVO_TURN_MEDIA_ADDRESSES": MEDIA_SERVER,
        "LIVECONVO_TURN_MIN_PORT": str(RELAY_PORTS[0]),
        "LIVECONVO_TURN_MAX_PORT": str(RELAY_PORTS[1]),
    }
    if "nft" in layers:
        rules = subprocess.run([TURN / "firewall.sh"], env=environment, check=True, capture_output=True).stdout
        subprocess.run(["nft", "-f", "-"], input=rules, check=True)
    # A copy: the user that coturn runs as may not be able to enter the checkout.
    shutil.copytree(TURN, folder / "turn")
    if "config" not in layers:
        _take_away_denied_peers(folder / "turn")
    account = pwd.getpwnam(user)
    (folder / "run").mkdir()
    os.chown(folder / "run", account.pw_uid, account.pw_gid)
    with (folder / "turn.log").open("wb") as log:
        coturn = subprocess.Popen(
            [folder / "turn" / "entrypoint.sh", "--allow-loopback-peers"],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=[],
        )
    try:
        arrived: object = asyncio.run(_flood(secret) if "flood" in layers else _probe(secret))
    finally:
        coturn.terminate()
        coturn.wait(5)
    print(json.dumps(arrived))  # noqa: T201


def _can_be_held(peer: str) -> bool:
    address = ipaddress.ip_address(peer)
    return not (address.is_multicast or address.is_unspecified or peer in {"0.0.0.1", "255.255.255.255"})


def _take_away_denied_peers(folder: Path) -> None:
    for file in ("entrypoint.sh", "turnserver.conf"):
        lines = (folder / file).read_text().splitlines()
        kept = [line for line in lines if "denied-peer-ip=" not in line]
        assert len(kept) < len(lines)
        (folder / file).write_text("\n".join(kept) + "\n")


async def _probe(secret: str) -> list[str]:
    """The peers that the relay's packets reached."""
    loop = asyncio.get_running_loop()
    ear = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    ear.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    ear.setblocking(False)
    ear.bind(("::", 0))
    _, arrivals = await loop.create_datagram_endpoint(Arrivals, sock=ear)
    await _wait_for_coturn()
    peers = (*PRIVATE_PEERS, *IPV6_PEERS, MEDIA_SERVER, PUBLIC_PEER, RELAY)
    await asyncio.gather(*(_send(secret, peer, ear.getsockname()[1]) for peer in peers))
    await asyncio.sleep(SETTLE_S)
    return sorted(arrivals.peers)


async def _flood(secret: str) -> dict[str, float]:
    """Bytes that came to one address, for each that were sent in its name; and allocations that others got then."""
    await _wait_for_coturn()
    ask = stun.Message(stun.Method.ALLOCATE, stun.Class.REQUEST)
    ask.attributes["REQUESTED-TRANSPORT"] = turn.UDP_TRANSPORT
    sent = received = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as victim:
        victim.bind((PUBLIC_PEER, 0))
        victim.setblocking(False)
        for number in range(FLOOD):
            sent += victim.sendto(bytes(ask), (RELAY, PORT))
            if number % 20 == 0:
                await asyncio.sleep(0.005)
            received += _waiting_bytes(victim)
        await asyncio.sleep(SETTLE_S)
        received += _waiting_bytes(victim)
    granted = 0
    for _ in range(3):
        await _send(secret, MEDIA_SERVER, 9)
        granted += 1
    return {"bytes_out_per_byte_in": received / sent, "granted_to_others": granted}


def _waiting_bytes(one: socket.socket) -> int:
    total = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            total += len(one.recv(2_048))
    return total


class Arrivals(asyncio.DatagramProtocol):
    """Each probe names the peer it is for."""

    def __init__(self) -> None:
        self.peers: set[str] = set()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.peers.add(data.decode())


async def _send(secret: str, peer: str, port: int) -> None:
    user = ice_servers(TurnSettings(urls=("turn:x",), secret=secret), uuid4(), int(time.time()))[0]
    transport, client = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: turn.TurnClientUdpProtocol((RELAY, PORT), user.username, user.credential, 600, 500),
        remote_addr=(RELAY, PORT),
    )
    async with asyncio.timeout(10):
        await client.connect()
        with contextlib.suppress(stun.TransactionError):  # refused: it cannot arrive
            await client.send_data(peer.encode(), (peer, port))
    assert client.refresh_task is not None
    client.refresh_task.cancel()
    transport.close()


async def _wait_for_coturn() -> None:
    async with asyncio.timeout(START_S):
        while True:
            try:
                _, writer = await asyncio.open_connection(RELAY, PORT)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], set(sys.argv[3:]))
