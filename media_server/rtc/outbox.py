"""What goes to one participant over the two data channels.

`events` is reliable: nothing is left out, and a reader that is too far behind is closed (it comes back with its
`last_seq`). `live` may lose: a message is skipped for a reader that is behind, the next one replaces it.
"""

from __future__ import annotations

from collections.abc import Callable

from aiortc import RTCDataChannel, RTCPeerConnection

from media_server.settings import Limits

PROTOCOL = "liveconvo.v1"
EVENTS_ID = 0
LIVE_ID = 1


class Outbox:
    """Both channels of one peer; without them (a plain WHIP publisher) it swallows everything."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._events: RTCDataChannel | None = None
        self._live: RTCDataChannel | None = None

    def open(
        self, pc: RTCPeerConnection, on_message: Callable[[str | bytes], None], on_slow: Callable[[], None]
    ) -> None:
        """Create the pre-negotiated channels; only for an offer with m=application."""
        self._on_slow = on_slow
        self._events = pc.createDataChannel("events", protocol=PROTOCOL, negotiated=True, id=EVENTS_ID)
        self._live = pc.createDataChannel(
            "live", ordered=False, maxRetransmits=0, protocol=PROTOCOL, negotiated=True, id=LIVE_ID
        )
        self._events.on("message", on_message)

    def send_event(self, message: bytes) -> None:
        if self._events is None or self._events.readyState != "open":
            return
        if self._events.bufferedAmount > self._limits.events_buffered_bytes:
            self._on_slow()
            return
        self._events.send(message.decode())

    def send_live(self, message: bytes) -> None:
        if self._live is None or self._live.readyState != "open":
            return
        if self._live.bufferedAmount < self._limits.live_buffered_bytes:
            self._live.send(message.decode())

    @property
    def is_opening(self) -> bool:
        """Messages are wanted and cannot be sent yet."""
        return self._live is not None and self._live.readyState == "connecting"

    @property
    def buffered_bytes(self) -> int:
        return self._events.bufferedAmount if self._events is not None else 0
