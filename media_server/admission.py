"""Whether this node takes one more participant: by how many are here, how late its loop runs, its memory and files.

Rules:
- Nobody comes beyond the node's number of participants, whichever call they want to join.
- While memory is short nobody new comes either: the kernel would end the node, and all its calls. The same while few
  more files may be opened: what is left is for those who are here, to come back and to be written down.
- While the loop is late, no new call begins here; people still join a call that is here, since no other node has it.
- Late means: in at least half of the last two seconds' samples. A single stall (a large offer, a collection of
  garbage) closes nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque

from media_server import memory, telemetry
from media_server.open_files import free_files

SAMPLE_S = 0.1
SAMPLES = 20
SHORT = 2.0
"""The load of a node that is short of memory or of files."""
LOOK_S = 1.0
"""How often memory is looked at."""


class Admission:
    """Knows how the node has been for the last two seconds."""

    def __init__(self, max_participants: int, late_s: float, spare_bytes: int = 0, spare_files: int = 0) -> None:
        """Args: spare_bytes, spare_files: what must be left for those who are here."""
        self._max_participants = max_participants
        self._late_s = late_s
        self._spare_bytes = spare_bytes
        self._spare_files = spare_files
        self.free_bytes: int | None = None
        """Memory that is left; None: unknown."""
        self._latenesses_s: deque[float] = deque(maxlen=SAMPLES)

    def note(self, lateness_s: float) -> None:
        """How much later than it was due the loop came to something."""
        self._latenesses_s.append(lateness_s)

    @property
    def is_late(self) -> bool:
        late = sum(lateness_s > self._late_s for lateness_s in self._latenesses_s)
        return late * 2 >= SAMPLES

    @property
    def is_short_of_memory(self) -> bool:
        return self.free_bytes is not None and self.free_bytes < self._spare_bytes

    @property
    def is_short_of_files(self) -> bool:
        """Now: a second ago would be too old, in which a crowd may have come."""
        free = free_files()
        return free is not None and free < self._spare_files

    def is_open(self, participants: int, *, is_new_call: bool) -> bool:
        """Whether one more may come, with so many here."""
        if participants >= self._max_participants or self.is_short_of_memory or self.is_short_of_files:
            return False
        return not (is_new_call and self.is_late)

    def load(self, participants: int) -> float:
        """0 … 1, and over 1 when the node is full, late or short of something; by this new calls are placed."""
        worst = sorted(self._latenesses_s)[len(self._latenesses_s) // 2] if self._latenesses_s else 0.0
        short = SHORT * (self.is_short_of_memory or self.is_short_of_files)
        return max(participants / self._max_participants, worst / self._late_s, short)


async def watch_loop(admission: Admission) -> None:
    """Measure how late the event loop is, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + SAMPLE_S
        await asyncio.sleep(SAMPLE_S)
        lateness_s = max(0.0, loop.time() - due)
        admission.note(lateness_s)
        telemetry.LOOP_LATE.observe(lateness_s)


async def watch_memory(admission: Admission) -> None:
    """See how much memory is left, until cancelled."""
    while True:
        admission.free_bytes = await asyncio.to_thread(memory.free_bytes)
        if admission.free_bytes is not None:
            telemetry.MEMORY_FREE.set(admission.free_bytes)
        await asyncio.sleep(LOOK_S)
