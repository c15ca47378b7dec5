"""What goes to one participant over the two data channels.

Rules:
- `events` is reliable: nothing is left out. A reader that is too far behind is closed; it comes back with its
  `last_seq`. Whoever sends much at once waits for `room` in between.
- `live` is replaced, not queued: while a reader is behind on either channel, the newest message of each place waits
  here, and goes out when there is room. A final takes the place of its partials.
- A message larger than the other side takes (`a=max-message-size`, RFC 8841 §6) is not sent. For an event an `error`
  stands in its place, with its `seq`; a live message is left out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import orjson
from aiortc import RTCDataChannel, RTCPeerConnection

from media_server.settings import Limits
from media_server.telemetry import EVENTS_TOO_LARGE

log = logging.getLogger(__name__)

PROTOCOL = "liveconvo.v1"
EVENTS_ID = 0
LIVE_ID = 1


class Outbox:
    """Both channels of one peer; without them (a plain WHIP publisher) it swallows everything."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._events: RTCDataChannel | None = None
        self._live: RTCDataChannel | None = None
        self._waiting: dict[str, bytes] = {}
        """Live messages by place, the one that waits longest first."""
        self._drained = asyncio.Event()

    @property
    def has_channels(self) -> bool:
        """Whether this participant can be told anything, and can say anything but by audio."""
        return self._events is not None

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
        for channel in (self._events, self._live):
            channel.bufferedAmountLowThreshold = self._limits.live_buffered_bytes // 2
            channel.on("bufferedamountlow", self._on_drained)

    def send_event(self, message: bytes) -> None:
        if self._events is None or self._events.readyState != "open":
            return
        if self._events.bufferedAmount > self._limits.events_buffered_bytes:
            self._on_slow()
            return
        if not self._fits(self._events, message):
            EVENTS_TOO_LARGE.inc()
            message = _stand_in(message)
        if self._fits(self._events, message):
            self._events.send(message.decode())

    def send_live(self, message: bytes, place: str) -> None:
        if self._live is None or self._live.readyState != "open" or not self._fits(self._live, message):
            return
        self._waiting.pop(place, None)
        self._waiting[place] = message
        if len(self._waiting) > self._limits.live_places:
            del self._waiting[next(iter(self._waiting))]
        self._send_waiting()

    def forget_live(self, place: str) -> None:
        """What waits there is out of date."""
        self._waiting.pop(place, None)

    async def room(self) -> bool:
        """Wait until the reader is not behind; False: it takes nothing any more."""
        try:
            async with asyncio.timeout(self._limits.reader_stalled_s):
                while self._events is not None and self._is_behind():
                    self._drained.clear()
                    await self._drained.wait()
        except TimeoutError:
            log.info("reader took nothing")
            self._on_slow()
            return False
        return True

    @property
    def is_opening(self) -> bool:
        """Messages are wanted and cannot be sent yet."""
        return self._live is not None and self._live.readyState == "connecting"

    @property
    def buffered_bytes(self) -> int:
        return self._events.bufferedAmount if self._events is not None else 0

    def _is_behind(self) -> bool:
        assert self._events is not None and self._live is not None  # noqa: S101, PT018 - both or none
        return self._events.bufferedAmount + self._live.bufferedAmount > self._limits.live_buffered_bytes

    def _on_drained(self) -> None:
        self._drained.set()
        self._send_waiting()

    def _send_waiting(self) -> None:
        assert self._live is not None  # noqa: S101 - whoever calls has looked
        while self._waiting and self._live.readyState == "open" and not self._is_behind():
            self._live.send(self._waiting.pop(next(iter(self._waiting))).decode())

    @staticmethod
    def _fits(channel: RTCDataChannel, message: bytes) -> bool:
        most_bytes = channel.transport._remote_max_message_size
        return not most_bytes or len(message) <= most_bytes


def _stand_in(event: bytes) -> bytes:
    """What a reader is told instead of an event that it cannot take."""
    head = orjson.loads(event)
    return orjson.dumps(
        {
            "type": "error",
            "at_ms": head["at_ms"],
            "seq": head["seq"],
            "code": "event_too_large",
            "message": f"An entry of {len(event)} bytes is more than this client takes.",
            "fatal": False,
        }
    )
