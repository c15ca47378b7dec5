"""A client's network and a server's, with a bad link between them that a test commands."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import aioice.ice

from tests.lab.line import DARK, GOOD, Conditions
from tests.lab.link import CLIENT_HOST, CLIENT_INTERFACE, SERVER_HOST
from tests.lab.namespaces import NamespaceLoop, present_host

START_S, ORDER_S, STOP_S = 15.0, 10.0, 5.0


@dataclass(frozen=True, slots=True)
class Traffic:
    """What one direction was given, and what arrived, by kind of packet."""

    given: dict[str, int]
    passed: dict[str, int]


@dataclass(frozen=True, slots=True)
class Counts:
    to_server: Traffic
    to_client: Traffic
    cpu_s: float


class Lab:
    def __init__(self, control: socket.socket) -> None:
        self._control = control.makefile("rwb")
        paths = json.loads(self._control.readline())
        self.client = NamespaceLoop(paths["client"], CLIENT_HOST)
        self.server = NamespaceLoop(paths["server"], SERVER_HOST)
        self.paths: dict[str, str] = paths
        """Of the namespaces: for `nsenter --net=PATH`."""

    async def set(self, conditions: Conditions, *, to_client: Conditions | None = None) -> None:
        """Of both directions, unless another one is given for that to the client."""
        back = conditions if to_client is None else to_client
        await self._order(to_server=asdict(conditions), to_client=asdict(back))

    async def blackout(self, seconds: float) -> None:
        await self.set(DARK)
        await asyncio.sleep(seconds)
        await self.set(GOOD)

    async def rebind(self) -> None:
        """The client's NAT forgets it."""
        await self._order(rebind=True)

    async def unplug(self, seconds: float) -> None:
        """The client has no network for so long, and knows it."""
        await self.client.ip(f"link set {CLIENT_INTERFACE} down")
        await asyncio.sleep(seconds)
        await self.client.ip(f"link set {CLIENT_INTERFACE} up")
        await self.client.ip(f"route replace default dev {CLIENT_INTERFACE} src {self.client.host}")

    async def move_client(self, host: str) -> None:
        """The client is in another network, with an address of that one and no other."""
        await self.client.move(CLIENT_INTERFACE, host)

    async def counts(self) -> Counts:
        answer = await self._order()
        return Counts(Traffic(**answer["to_server"]), Traffic(**answer["to_client"]), answer["cpu_s"])

    async def _order(self, **order: Any) -> dict[str, Any]:
        async with asyncio.timeout(ORDER_S):
            return await asyncio.to_thread(self._ask, order)

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        self._control.write(json.dumps(order).encode() + b"\n")
        self._control.flush()
        answer: dict[str, Any] = json.loads(self._control.readline())
        return answer


@contextmanager
def running_lab(seed: int = 1) -> Iterator[Lab]:
    """Both loops run; everything is gone afterwards."""
    with ExitStack() as stack:
        ours, theirs = socket.socketpair()
        ours.settimeout(START_S)
        stack.callback(ours.close)
        link = subprocess.Popen(
            [sys.executable, "-m", "tests.lab.link", str(theirs.fileno()), str(seed)], pass_fds=[theirs.fileno()]
        )
        stack.callback(_stop, link)
        theirs.close()
        lab = Lab(ours)
        stack.callback(lab._control.close)
        stack.enter_context(lab.server)
        stack.enter_context(lab.client)
        yield lab


def _stop(link: subprocess.Popen[bytes]) -> None:
    link.terminate()
    try:
        link.wait(STOP_S)
    finally:
        link.kill()


@contextmanager
def own_addresses() -> Iterator[None]:
    """ICE agents offer the address of the namespace that they are in; elsewhere what they offered before."""
    before = aioice.ice.get_host_addresses

    def own(use_ipv4: bool, use_ipv6: bool) -> list[str]:
        host = present_host()
        return before(use_ipv4, use_ipv6) if host is None else [host]

    aioice.ice.get_host_addresses = own
    try:
        yield
    finally:
        aioice.ice.get_host_addresses = before
