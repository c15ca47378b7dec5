"""Which of a caller's ICE candidates are checked.

A candidate makes this machine send packets to whatever it names. Nobody needs those that are left out: the caller's own
checks reach us, and make the pair.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from media_server.rtc.addresses import offered


def may_be_checked(host: str) -> bool:
    """May this process send ICE checks to a caller's candidate there?"""
    return is_reachable(host, offered())


def is_reachable(host: str, offered: Sequence[str]) -> bool:
    """Can a caller be at `host`, when these addresses are offered (none: every one of the machine)?

    A loopback address only where one is offered, a private one unless only public ones are; never a name, nor what is
    link-local (cloud metadata is there), multicast, unspecified, reserved, or IPv4 in the form of IPv6.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    ours = [ipaddress.ip_address(one) for one in offered]
    if address.is_loopback:
        return not ours or any(one.is_loopback for one in ours)
    is_special = address.is_link_local or address.is_multicast or address.is_unspecified or address.is_reserved
    if is_special or (isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None):
        return False
    return address.is_global or not ours or not all(one.is_global for one in ours)
