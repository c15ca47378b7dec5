"""Where a frame of one track lies on the call's timeline; everything is counted in samples of 16 kHz.

Rules:
- The first frame ends when it arrived. From then on the sender's `pts` decides, so a lost packet is a gap and never a
  shift, and jitter of the network moves nothing.
- A jump of `pts` of more than 2 s that the arrival does not share anchors the track again at its arrival.
- Drift anchors it again: a frame that arrives more than 400 ms before its place at once, a track that lags by more
  than 400 ms after 2 s in which no frame was better (a stall followed by a burst is no drift).
- A frame is never placed before the end of what was placed. One that would lie more than 2 s after its arrival for
  that, because its sender is faster than time, has no place.
"""

from __future__ import annotations

from media_server.conversation.types import ms_to_samples

JUMP_SAMPLES = ms_to_samples(2_000)
DRIFT_SAMPLES = ms_to_samples(400)
DRIFT_PERIOD_SAMPLES = ms_to_samples(2_000)
AHEAD_SAMPLES = ms_to_samples(2_000)


class TrackClock:
    """One track's place on the timeline; frames are given in the order of their `pts`."""

    def __init__(self, ahead_samples: int = AHEAD_SAMPLES) -> None:
        self._ahead_samples = ahead_samples
        self._anchor: int | None = None
        """Timeline position of `pts` 0; None before the first frame."""
        self._next_pts = 0
        self._last_arrival = 0
        self._placed_end = 0
        self._least_lag: int | None = None
        self._period_start = 0
        """When the period of `_least_lag` began; of no meaning while that is None."""

    def place(self, pts: int, n: int, arrival: int) -> int | None:
        """First sample of a frame of `n` samples that arrived at `arrival` on the call's timeline; None: it has no
        place there."""
        if self._anchor is None or self._jumped(pts, arrival - n):
            anchor = self._restart(pts, arrival - n)
        else:
            anchor = self._follow_drift(self._anchor, pts, arrival - n)
        self._anchor = anchor
        self._next_pts = pts + n
        self._last_arrival = arrival
        position = max(anchor + pts, self._placed_end)
        if position - (arrival - n) > self._ahead_samples:
            return None
        self._placed_end = position + n
        return position

    def _jumped(self, pts: int, latest: int) -> bool:
        step = pts - self._next_pts
        elapsed = latest - self._last_arrival
        return abs(step) > JUMP_SAMPLES and abs(step - elapsed) > JUMP_SAMPLES

    def _restart(self, pts: int, latest: int) -> int:
        self._least_lag = None
        return latest - pts

    def _follow_drift(self, anchor: int, pts: int, latest: int) -> int:
        lag = latest - (anchor + pts)
        if lag < -DRIFT_SAMPLES:
            return self._restart(pts, latest)
        if self._least_lag is None:
            self._least_lag, self._period_start = lag, latest
        self._least_lag = min(self._least_lag, lag)
        if latest - self._period_start < DRIFT_PERIOD_SAMPLES:
            return anchor
        least, self._least_lag = self._least_lag, None
        return anchor + least if least > DRIFT_SAMPLES else anchor
