"""What the benchmark knows of a peer: how it is started, and how one stream of audio goes in and text comes out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

Chunks = AsyncIterator[bytes]
"""16-bit PCM, 16 kHz mono, 40 ms each, as it is spoken; silence follows after the last clip."""
OnText = Callable[[Sequence[str], str], None]
"""Told what is committed since the stream began, piece by piece, and what is provisional."""


class PeerError(Exception):
    """A peer cannot be measured; the message is one line."""


@dataclass(frozen=True, slots=True)
class Peer:
    package: str
    """As PyPI has it."""
    setting: str
    """What was chosen, beyond its defaults."""
    has_process_per_stream: bool
    command: Callable[[Path, Path, str, int], list[str]]
    """Given its Python, the folder with the weights, the device and a port of 127.0.0.1."""
    talk: Callable[[aiohttp.ClientSession, int, Chunks, OnText], Coroutine[None, None, None]]
    """Connects to that port, and returns when the chunks are over and all text is there, or late by `DRAIN_S`."""
    tail_s: float
    """Silence that it needs after the last clip for its last final."""


DRAIN_S = 30.0
