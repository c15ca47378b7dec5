"""Run by the peers' Python, not by ours: one Pipecat pipeline for each WebSocket; 16-bit PCM in, finals out as text.

Arguments: folder of the weights, device, port.
"""

import asyncio
import sys

from aiohttp import WSMsgType, web
from loguru import logger
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import Frame, InputAudioRawFrame, TranscriptionFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.whisper.stt import WhisperSTTService
from pipecat.transcriptions.language import Language
from pipecat.workers.runner import WorkerRunner

RATE_HZ = 16_000


class Sink(FrameProcessor):  # type: ignore[misc]
    def __init__(self, socket: web.WebSocketResponse) -> None:
        super().__init__()
        self._socket = socket

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TranscriptionFrame) and not self._socket.closed:
            await self._socket.send_str(frame.text.strip())
        await self.push_frame(frame, direction)


def whisper(folder: str, device: str) -> WhisperSTTService:
    settings = WhisperSTTService.Settings(model=folder, language=Language.EN)
    return WhisperSTTService(
        device=device, compute_type="int8" if device == "cpu" else "int8_float16", settings=settings
    )


async def serve_call(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    stages = [VADProcessor(vad_analyzer=SileroVADAnalyzer()), request.app["whisper"], Sink(socket)]
    worker = PipelineWorker(
        Pipeline(stages), params=PipelineParams(audio_in_sample_rate=RATE_HZ), idle_timeout_secs=None, enable_rtvi=False
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    async for message in socket:
        if message.type is WSMsgType.BINARY:
            await worker.queue_frame(InputAudioRawFrame(message.data, RATE_HZ, 1))
    await worker.cancel()
    await running
    return socket


async def ready(request: web.Request) -> web.Response:
    return web.Response()


def main() -> None:
    folder, device, port = sys.argv[1:]
    logger.remove()
    app = web.Application()
    app["whisper"] = whisper(folder, device)
    app.add_routes([web.get("/", ready), web.get("/ws", serve_call)])
    web.run_app(app, host="127.0.0.1", port=int(port), print=None)


main()
