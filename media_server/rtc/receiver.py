"""The one place where received audio becomes blocks on the media node's side.

It drains the track as fast as it delivers and never awaits compute: aiortc's queues have no bound, so whoever waits
here grows memory. The jitter buffer, the decoder and the guard in front of them are aiortc's own behind this seam.
"""

from __future__ import annotations

from collections.abc import Callable

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from media_server.rtc.audio_input import AudioBlock, AudioInput


async def receive_audio(track: MediaStreamTrack, on_block: Callable[[AudioBlock], None]) -> None:
    """Deliver the audio of `track` until it ends."""
    audio_input = AudioInput()
    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            return
        if isinstance(frame, AudioFrame):
            on_block(audio_input.convert(frame))


async def discard(track: MediaStreamTrack) -> None:
    """Consume a track that nobody wants, so that its queue stays empty."""
    while True:
        try:
            await track.recv()
        except MediaStreamError:
            return
