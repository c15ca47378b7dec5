"""What a track delivers: one packet's audio, decoded, at its place on the track's own line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

HEARD_RATE_HZ = 48_000
NOTHING_HEARD: npt.NDArray[np.int16] = np.zeros(0, np.int16)


@dataclass(frozen=True, slots=True)
class AudioBlock:
    """One packet's audio, in order; what lies between two blocks was silence or is lost."""

    pts: int
    """Samples at 16 kHz on the track's own line; a jump is a gap."""
    samples: npt.NDArray[np.float32]
    """shape (n,), 16 kHz mono, -1 … 1."""
    heard: npt.NDArray[np.int16]
    """shape (m,), 48 kHz mono; empty while nobody may hear it, or it is silent."""
