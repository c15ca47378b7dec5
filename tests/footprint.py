"""What a process holds that somebody may have forgotten: tasks, threads, descriptors, and objects of a call."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import os
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from aioice import Connection
from aiortc import RTCPeerConnection

from media_server.call import Call
from media_server.participant import Participant
from media_server.rtc.mixer import Talker
from media_server.rtc.opus import Decoder, Encoder
from media_server.rtc.peer import Peer
from media_server.rtc.receiver import AudioReceiver

OF_A_CALL = (Call, Participant, Peer, RTCPeerConnection, Connection, AudioReceiver, Talker, Decoder, Encoder)


@dataclass(frozen=True, slots=True)
class Footprint:
    tasks: int
    threads: int
    descriptors: int
    """Without TCP connections, whose pools grow and shrink."""
    objects: dict[str, int]
    """Of a call, by their class."""


def footprint() -> Footprint:
    gc.collect()
    objects = Counter(type(one).__name__ for one in gc.get_objects() if issubclass(type(one), OF_A_CALL))
    return Footprint(
        len(asyncio.all_tasks()),
        threading.active_count(),
        len(_descriptors()),
        dict(sorted(objects.items())),
    )


def _descriptors() -> list[str]:
    tables = (Path(f"/proc/self/net/{name}").read_text().splitlines()[1:] for name in ("tcp", "tcp6"))
    tcp = {f"socket:[{line.split()[9]}]" for table in tables for line in table}
    links = []
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # that of the folder itself
            links.append(os.readlink(f"/proc/self/fd/{name}"))
    return [link for link in links if link not in tcp]


def rss_mb() -> float:
    """What the process takes, less what it could give back."""
    gc.collect()
    getattr(ctypes.CDLL(None), "malloc_trim", lambda _: None)(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


async def at_rest(timeout_s: float = 30.0) -> Footprint:
    """What is held once it no longer changes."""
    before = footprint()
    async with asyncio.timeout(timeout_s):
        while True:
            await asyncio.sleep(0.3)
            if (now := footprint()) == before:
                return now
            before = now


async def back_to(before: Footprint, timeout_s: float = 30.0) -> Footprint:
    """What is held once it is no more than before; or, when that takes too long, what is held then."""
    until_s = time.monotonic() + timeout_s
    while (now := footprint()) != before and time.monotonic() < until_s:
        await asyncio.sleep(0.2)
    return now
