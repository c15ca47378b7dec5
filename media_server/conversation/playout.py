"""The playout buffer of one talker: audio in order and in place, as late as its jitter needs and no later.

Rules:
- Audio lies on the track's own line (`pts`) and is read along it, 20 ms a time. What is missing is silence; what comes
  after it stays in its place.
- A block is needed when the frame with its first sample is read. The delay aimed at has 99 % of the blocks of the last
  five seconds there in time with 3 ms to spare, and is 200 ms at most.
- A block that came too late raises the delay at once: reading goes back to it, over the silence that stood for it.
- In quiet the delay goes to what is aimed at: a quiet frame is left out, or a silent one put in. Speech is cut only
  when the delay exceeds `LIMIT_SAMPLES`.
- Nothing is played twice or out of order, so what is repeated or comes too late to be put in order is dropped.
- A block that lies further off begins anew: the sender's line jumped, or the path became another.

Time and `pts` are samples of 16 kHz, audio is int16 of 48 kHz. Algorithmic latency: the delay; 3 to 23 ms after a block
came on a line without jitter, since reading has a clock of its own.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np
import numpy.typing as npt

from media_server.conversation.activity import is_quiet
from media_server.conversation.sample_ring import SampleRing
from media_server.conversation.types import ms_to_samples

Pcm = npt.NDArray[np.int16]

FRAME_SAMPLES = ms_to_samples(20)
SPARE_SAMPLES = ms_to_samples(3)
"""The event loop's own jitter."""
MOST_SAMPLES = ms_to_samples(200)
LIMIT_SAMPLES = MOST_SAMPLES + 2 * FRAME_SAMPLES
SLACK_SAMPLES = ms_to_samples(5)
"""More than a frame too much before one is left out, so that the delay does not swing."""
AHEAD_SAMPLES = ms_to_samples(500)
"""A block that comes so much sooner than all others lies on another line."""
BEHIND_SAMPLES = ms_to_samples(2_000)
"""A block so far before what was played is no repetition."""
WINDOW_BLOCKS = 250
PERCENT = 99
JUDGED_EVERY_BLOCKS = 10

HEARD_PER_SAMPLE = 3
KEPT_SAMPLES = ms_to_samples(1_000)


