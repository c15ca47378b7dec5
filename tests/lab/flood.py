"""Datagrams at a rate, from a network of their own: `python -m tests.lab.flood`, one process.

It goes into a new namespace and says `ready`. Whoever commands it gives it an interface, and then one line of JSON
(`Orders`); it answers with what it sent.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from dataclasses import dataclass

from tests.lab.namespaces import ip, make_namespace

BATCH = 20


@dataclass(frozen=True, slots=True)
class Orders:
    interface: str
    host: str
    target: tuple[str, int]
    per_s: int
    seconds: float


def flood(orders: Orders) -> int:
    """Media of a stranger: what costs the node most before it is dropped."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((orders.host, 0))
    sock.connect(tuple(orders.target))
    packet = b"\x80\x60" + os.urandom(170)
    sent, began_s = 0, time.monotonic()
    while (elapsed_s := time.monotonic() - began_s) < orders.seconds:
        while sent < elapsed_s * orders.per_s:
            for _ in range(BATCH):
                sock.send(packet)
            sent += BATCH
        time.sleep(0.0005)
    return sent


def main() -> None:
    make_namespace()
    print("ready", flush=True)  # noqa: T201
    orders = Orders(**json.loads(sys.stdin.readline()))
    ip(f"addr add {orders.host}/24 dev {orders.interface}")
    ip(f"link set {orders.interface} up")
    ip(f"route add default dev {orders.interface}")
    print(json.dumps(flood(orders)), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
