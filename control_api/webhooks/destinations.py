"""Where a delivery may go: https to public addresses, so that nobody makes this server knock at its own neighbours.

Rules:
- Every address of a name is looked at, and one that is not public refuses them all. Whoever connects takes the
  addresses that were looked at and asks no name server again.
- Numbers in any spelling, and IPv6 addresses that stand for an IPv4 one, are the address that they mean.
- The installation may name networks of its own that are allowed all the same; to those plain http will do.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from yarl import URL

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
MAX_URL = 2048

_NAT64 = ip_network("64:ff9b::/96")
_NOT_FOR_US: tuple[Network, ...] = (
    ip_network("168.63.129.16/32"),  # Azure's host, a public number that every machine there reaches
    ip_network("192.0.0.0/24"),  # RFC 6890, for protocols; Oracle's metadata among them
    ip_network("::/96"),  # IPv4-compatible, RFC 4291
    ip_network("64:ff9b:1::/48"),  # IPv4 behind a prefix of one's own, RFC 8215
    ip_network("2001::/23"),  # for protocols, Teredo among them
    ip_network("2002::/16"),  # 6to4, RFC 3056
    ip_network("fec0::/10"),  # site-local, RFC 3879
)


class RefusedUrlError(ValueError):
    """The message says why, in a word or two."""


def parsed_url(url: str, allowed: Sequence[Network]) -> URL:
    """An address that may be somebody's receiver, as far as one can tell without asking a name server.

    Raises:
        RefusedUrlError
    """
    try:
        parts = URL(url)
        host = parts.raw_host
        port = parts.port
    except ValueError:
        raise RefusedUrlError("not an address") from None
    if parts.scheme not in {"https", "http"} or not host or not port or len(url) > MAX_URL or not url.isascii():
        raise RefusedUrlError("not an address")
    if "%" in host or any(character <= " " or character == "\\" for character in url):
        raise RefusedUrlError("not an address")
    if parts.user is not None or parts.password is not None or parts.fragment:
        raise RefusedUrlError("an address without user, password and fragment")
    if parts.scheme == "http" and not allowed:
        raise RefusedUrlError("https only")
    address = as_number(host)
    # What looks like a number to the client, and is none, the client would look up by itself.
    is_odd = address is None and (":" in host or host.replace(".", "").isdigit())
    if is_odd or (address is not None and not may_reach(address, allowed)):
        raise RefusedUrlError("not a public address")
    return parts


def as_number(host: str) -> Address | None:
    """The address that a host name spells, in whatever way a resolver would read it; None: it is a name."""
    try:
        found = socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return None
    return ip_address(str(found[0][4][0]).partition("%")[0])


def may_reach(address: Address, allowed: Sequence[Network]) -> bool:
    """Whether it is public, or one that the installation allows."""
    meant = _meant(address)
    return _is_in(meant, allowed) or (
        meant.is_global and not meant.is_multicast and not meant.is_reserved and not _is_in(meant, _NOT_FOR_US)
    )


def check_addresses(scheme: str, addresses: Sequence[Address], allowed: Sequence[Network]) -> None:
    """
    Raises:
        RefusedUrlError: there is none, or one of them is not to be reached.
    """
    if not addresses:
        raise RefusedUrlError("no address")
    for address in addresses:
        if not may_reach(address, allowed):
            raise RefusedUrlError("not a public address")
        if scheme != "https" and not _is_in(_meant(address), allowed):
            raise RefusedUrlError("https only")


def read_networks(text: str) -> tuple[Network, ...]:
    """Networks and single addresses, with commas.

    Raises:
        ValueError
    """
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def _meant(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for: mapped (RFC 4291) or translated (RFC 6052)."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
