"""A participant in a process of its own, that a test may kill: `python -m tests.lone_peer MEDIA_URL TICKET`.

Says the UDP port that it sends from once it is in the call, and talks until it is killed.
"""

from __future__ import annotations

import asyncio
import sys

from media_server.rtc.heartbeat import transports
from tests.small_node import tone
from tests.talking_peer import TalkingPeer


async def talk(media_url: str, ticket: str) -> None:
    peer = TalkingPeer(media_url, ticket, tone(120))
    await peer.start()
    assert peer._pc is not None
    (transport,) = transports(peer._pc)
    (protocol,) = transport.transport._connection._protocols
    print(protocol.transport.get_extra_info("sockname")[1], flush=True)  # noqa: T201 - for whoever started it
    while True:
        peer.send({"type": "ping"})
        await asyncio.sleep(0.5)


if __name__ == "__main__":
    asyncio.run(talk(*sys.argv[1:]))
