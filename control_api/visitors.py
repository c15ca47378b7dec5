"""Who knocks: the network address behind the proxies that the installation names.

Rules:
- What a request says of itself counts only where a proxy of ours wrote it: `X-Forwarded-For` is read from its end, past
  our own proxies, up to the first address that is none. Without `LIVECONVO_TRUSTED_PROXIES` it is not read at all.
- Limits count networks: whoever has one address of IPv6 has the 2^64 beside it as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from aiohttp import web

from control_api.state import state
from control_api.webhooks.destinations import Address, Network

MAX_HOPS = 10
"""Of proxies of ours, one behind the other."""


def address_of(request: web.Request) -> str:
    """ "": unknown."""
    said = [part for header in request.headers.getall("X-Forwarded-For", []) for part in header.split(",")]
    return address_behind(request.remote or "", said, state(request).settings.trusted_proxies)


def network_of(request: web.Request) -> str:
    """What limits for strangers are counted by."""
    text = address_of(request)
    address = _parsed(text)
    return str(ip_network((address, 64), strict=False)) if isinstance(address, IPv6Address) else text


def address_behind(peer: str, said: Sequence[str], proxies: Sequence[Network]) -> str:
    """
    Args:
        peer: whom the connection is from.
        said: the hops of X-Forwarded-For, the nearest last.
    """
    found = peer
    for hop in reversed(said[-MAX_HOPS:]):
        address = _parsed(found)
        if address is None or not any(address in proxy for proxy in proxies):
            break
        before = _parsed(hop)
        if before is None:
            break
        found = str(before)
    return found


def _parsed(text: str) -> Address | None:
    """With or without a port, which some proxies write; an IPv4 address in IPv6 is one of IPv4."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address: IPv4Address | IPv6Address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
