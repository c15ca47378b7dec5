"""The link between a client's network and a server's: `python -m tests.lab.link CONTROL SEED`, one process.

It makes two namespaces, of the client and of the server, each with an interface whose packets it reads; every packet
passes a `Line` on its way to the other one, and UDP a NAT. It ends when its control socket does.

Each line of JSON on the control socket is an order and is answered by one line:
- `{"to_server": {…}, "to_client": {…}}`: other conditions, of one direction or of both.
- `{"rebind": true}`: the NAT forgets its mappings.
- `{}`: nothing.
The answer has what each direction was given and what it passed on, by kind of packet, since the link began, and the
processor time that the link took.
"""

from __future__ import annotations

import heapq
import itertools
import json
import os
import select
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Hashable
from contextlib import suppress
from typing import Any

from tests.lab.ip_packets import ends_of, is_udp, kind_of, rtp_sequence_number
from tests.lab.line import Conditions, Line
from tests.lab.namespaces import make_namespace, make_tun
from tests.lab.nat import Nat

CLIENT_HOST, SERVER_HOST, NAT_HOST = "10.77.0.2", "10.77.1.2", "10.77.2.1"
CLIENT_INTERFACE, SERVER_INTERFACE = "client0", "server0"
PACKET_BYTES = 2_048
BATCH = 64
"""Packets of one direction before the other one has its turn."""
REMEMBERED = 512
"""Sequence numbers of RTP that came lately, so that a duplicate does not count as one more that arrived."""


class Direction:
    """One way through the link."""

    def __init__(self, source: int, target: int, seed: int) -> None:
        self.source, self.target = source, target
        self.line = Line(seed)
        self.given: Counter[str] = Counter()
        self.passed: Counter[str] = Counter()
        """With duplicates; `rtp once` is without."""
        self._lately: deque[int] = deque(maxlen=REMEMBERED)

    def note_passed(self, packet: bytes) -> None:
        kind = kind_of(packet)
        self.passed[kind] += 1
        if kind == "rtp" and (number := rtp_sequence_number(packet)) not in self._lately:
            self._lately.append(number)
            self.passed["rtp once"] += 1


class Link:
    def __init__(self, client: int, server: int, seed: int) -> None:
        self.to_server = Direction(client, server, seed)
        self.to_client = Direction(server, client, seed + 1)
        self.nat = Nat(NAT_HOST)
        self._due: list[tuple[float, int, Direction, bytes]] = []
        self._order = itertools.count()

    def read(self, direction: Direction) -> None:
        for _ in range(BATCH):
            try:
                packet = os.read(direction.source, PACKET_BYTES)
            except BlockingIOError:
                return
            if packet[0] >> 4 == 4:
                self._send(direction, packet)

    def _send(self, direction: Direction, packet: bytes) -> None:
        now = time.monotonic()
        direction.given[kind_of(packet)] += 1
        for due in direction.line.arrivals(len(packet), now, self._flow(direction, packet)):
            if due <= now and not self._due:
                self._deliver(direction, packet)
            else:
                heapq.heappush(self._due, (due, next(self._order), direction, packet))

    def _flow(self, direction: Direction, packet: bytes) -> Hashable:
        """A client's socket; what is not UDP is one flow."""
        if not is_udp(packet):
            return None
        ends = ends_of(packet)
        return ends.source if direction is self.to_server else ends.target

    def deliver_due(self) -> float | None:
        """Seconds until the next one; None: there is none."""
        while self._due:
            left_s = self._due[0][0] - time.monotonic()
            if left_s > 0:
                return left_s
            _, _, direction, packet = heapq.heappop(self._due)
            self._deliver(direction, packet)
        return None

    def _deliver(self, direction: Direction, packet: bytes) -> None:
        translated: bytes | None = packet
        if is_udp(packet):
            translated = self.nat.out(packet) if direction is self.to_server else self.nat.back(packet)
        if translated is None:
            return
        with suppress(OSError):  # the interface is down
            os.write(direction.target, translated)
            direction.note_passed(packet)

    def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        for name in ("to_server", "to_client"):
            if name in order:
                getattr(self, name).line.change(Conditions(**order[name]), time.monotonic())
        if order.get("rebind"):
            self.nat.rebind()
        return {
            "to_server": {"given": self.to_server.given, "passed": self.to_server.passed},
            "to_client": {"given": self.to_client.given, "passed": self.to_client.passed},
            "cpu_s": time.process_time(),
        }


def main(control: socket.socket, seed: int) -> None:
    namespaces = {}
    client_ns = make_namespace()
    client = make_tun(CLIENT_INTERFACE, CLIENT_HOST)
    namespaces["client"] = f"/proc/{os.getpid()}/fd/{client_ns}"
    server_ns = make_namespace()
    server = make_tun(SERVER_INTERFACE, SERVER_HOST)
    namespaces["server"] = f"/proc/{os.getpid()}/fd/{server_ns}"
    link = Link(client, server, seed)
    orders = control.makefile("rwb")
    _answer(orders, namespaces)
    watched = [client, server, control.fileno()]
    while True:
        ready, _, _ = select.select(watched, (), (), link.deliver_due())
        if client in ready:
            link.read(link.to_server)
        if server in ready:
            link.read(link.to_client)
        if control.fileno() in ready:
            line = orders.readline()
            if not line:
                return
            _answer(orders, link.obey(json.loads(line)))


def _answer(orders: Any, answer: dict[str, Any]) -> None:
    orders.write(json.dumps(answer).encode() + b"\n")
    orders.flush()


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))