class Playout:
    """States: empty (no block yet) → playing."""

    def __init__(self) -> None:
        self._ring = SampleRing(KEPT_SAMPLES * HEARD_PER_SAMPLE)
        self._position: int | None = None
        """The next sample to be read; None while empty."""
        self._filled_end = 0
        """After the last sample that was ever written."""
        self._played_end: int | None = None
        """After the last one that was played; None before the first."""
        self._next_read: int | None = None
        """When; None before the first."""
        self._transits: deque[int] = deque(maxlen=WINDOW_BLOCKS)
        """Arrival less the start of the frame that needs the block."""
        self._fastest = 0
        self._needed = 0
        """The transit that reading should have."""
        self._unjudged = 0

    def write(self, pts: int, heard: Pcm, arrival: int) -> None:
        """Take a block of any length up to 120 ms."""
        heard = heard[: len(heard) // HEARD_PER_SAMPLE * HEARD_PER_SAMPLE]
        end = pts + len(heard) // HEARD_PER_SAMPLE
        if self._was_played(end):
            return
        position = self._position
        if position is None or self._is_elsewhere(pts, end, arrival, position):
            position = self._begin(pts, arrival)
        self._observe(arrival - pts + (pts - position) % FRAME_SAMPLES, is_late=pts < position)
        if pts < position:
            position = self._back_to(pts, position)
        elif self._next_read is not None:
            position = self._within_limit(position, self._next_read)
        self._position = position
        self._put(max(pts, position, pts if self._played_end is None else self._played_end), end, heard)

    def read(self, now: int) -> Pcm | None:
        """What is heard in the 20 ms from `now` on, shape (960,); None for silence. Asked every 20 ms."""
        self._next_read = now + FRAME_SAMPLES
        position = self._position
        if position is None:
            return None
        position = self._within_limit(position, now)
        spare = now - position - self._needed
        if spare < 0 and self._is_quiet_at(position):
            return None
        if spare >= FRAME_SAMPLES + SLACK_SAMPLES and self._is_quiet_at(position):
            self._take(position)
            position += FRAME_SAMPLES
        return self._take(position)

    # where to read

    def _was_played(self, end: int) -> bool:
        return self._played_end is not None and self._played_end - BEHIND_SAMPLES < end <= self._played_end

    def _is_elsewhere(self, pts: int, end: int, arrival: int, position: int) -> bool:
        off = arrival - pts - self._fastest
        is_line_before = self._played_end is not None and end <= self._played_end
        return is_line_before or not -AHEAD_SAMPLES <= off <= MOST_SAMPLES or end - position > KEPT_SAMPLES

    def _begin(self, pts: int, arrival: int) -> int:
        """Where to read so that this block is in time."""
        if self._played_end is not None and pts < self._played_end - BEHIND_SAMPLES:
            self._played_end = None
        self._ring.clear()
        self._filled_end = pts
        self._transits.clear()
        self._unjudged = JUDGED_EVERY_BLOCKS
        self._fastest = arrival - pts
        if self._next_read is None:
            return pts
        frames = math.ceil((arrival + SPARE_SAMPLES - self._next_read) / FRAME_SAMPLES)
        return pts - min(max(0, frames), MOST_SAMPLES // FRAME_SAMPLES) * FRAME_SAMPLES

    def _observe(self, transit: int, *, is_late: bool) -> None:
        self._transits.append(transit)
        self._fastest = min(self._fastest, transit)
        self._unjudged += 1
        if self._unjudged < JUDGED_EVERY_BLOCKS and not is_late:
            return
        self._unjudged = 0
        ranked = sorted(self._transits)
        self._fastest = ranked[0]
        worst = ranked[math.ceil(PERCENT / 100 * len(ranked)) - 1]
        self._needed = min(worst + SPARE_SAMPLES, self._fastest + MOST_SAMPLES)

    def _within_limit(self, position: int, now: int) -> int:
        while now - position > self._fastest + LIMIT_SAMPLES:
            self._take(position)
            position += FRAME_SAMPLES
        return position

    def _back_to(self, pts: int, position: int) -> int:
        """As many whole frames as the late block, the audio before it and the bound allow."""
        assert self._next_read is not None  # noqa: S101 - nothing is late before the first reading
        earliest = self._next_read - self._fastest - MOST_SAMPLES - FRAME_SAMPLES
        if self._played_end is not None:
            earliest = max(earliest, self._played_end)
        frames = math.ceil((position - pts) / FRAME_SAMPLES)
        return position - max(0, min(frames, (position - earliest) // FRAME_SAMPLES)) * FRAME_SAMPLES

    # the ring

    def _put(self, start: int, end: int, heard: Pcm) -> None:
        if start < end:
            self._ring.put(start * HEARD_PER_SAMPLE, heard[len(heard) - (end - start) * HEARD_PER_SAMPLE :])
            self._filled_end = max(self._filled_end, end)

    def _is_quiet_at(self, position: int) -> bool:
        if position >= self._filled_end:
            return True
        return is_quiet(self._ring.look(position * HEARD_PER_SAMPLE, FRAME_SAMPLES * HEARD_PER_SAMPLE))

    def _take(self, position: int) -> Pcm | None:
        """The frame there; reading goes on after it."""
        self._position = position + FRAME_SAMPLES
        if position >= self._filled_end:
            return None
        self._played_end = min(self._position, self._filled_end)
        return self._ring.take(position * HEARD_PER_SAMPLE, FRAME_SAMPLES * HEARD_PER_SAMPLE)
