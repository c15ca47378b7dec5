"""Which of the machine's addresses are offered as ICE host candidates.

aioice offers every address but 127.0.0.1, so a machine without a network could not reach itself; and a server often
wants to name one address only. aioice has no setting for it: its module function is replaced, for the process.
"""

from __future__ import annotations

from collections.abc import Sequence

import aioice.ice

_every_address = aioice.ice.get_host_addresses


def offer_addresses(addresses: Sequence[str]) -> None:
    """Offer these addresses; when there are none, every address of the machine and 127.0.0.1."""

    def chosen(use_ipv4: bool, use_ipv6: bool) -> list[str]:
        if addresses:
            return list(addresses)
        return ["127.0.0.1", *_every_address(use_ipv4=use_ipv4, use_ipv6=False)]

    aioice.ice.get_host_addresses = chosen
