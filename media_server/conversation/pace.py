"""When audio that comes before its time is enough of it.

Rules:
- What would lie too far ahead of its arrival was dropped already (`TrackClock`); here it is only counted.
- A tenth of real time is forgiven again, which no clock of a sound card needs and no sender in real time exceeds.
- The first drop is told once. With more than `most_s` of audio dropped the sender is to be cut off.

Time is an argument, in seconds of any one clock.
"""

from __future__ import annotations

from media_server.conversation.types import SAMPLE_RATE_HZ

FORGIVEN = 0.1


class Pace:
    """Of one participant's connection."""

    def __init__(self, most_s: float) -> None:
        self._most_s = most_s
        self._dropped_s = 0.0
        self._counted_at_s = 0.0
        self._is_news = False
        self._was_told = False

    def drop(self, samples: int, now_s: float) -> None:
        """So many samples of 16 kHz were dropped."""
        forgiven_s = FORGIVEN * max(0.0, now_s - self._counted_at_s)
        self._dropped_s = max(0.0, self._dropped_s - forgiven_s) + samples / SAMPLE_RATE_HZ
        self._counted_at_s = now_s
        self._is_news = not self._was_told

    def take_news(self) -> bool:
        """Whether the sender should be told now."""
        is_news, self._is_news = self._is_news, False
        self._was_told = self._was_told or is_news
        return is_news

    @property
    def is_enough(self) -> bool:
        return self._dropped_s > self._most_s
