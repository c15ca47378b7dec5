"""Where a media node can be reached over UDP: which addresses it offers as ICE host candidates, and on which ports.

aioice offers every address but 127.0.0.1, so a machine without a network could not reach itself, and takes any port, so
no firewall could be opened for it. It has no setting for either: its function and the class that aiortc makes
connections of are replaced, for the process. An address that is not the machine's own is that of a router which hands
everything on (1:1 NAT): it is offered, and every address of the machine is listened on.
"""

from __future__ import annotations

import asyncio
import errno
import random
import socket
from collections.abc import Sequence

import aioice.ice
import aiortc.rtcicetransport
from aioice.candidate import Candidate, candidate_foundation, candidate_priority

from media_server.errors import NoPortError

EVERYWHERE = "0.0.0.0"  # noqa: S104 - what is offered is another address, and a router hands it on
RECEIVE_BUFFER_BYTES = 256 * 1024
"""Of each socket, as aioice has it."""

_every_address = aioice.ice.get_host_addresses
_offered: tuple[str, ...] = ()
_ports: range | None = None


def machine_addresses() -> list[str]:
    """What is offered when no address was named."""
    return ["127.0.0.1", *_every_address(use_ipv4=True, use_ipv6=False)]


def offer_addresses(addresses: Sequence[str], ports: range | None = None) -> None:
    """Offer these addresses, on these ports.

    Args:
        addresses: when there are none, every address of the machine and 127.0.0.1.
        ports: None: whichever the system gives.
    """
    global _offered, _ports

    def chosen(use_ipv4: bool, use_ipv6: bool) -> list[str]:
        return list(addresses) or machine_addresses()

    _offered, _ports = tuple(addresses), ports
    aioice.ice.get_host_addresses = chosen
    aiortc.rtcicetransport.Connection = _Connection  # type: ignore[attr-defined]


def offered() -> tuple[str, ...]:
    """What was named; empty: every address of the machine."""
    return _offered


class _Connection(aioice.Connection):
    """An ICE agent with host candidates only."""

    async def get_component_candidates(self, component: int, addresses: list[str], timeout: int = 5) -> list[Candidate]:
        """aioice's own, less what a server does not use.

        Raises:
            NoPortError: every port of the range is taken.
        """
        if self.stun_server or self.turn_server:
            return list(await super().get_component_candidates(component, addresses, timeout))
        return [await self._host_candidate(component, address) for address in addresses]

    async def _host_candidate(self, component: int, address: str) -> Candidate:
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_datagram_endpoint(lambda: aioice.ice.StunProtocol(self), sock=_bound(address))
        self._protocols.append(protocol)
        protocol.local_candidate = Candidate(
            foundation=candidate_foundation("host", "udp", address),
            component=component,
            transport="udp",
            priority=candidate_priority(component, "host"),
            host=address,
            port=protocol.transport.get_extra_info("sockname")[1],
            type="host",
        )
        return protocol.local_candidate


def _bound(address: str) -> socket.socket:
    """A socket on a port that is free.

    Raises:
        NoPortError
    """
    # From anywhere in the range on, so that two nodes of a machine seldom meet.
    begin = 0 if _ports is None else random.randrange(len(_ports))  # noqa: S311
    for place in range(1 if _ports is None else len(_ports)):
        port = 0 if _ports is None else _ports[(begin + place) % len(_ports)]
        for host in (address, EVERYWHERE):
            sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            try:
                sock.bind((host, port))
            except OSError as error:
                sock.close()
                if error.errno != errno.EADDRNOTAVAIL:
                    break
            else:
                return sock
    raise NoPortError
