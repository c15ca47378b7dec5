"""A transcriber with real weights that hears two voices in real time; what became of it as JSON lines on stdout.

`python -m tests.starved_transcriber`: says {"ready"} when it listens, {"level", "at_s"} at each change, and answers the
word `tell` on stdin with what came since it was asked last.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from types import SimpleNamespace

from deploy.bench.rows import percentile
from deploy.call.audio_file import read_recording
from media_server.engines import catalog
from media_server.pipeline.listen import Listener
from media_server.pipeline.transcribe import Transcriber
from tests.overload import Voice, speaking

DEMO = Path(__file__).parents[1] / "deploy" / "demo"
ENGINES = SimpleNamespace(
    whisper_model=catalog.BUNDLED_MODEL, whisper_device="cpu", whisper_compute_type="", asr_workers=1, asr_batch=0
)


def say(**fields: object) -> None:
    print(json.dumps(fields), flush=True)  # noqa: T201


async def main() -> None:
    loop = asyncio.get_running_loop()
    recognizer = catalog.recognizer(ENGINES)
    listener = Listener(catalog.voice_activity(ENGINES))
    transcriber = Transcriber([recognizer], catalog.batch_size(ENGINES))
    samples = [read_recording(DEMO / f"{name}.opus").for_listening() for name in ("host", "guest")]
    voices = [Voice(one, listener, transcriber) for one in samples]
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    async with speaking(voices, listener, transcriber):
        say(ready=True)
        watching = asyncio.ensure_future(watch(transcriber))
        while await orders.readline():
            tell(voices)
        watching.cancel()
    say(utterances=sum(len(voice.ended) for voice in voices), is_whole=all(voice.is_whole for voice in voices))


async def watch(transcriber: Transcriber) -> None:
    loop, known = asyncio.get_running_loop(), "full"
    while True:
        if transcriber.level != known:
            known = transcriber.level
            say(level=known, at_s=loop.time())
        await asyncio.sleep(0.02)


def tell(voices: list[Voice]) -> None:
    """What came since the last time."""
    late_s = [late_s for voice in voices for late_s in voice.late_s]
    say(
        at_s=asyncio.get_running_loop().time(),
        given=len(late_s),
        marked=sum(voice.marked for voice in voices),
        partials=sum(voice.partials for voice in voices),
        p50_s=percentile(late_s, 50),
        p95_s=percentile(late_s, 95),
    )
    for voice in voices:
        voice.late_s, voice.marked, voice.partials = [], 0, 0


if __name__ == "__main__":
    asyncio.run(main())
